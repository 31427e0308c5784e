import { printable } from '../../domain/text.ts';
import { connectSession } from '../../operations/connect.ts';
import { type EnsuredSession, ensureSession } from '../../operations/ssh.ts';
import { bridge } from '../bridge.ts';
import { defineCommand, type View } from '../command.ts';
import { FORWARD_OPTION, SCOPE_OPTIONS, SSH_OPTIONS, START_OPTION } from '../options.ts';

const ensuredView: View<EnsuredSession> = {
  text: ({ hostname, session, created }) =>
    `${printable(
      created ? `Created session "${session}" on ${hostname}` : `Session "${session}" is already on ${hostname}`,
    )}\n`,
  records: (ensured) => ensured,
};

export const ssh = defineCommand({
  name: 'ssh',
  usage: '<host>',
  positionals: { host: 'VM name, resource-group/vm, or address' },
  summary: 'Attach to a session on a VM, creating it if it is missing',
  examples: [
    { line: 'azlin ssh myvm', does: 'the default session' },
    { line: 'azlin ssh myvm --tmux-session alice', does: 'a session of your own' },
    { line: 'azlin ssh myvm --tmux-session job --detach', does: 'create it and return' },
  ],
  options: {
    'tmux-session': { kind: 'text', short: 's', describe: 'Session name (default: the default session)' },
    detach: { kind: 'flag', short: 'd', describe: 'Create the session if it is missing, attach to nothing' },
    ...START_OPTION,
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
    ...FORWARD_OPTION,
  },
  offersStart: true,
  async run({ args, positionals, access, app, config, interrupts }) {
    const host = positionals['host'] ?? '';
    const session = args['tmux-session'];
    // A colon of the host itself stands in the brackets of an IPv6 address.
    const isCompound = host.replace(/\[.*\]/, '').includes(':');
    const identifier = isCompound && session === undefined ? host : `${host}:${session ?? config.defaultSession}`;
    const terminal = app.terminal();
    if (args.detach || !terminal) return { data: await ensureSession(await access(), identifier, interrupts.signal) };
    const fleet = await access();
    return bridge({ terminal, interrupts, clock: app.clock }, (size) =>
      connectSession(fleet, { identifier, create: true, terminal: size }, interrupts.signal),
    );
  },
  view: ensuredView,
});
