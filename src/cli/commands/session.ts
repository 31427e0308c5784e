import { AppError } from '../../domain/errors.ts';
import { printable } from '../../domain/text.ts';
import { type NamedSession, nameSession } from '../../operations/session.ts';
import { defineCommand, type View } from '../command.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../options.ts';

const namedView: View<NamedSession> = {
  text: ({ sessionName }) => (sessionName === null ? '' : `${printable(sessionName)}\n`),
  records: (named) => named,
};

export const session = defineCommand({
  name: 'session',
  usage: '<identifier> [name]',
  positionals: { identifier: 'vm:session, a session, or a VM', name: 'The friendly name to set' },
  summary: 'Show, set or remove the friendly name of a session, which the whole team sees',
  examples: [
    { line: 'azlin session myvm:dev', does: 'show it' },
    {
      line: 'azlin session myvm:dev production-deployment',
      does: 'set it; azlin connect production-deployment works from now on',
    },
    { line: 'azlin session myvm:dev --clear', does: 'remove it' },
  ],
  options: {
    clear: { kind: 'flag', describe: 'Remove the friendly name' },
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run({ args, positionals, access, interrupts, note }) {
    const name = positionals['name'];
    if (args.clear && name !== undefined) throw new AppError('usage', 'Give a friendly name or --clear, not both');
    const identifier = positionals['identifier'] ?? '';
    const friendlyName = args.clear ? null : name;
    const data = await nameSession(await access(), { identifier, friendlyName }, interrupts.signal);
    if (data.sessionName === null && !args.clear) note(`${data.hostname}:${data.session} has no friendly name`);
    return { data };
  },
  view: namedView,
});
