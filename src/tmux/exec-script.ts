import type { RemoteScript } from '../domain/remote-script.ts';
import { remoteScript, type ScriptValues } from '../remote/remote-script.ts';
import { creationValues } from './plain-word.ts';

/** What runs in a session, and how. */
export interface SessionCommand {
  readonly session: string;
  /** Run it as over ssh: in the home directory, without a session. */
  readonly alone: boolean;
  /** The label of whoever makes the session if it is missing; undefined to make none. */
  readonly owner: string | undefined;
  /** `text` is a command for the shell, words that are quoted for it, or a script; `title` is what lists call it. */
  readonly run: {
    readonly kind: 'command' | 'words' | 'script' | 'errexit';
    readonly text: Uint8Array | string;
    readonly title: string;
  };
  readonly stdin: boolean;
  /** Milliseconds. */
  readonly timeout: number | undefined;
  /** Milliseconds between SIGTERM and SIGKILL, for a command that azlin ends. */
  readonly killAfter: number;
  /** Whether the SSH agent is forwarded. */
  readonly agent: boolean;
  /** Where to run instead of the session's directory. */
  readonly cwd: string | undefined;
  /** Lines of `export NAME='value'`. */
  readonly variables: Uint8Array;
  /** The shell to use instead of the login shell. */
  readonly shell: string | undefined;
}

/** Runs a command in the session's context. The words of its status: created (0 or 1), `cwd` or `no-cwd`, its process id. `ticket`: for `timedOutScript`. */
export function execScript(command: SessionCommand, ticket: string): RemoteScript {
  return remoteScript('exec', { ...enterValues(command), input: command.stdin ? 'stdin' : '', ticket });
}

/** Runs a command on the terminal of the connection. The words of its status: created (0 or 1), `cwd` or `no-cwd`. */
export function terminalScript(command: SessionCommand): RemoteScript {
  return remoteScript('terminal', enterValues(command));
}

/** The values of context.sh and begin.sh, and those of a timeout. */
export function enterValues(command: SessionCommand): ScriptValues {
  const { session, alone, owner, run, timeout, cwd = '', variables, shell = '' } = command;
  return {
    session,
    alone: alone ? 'alone' : '',
    ...creationValues(session, owner),
    kind: run.kind,
    text: run.text,
    seconds: timeout === undefined ? '' : `${Math.floor(timeout / 1_000)}`,
    part: timeout === undefined ? '' : `${(timeout % 1_000) / 1_000}`,
    ...killAfterValue(command.killAfter),
    agent: command.agent ? 'agent' : '',
    directory: cwd,
    variables,
    given_shell: shell,
  };
}

/** The value for the milliseconds between SIGTERM and SIGKILL; scripts count whole seconds. */
export function killAfterValue(ms: number): ScriptValues {
  return { kill_after: `${Math.ceil(ms / 1_000)}` };
}

/** Asks whether the timeout ended the command with this ticket. The word of its status is `yes` or `no`. It can be asked only once. */
export function timedOutScript(ticket: string): RemoteScript {
  return remoteScript('timed-out', { ticket });
}

export type CommandSignal = 'INT' | 'TERM' | 'HUP' | 'KILL';

/**
 * Signals the whole process group of a command that `execScript` started. The signal request of the SSH protocol would not do: sshd refuses it to root. With
 * a ticket, signals only if the timeout has not ended the command.
 */
export function signalScript(signal: CommandSignal, pid: string, ticket = ''): RemoteScript {
  return remoteScript('signal', { signal, pid, ticket });
}
