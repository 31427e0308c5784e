import { AppError } from '../../domain/errors.ts';
import { printable } from '../../domain/text.ts';
import { type EnsuredSession, ensureSession } from '../../operations/sessions/ensure-session.ts';
import { attach, onTerminal, plainShell, requireTerminal } from '../attach/attach.ts';
import { type Args, type Call, defineCommand, type Options, type View } from '../command.ts';
import { resolveAlone } from '../exec/alone.ts';
import { runExec, type StartCommand } from '../exec/run-exec.ts';
import { refuseAttaching, refuseContradictions } from '../line/attach-options.ts';
import {
  ATTACH_OPTIONS,
  FORWARD_OPTION,
  SCOPE_OPTIONS,
  SSH_OPTIONS,
  START_OPTION,
  TTY_OPTION,
} from '../line/options.ts';

const ensuredView: View<EnsuredSession> = {
  text: ({ hostname, session, created }) =>
    `${printable(
      created ? `Created session "${session}" on ${hostname}` : `Session "${session}" already exists on ${hostname}`,
    )}\n`,
  records: (ensured) => ensured,
};

const OPTIONS = {
  'tmux-session': {
    kind: 'text',
    takes: 'SESSION',
    short: 's',
    describe: 'Session name; default: azlin (session.default)',
  },
  ...TTY_OPTION,
  detach: { kind: 'flag', short: 'd', describe: 'Create the session if it is missing, and do not attach' },
  ...ATTACH_OPTIONS,
  ...START_OPTION,
  ...SCOPE_OPTIONS,
  ...SSH_OPTIONS,
  ...FORWARD_OPTION,
} as const satisfies Options;

type SshCall = Call & { readonly args: Args<typeof OPTIONS> };

export const ssh = defineCommand({
  usage: '<host> [command..]',
  positionals: {
    host: 'VM name, resource-group/vm, or address',
    command: 'Run as ssh would, without a session: login shell, home directory',
  },
  examples: [
    { line: 'azlin ssh myvm', does: 'the default session' },
    { line: 'azlin ssh myvm --tmux-session alice', does: 'a session of your own' },
    { line: 'azlin ssh myvm --tmux-session job --detach', does: 'create it and return' },
    { line: 'azlin ssh myvm --no-tmux', does: 'a plain login shell' },
    { line: 'azlin ssh myvm uname -a', does: 'a command, as with ssh' },
  ],
  seeAlso: ['connect', 'list'],
  options: OPTIONS,
  takesTerminal: 'always',
  remote: 'after-options',
  failsWith255: 'with-command',
  async run(call) {
    const { args, positionals, remote, access, app, config, caller } = call;
    const host = positionals['host'] ?? '';
    const session = args['tmux-session'];
    refuseContradictions(args);
    if (remote.length > 0) return runAlone({ ...call, args }, host);
    if (args.tty) throw new AppError('usage', '--tty needs a command: a session has a terminal anyway');
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

/** Runs the command as ssh would: on the VM alone, with standard input, and a terminal only if asked for. */
function runAlone(call: SshCall, identifier: string): Promise<{ readonly exitCode?: number }> {
  const { args, remote: command, io } = call;
  if (args.detach || args['tmux-session'] !== undefined)
    throw new AppError('usage', 'A command of azlin ssh uses no session', {
      hint: 'azlin exec VM:SESSION COMMAND runs one in a session',
    });
  refuseAttaching(args, 'A command is not attached to');
  const fields = { command, create: false, timeout: undefined };
  const place = { identifier, why: 'a command of azlin ssh', line: 'azlin ssh' };
  if (!args.tty) {
    const start: StartCommand = async (access, _ref, caller) => {
      const { execCommand } = await import('../../operations/exec/exec.ts');
      const target = await resolveAlone(access, place, caller);
      return execCommand(access, { ...fields, stdin: io.stdin(), target }, caller);
    };
    return runExec(call, { identifier, start });
  }
  return onTerminal(call, {
    identifier,
    open: async (access, terminal, caller) => {
      const target = await resolveAlone(access, place, caller);
      const { execOnTerminal } = await import('../../operations/exec/exec-on-terminal.ts');
      return execOnTerminal(access, { ...fields, stdin: undefined, target, terminal }, caller);
    },
  });
}
