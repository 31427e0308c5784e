import { AppError } from '../../domain/errors.ts';
import { count, printable } from '../../domain/text.ts';
import { type Disconnected, disconnectSession } from '../../operations/disconnect.ts';
import { defineCommand, type View } from '../command.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../options.ts';

const disconnectedView: View<Disconnected> = {
  text({ hostname, session, detached, killed }) {
    const clients = detached === 0 ? 'nobody was attached' : `${count(detached, 'client')} detached`;
    const which = printable(`${hostname}:${session}`);
    return killed ? `Ended ${which} (${clients})\n` : `${which}: ${clients}\n`;
  },
  records: (disconnected) => disconnected,
};

export const disconnect = defineCommand({
  name: 'disconnect',
  usage: '<identifier>',
  positionals: { identifier: 'vm:session, a session, or a VM' },
  summary: 'Detach the clients of a session; the session and what runs in it stay',
  examples: [
    { line: 'azlin disconnect myvm:dev', does: 'detach everybody' },
    { line: 'azlin disconnect dev', does: 'the only session of that name in the fleet' },
    {
      line: 'azlin disconnect myvm:dev --client bob@laptop',
      does: 'detach one; azlin status myvm:dev shows who is there',
    },
    { line: 'azlin disconnect myvm:dev --kill', does: 'end the session and what runs in it' },
  ],
  options: {
    kill: { kind: 'flag', describe: 'End the session as well' },
    client: { kind: 'text', describe: 'Only the clients of this label; azlin status shows them' },
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run({ args, positionals, access, interrupts }) {
    const { kill, client } = args;
    if (kill && client !== undefined)
      throw new AppError('usage', 'Give --kill or --client, not both: a session ends for everybody');
    const request = { identifier: positionals['identifier'] ?? '', kill, client };
    return { data: await disconnectSession(await access(), request, interrupts.signal) };
  },
  view: disconnectedView,
});
