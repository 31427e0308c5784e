import { randomBytes } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { messageOf } from '../domain/errors.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { RunArgv } from '../domain/run-argv.ts';
import { describeTarget } from '../targets/target.ts';
import { type CommandSignal, execArgv, signalArgv, type ExecRequest as TmuxExec } from '../tmux/server.ts';
import { runOverSsh } from '../transport/run-argv.ts';
import { quoteArgv } from '../transport/shell-quote.ts';
import type { RemoteProcess } from '../transport/transport.ts';
import type { FleetAccess } from './fleet-access.ts';
import { type Reached, withTarget } from './reach.ts';
import { start } from './started.ts';

export type { CommandSignal };

export interface ExecRequest {
  readonly identifier: string;
  /** One word goes to the login shell as it is, several are quoted so that they arrive as they were. */
  readonly command: readonly string[] | 'script' | 'script-errexit';
  /** Whether something will be written to the command's standard input. A script comes there. */
  readonly stdin: boolean;
  /** Make the session if it is missing. A default session is always made. */
  readonly create: boolean;
  /** Milliseconds, enforced on the VM. */
  readonly timeout: number | undefined;
}

/** A command that has started. Both outputs must be read. */
export interface RunningCommand {
  /** `myvm:dev`. */
  readonly target: string;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Never rejects. Settles when the command has ended and its output has arrived. */
  readonly outcome: Promise<Outcome>;
  /** Signals the command's whole process group. Never rejects: a command that cannot be reached is one that is lost. */
  kill(signal: CommandSignal): Promise<void>;
}

/** Starts a command in the session's context. Rejects with an AppError when it was not started. */
export function execCommand(access: FleetAccess, request: ExecRequest, signal: AbortSignal): Promise<RunningCommand> {
  return withTarget({ access, identifier: request.identifier, signal }, async (reached) => {
    const { target } = reached;
    const timeout = request.timeout === undefined ? undefined : { ms: request.timeout, marker: newMarker() };
    const create = request.create || target.origin === 'default';
    const agent = target.endpoint.ssh.forwardAgent !== undefined;
    const { session } = target;
    const argv = execArgv({ session, create, run: runOf(request), stdin: request.stdin, timeout, agent });
    const { remote, words } = await start({ access, reached, argv, signal });
    const [, place, pid = ''] = words;
    if (place === 'no-cwd')
      access.warn(`${describeTarget(target)}: its directory is gone; the command runs in the home directory`);
    return {
      target: describeTarget(target),
      stdin: remote.stdin,
      stdout: remote.stdout,
      stderr: remote.stderr,
      outcome: outcomeOf({ access, reached, remote, timeout, pid, startedAt: access.clock.now() }),
      kill: (name) => sendSignal(access, reached, signalArgv(name, pid)),
    };
  });
}

/** A directory on the VM that nobody can guess. */
function newMarker(): string {
  return `/tmp/azlin-${randomBytes(16).toString('hex')}`;
}

function runOf({ command }: ExecRequest): TmuxExec['run'] {
  if (command === 'script') return { kind: 'script' };
  if (command === 'script-errexit') return { kind: 'errexit' };
  const [only = ''] = command;
  return { kind: 'command', command: command.length === 1 ? only : quoteArgv(command) };
}

interface Ending {
  readonly access: FleetAccess;
  readonly reached: Reached;
  readonly remote: RemoteProcess;
  readonly timeout: { readonly ms: number; readonly marker: string } | undefined;
  readonly pid: string;
  readonly startedAt: number;
}

async function outcomeOf(ending: Ending): Promise<Outcome> {
  const { access, reached, remote, timeout, startedAt } = ending;
  if (!timeout) return remote.exit;
  const backup = endLeftovers(ending, timeout.ms + LEFTOVER_DELAY);
  const exit = await remote.exit;
  backup.cancel();
  if (exit.kind === 'lost') return exit;
  // Only a command that ran for about that long is worth the question whether the timeout ended it.
  if (access.clock.now() - startedAt < timeout.ms * 0.9 - 1_000) return exit;
  const byWatchdog = await timedOut(access, reached, timeout.marker);
  return byWatchdog || backup.wasNeeded() ? { kind: 'timed-out' } : exit;
}

async function sendSignal(access: FleetAccess, reached: Reached, argv: readonly string[]): Promise<void> {
  try {
    await runner(access, reached)(argv, new AbortController().signal);
  } catch (error) {
    access.trace(`${describeTarget(reached.target)}: cannot signal the command: ${messageOf(error)}`);
  }
}

/** Milliseconds after which the watchdog on the VM should have ended everything, and after which nobody asks any more. */
const LEFTOVER_DELAY = 1_500;
const KILL_DELAY = 5_000;

/**
 * The watchdog leaves with the command itself, but azlin waits for whatever the command left in the background with its output.
 * That is ended from here.
 */
function endLeftovers({ access, reached, pid }: Ending, ms: number) {
  let needed = false;
  let cancel = access.clock.schedule(ms, () => {
    needed = true;
    void sendSignal(access, reached, signalArgv('TERM', pid));
    cancel = access.clock.schedule(KILL_DELAY, () => void sendSignal(access, reached, signalArgv('KILL', pid)));
  });
  return { cancel: () => cancel(), wasNeeded: () => needed };
}

/** The watchdog on the VM leaves a directory when it ends a command; taking it away answers the question exactly once. */
async function timedOut(access: FleetAccess, reached: Reached, marker: string): Promise<boolean> {
  try {
    const { code } = await runner(access, reached)(['rmdir', marker], new AbortController().signal);
    return code === 0;
  } catch (error) {
    access.warn(
      `${describeTarget(reached.target)}: cannot tell whether the timeout ended the command: ${messageOf(error)}`,
    );
    return false;
  }
}

/** What is asked about a command must be answered even when this run is being interrupted; it has a deadline of its own. */
function runner(
  { clock, commandDeadline: deadline }: FleetAccess,
  { connection, target: { endpoint } }: Reached,
): RunArgv {
  return runOverSsh({ connection, endpoint, clock, deadline });
}
