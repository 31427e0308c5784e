import { AppError } from '../../domain/errors.ts';
import { printable } from '../../domain/text.ts';
import { type NamedSession, nameSession } from '../../operations/session.ts';
import { defineCommand, type View } from '../command.ts';
import { durationOf } from '../exec-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../options.ts';

const namedView: View<NamedSession> = {
  text: ({ sessionName }) => (sessionName === null ? '' : `${printable(sessionName)}\n`),
  records: (named) => named,
};

const LONGEST_TTL = 3_650 * 86_400_000;

export const session = defineCommand({
  name: 'session',
  usage: '<identifier> [name]',
  positionals: { identifier: 'vm:session, a session, or a VM', name: 'The friendly name to set' },
  summary: 'Show or set the friendly name of a session and how long it is needed; the whole team sees both',
  examples: [
    { line: 'azlin session myvm:dev', does: 'show it' },
    {
      line: 'azlin session myvm:dev production-deployment',
      does: 'set it; azlin connect production-deployment works from now on',
    },
    { line: 'azlin session myvm:dev --clear', does: 'remove it' },
    {
      line: 'azlin session myvm:dev --ttl 8h',
      does: 'azlin prune leaves it alone for 8 hours and closes it after that',
    },
  ],
  options: {
    clear: { kind: 'flag', describe: 'Remove the friendly name' },
    ttl: { kind: 'text', describe: 'How long it is needed from now on (30m, 8h, 3d); "none" takes that back' },
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run({ args, positionals, access, interrupts, note }) {
    const name = positionals['name'];
    if (args.clear && name !== undefined) throw new AppError('usage', 'Give a friendly name or --clear, not both');
    const ttl = args.ttl === 'none' ? null : durationOf('ttl', args.ttl);
    if (ttl && ttl > LONGEST_TTL)
      throw new AppError('usage', `--ttl ${args.ttl} is longer than ten years`, { hint: '--ttl none lets it stay' });
    const identifier = positionals['identifier'] ?? '';
    const friendlyName = args.clear ? null : name;
    const data = await nameSession(await access(), { identifier, friendlyName, ttl }, interrupts.signal);
    const where = `${data.hostname}:${data.session}`;
    if (data.expiresAt !== null) note(`${where} is needed until ${data.expiresAt}; azlin prune closes it after that`);
    else if (ttl === null) note(`${where} stays until somebody ends it`);
    if (data.sessionName === null && !args.clear && ttl === undefined) note(`${where} has no friendly name`);
    return { data };
  },
  view: namedView,
});
