import { printable } from '../../domain/text.ts';
import { type RenamedSession, renameSession } from '../../operations/sessions/rename.ts';
import { defineCommand, type View } from '../command.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';

const renamedView: View<RenamedSession> = {
  text: ({ hostname, before, session }) => `${printable(`${hostname}:${before} is now ${hostname}:${session}`)}\n`,
  records: (renamed) => renamed,
};

export const rename = defineCommand({
  usage: '<identifier> <name>',
  positionals: { identifier: 'vm:session, a session, or a VM', name: 'Its new name' },
  examples: [
    { line: 'azlin rename myvm:dev api', does: 'myvm:api from now on' },
    { line: 'azlin rename myvm work', does: 'the default session' },
    { line: 'azlin rename dev api --resource-group rg-web', does: 'the only session of that name there' },
  ],
  seeAlso: ['session', 'list'],
  options: { ...SCOPE_OPTIONS, ...SSH_OPTIONS },
  async run({ positionals, access, caller }) {
    const { identifier = '', name = '' } = positionals;
    return { data: await renameSession(await access(), { target: identifier, name }, caller) };
  },
  view: renamedView,
});
