import { AppError } from '../../domain/errors.ts';
import { printable } from '../../domain/text.ts';
import { type EnsuredSession, ensureSession } from '../../operations/sessions/ensure-session.ts';
import { attach, plainShell, requireTerminal } from '../attach/attach.ts';
import { defineCommand, type View } from '../command.ts';
import { refuseAttaching, refuseContradictions } from '../line/attach-options.ts';
import { ATTACH_OPTIONS, FORWARD_OPTION, SCOPE_OPTIONS, SSH_OPTIONS, START_OPTION } from '../line/options.ts';

const ensuredView: View<EnsuredSession> = {
  text: ({ hostname, session, created }) =>
    `${printable(
      created ? `Created session "${session}" on ${hostname}` : `Session "${session}" already exists on ${hostname}`,
    )}\n`,
  records: (ensured) => ensured,
};

export const ssh = defineCommand({
  usage: '<host>',
  positionals: { host: 'VM name, resource-group/vm, or address' },
  examples: [
    { line: 'azlin ssh myvm', does: 'the default session' },
    { line: 'azlin ssh myvm --tmux-session alice', does: 'a session of your own' },
    { line: 'azlin ssh myvm --tmux-session job --detach', does: 'create it and return' },
    { line: 'azlin ssh myvm --no-tmux', does: 'a plain login shell' },
  ],
  seeAlso: ['connect', 'list'],
  options: {
    'tmux-session': {
      kind: 'text',
      takes: 'SESSION',
      short: 's',
      describe: 'Session name; default: azlin (session.default)',
    },
    detach: { kind: 'flag', short: 'd', describe: 'Create the session if it is missing, and do not attach' },
    ...ATTACH_OPTIONS,
    ...START_OPTION,
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
    ...FORWARD_OPTION,
  },
  offersStart: true,
  async run(call) {
    const { args, positionals, access, app, config, caller } = call;
    const host = positionals['host'] ?? '';
    const session = args['tmux-session'];
    refuseContradictions(args);
    if (args.detach) refuseAttaching(args, '--detach does not attach');
    // The colons of an IPv6 address are in brackets and do not count.
    const isCompound = host.replace(/\[.*\]/, '').includes(':');
    if (args['no-tmux'] && (session !== undefined || isCompound))
      throw new AppError('usage', '--no-tmux uses no session: name the VM alone');
    const identifier = isCompound && session === undefined ? host : `${host}:${session ?? config.defaultSession}`;
    const terminal = app.terminal();
    if (args['no-tmux']) {
      requireTerminal(call, host);
      return plainShell(call, identifier);
    }
    if (args.detach || !terminal) return { data: await ensureSession(await access(), identifier, caller) };
    return attach({ ...call, args }, { identifier, create: true, terminal });
  },
  view: ensuredView,
});
