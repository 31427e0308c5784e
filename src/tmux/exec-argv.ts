import { EXEC_SCRIPT, SIGNAL_SCRIPT } from './exec-script.ts';
import { nameToCreate, shArgv } from './sh-argv.ts';

/** What runs in a session, and how. */
export interface SessionCommand {
  readonly session: string;
  readonly create: boolean;
  /** `command` is for the shell; a script comes on standard input, followed by `end`, and `command` is what lists call it. */
  readonly run: {
    readonly kind: 'command' | 'script' | 'errexit';
    readonly command: string;
    readonly end: string;
  };
  readonly stdin: boolean;
  /** Milliseconds. */
  readonly timeout: number | undefined;
  /** Whether the SSH agent comes along. */
  readonly agent: boolean;
  /** Where to run instead of the session's directory. */
  readonly cwd: string | undefined;
  /** Lines of `export NAME='value'`, which come before anything else on standard input. */
  readonly variables: readonly string[];
  /** The shell to use instead of the login shell. */
  readonly shell: string | undefined;
}

/**
 * Runs a command in the session's context. The words of its status: created (0 or 1), `cwd` or `no-cwd`, its process id. `marker`: the
 * directory that will exist when the timeout ended it.
 */
export function execArgv(command: SessionCommand, marker: string): readonly string[] {
  return shArgv(EXEC_SCRIPT, enterArgs(command, marker));
}

/** The arguments of ENTER and BEGIN. */
export function enterArgs(command: SessionCommand, marker: string): readonly string[] {
  const { session, create, run, timeout, cwd = '', variables, shell = '' } = command;
  // A shell takes a command that starts with a dash for one of its own options.
  const line = run.command.replace(/^-/, ' -');
  const input = command.stdin || run.kind !== 'command' ? 'stdin' : '';
  const seconds = timeout === undefined ? ['', ''] : [`${Math.floor(timeout / 1_000)}`, `${(timeout % 1_000) / 1_000}`];
  return [
    session,
    create ? nameToCreate(session) : '',
    run.kind,
    line,
    input,
    ...seconds,
    marker,
    command.agent ? 'agent' : '',
    cwd,
    `${variables.length}`,
    shell,
    run.end,
  ];
}

export type CommandSignal = 'INT' | 'TERM' | 'HUP' | 'KILL';

/** Signals the whole process group of a command that `execArgv` started. */
export function signalArgv(signal: CommandSignal, pid: string): readonly string[] {
  return shArgv(SIGNAL_SCRIPT, [signal, pid]);
}
