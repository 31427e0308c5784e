import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Caller } from '../../domain/caller.ts';
import { AppError, inDoubt, messageOf, toAppError } from '../../domain/errors.ts';
import { type Outcome, outcomeOfError } from '../../domain/outcome.ts';
import type { RemoteScript } from '../../domain/remote-script.ts';
import { describeTarget } from '../../targets/target.ts';
import { type CommandSignal, execScript, signalScript, timedOutScript } from '../../tmux/exec-script.ts';
import { parseStatus } from '../../tmux/status.ts';
import type { RemoteProcess } from '../../transport/transport.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { noteCommand } from '../access/history-notes.ts';
import { startScript } from '../access/start-script.ts';
import { type Reached, withTarget } from '../access/with-target.ts';
import { type ExecRequest, mayGoEarly, prepare, programOf, timeLimit } from './exec-request.ts';

export type { CommandSignal };

/** A command that has started. Both outputs must be read. */
export interface RunningCommand {
  /** `myvm:dev`. */
  readonly target: string;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Never rejects. Settles when the command has ended and its output has arrived. */
  readonly outcome: Promise<Outcome>;
  /** Signals the command's whole process group. Never rejects: a command that cannot be reached counts as lost. */
  kill(signal: CommandSignal): Promise<void>;
  /** Only for a durable command. */
  readonly job?: RunningJob;
}

export interface RunningJob {
  readonly id: string;
  /** Whether the job already existed, so that nothing was started. */
  readonly isFound: boolean;
  /** Whether ending azlin ends the job. */
  readonly endsWithUs: boolean;
  /** Whether azlin only watches the job, so that Ctrl-C is not meant for the command. */
  readonly isWatched: boolean;
  /** Tells the job to end. Resolves to whether that reached it; never rejects. */
  cancel(): Promise<boolean>;
  /** Stops following it. */
  leave(): void;
}

/**
 * Starts a command in the session's context. Rejects with an AppError if the command was certainly not started. If it may have been, resolves to a command
 * without output whose outcome says so.
 */
export function execCommand(access: FleetAccess, request: ExecRequest, caller: Caller): Promise<RunningCommand> {
  return withTarget({ access, target: request.target, caller }, async (reached) => {
    const { target } = reached;
    const timeout = timeLimit(request, access.clock.now());
    const ticket = randomBytes(16).toString('hex');
    const command = prepare({ ...request, timeout }, target, access.settings);
    const program = programOf(request.command);
    const script = execScript(command, ticket);
    const early = mayGoEarly(request);
    const started = await startScript({ access, reached, script, early, caller }).catch(toAppError);
    if (started instanceof AppError) {
      if (!started.mayHaveRun) throw started;
      const running = neverConfirmed(describeTarget(target), started);
      return { ...running, outcome: noteCommand(access, target, { program, outcome: running.outcome }) };
    }
    const { remote, words } = started;
    const [, went, pid = ''] = words;
    if (went === 'no-cwd')
      caller.warn(`${describeTarget(target)}: its directory no longer exists; the command runs in the home directory`);
    const kill: RunningCommand['kill'] = (name) => sendSignal(caller, reached, signalScript(name, pid));
    if (request.stdin) feed(request.stdin, remote, () => void kill('TERM'));
    const limit = timeout === undefined ? undefined : { ms: timeout, ticket };
    return {
      target: describeTarget(target),
      stdout: remote.stdout,
      stderr: remote.stderr,
      outcome: noteCommand(access, target, {
        program,
        outcome: outcomeOf({ access, caller, reached, remote, timeout: limit, pid, startedAt: access.clock.now() }),
      }),
      kill,
    };
  });
}

/** Passes on the command's input. If the input breaks off, the command is ended: it must not take part of the input for all of it. */
function feed(source: Readable, { stdin, exit }: RemoteProcess, broken: () => void): void {
  let isOver = false;
  const onBreak = () => {
    if (isOver || source.readableEnded) return;
    isOver = true;
    broken();
  };
  // Stays registered: an error without a listener would end azlin.
  source.on('error', onBreak);
  source.once('close', onBreak);
  if (source.destroyed) onBreak();
  source.pipe(stdin);
  void exit.then(() => {
    isOver = true;
    source.unpipe(stdin);
  });
}

/** A command that may or may not have begun. */
function neverConfirmed(target: string, error: AppError): RunningCommand {
  const { code, message } = error;
  const hint = 'use --durable, which tries again and never starts it twice';
  const asked = new AppError(code, message, { hint: code === 'interrupted' ? undefined : hint, cause: error });
  return {
    target,
    stdout: Readable.from([]),
    stderr: Readable.from([]),
    outcome: Promise.resolve(outcomeOfError(inDoubt(asked))),
    kill: async () => {},
  };
}

/** Milliseconds, and the name under which the watchdog records that it ended the command. */
interface TimeLimit {
  readonly ms: number;
  readonly ticket: string;
}

interface Ending {
  readonly access: FleetAccess;
  readonly caller: Caller;
  readonly reached: Reached;
  readonly remote: RemoteProcess;
  readonly timeout: TimeLimit | undefined;
  readonly pid: string;
  readonly startedAt: number;
}

async function outcomeOf(ending: Ending): Promise<Outcome> {
  const { access, caller, reached, remote, timeout, startedAt } = ending;
  if (!timeout) return remote.exit.then(withAdvice);
  const backup = endLeftovers(ending, timeout);
  const exit = await Promise.race([remote.exit, backup.givenUp]);
  backup.cancel();
  if (exit.kind === 'lost' || exit.kind === 'timed-out') return withAdvice(exit);
  // Ask whether the timeout ended the command only if it ran for about that long.
  if (access.clock.now() - startedAt < timeout.ms * 0.9 - 1_000) return exit;
  const byWatchdog = await timedOut(caller, reached, timeout.ticket);
  return byWatchdog || backup.wasNeeded() ? { kind: 'timed-out', after: timeout.ms } : exit;
}

/** Adds a hint if the connection was lost: the watchdog ends the command as soon as the VM notices. */
function withAdvice(outcome: Outcome): Outcome {
  if (outcome.kind !== 'lost' || outcome.cause.code !== 'connection-lost') return outcome;
  const { code, message, cause } = outcome.cause;
  const hint =
    'the VM ends the command when it notices the lost connection; use --durable to keep it running and reconnect';
  return { kind: 'lost', cause: new AppError(code, message, { hint, cause }) };
}

/** For questions about a command. They need an answer even when the call is being aborted, and have a deadline of their own. */
const always = () => new AbortController().signal;

async function sendSignal({ trace }: Caller, { run, target }: Reached, script: RemoteScript): Promise<void> {
  try {
    await run(script, always());
  } catch (error) {
    trace(`${describeTarget(target)}: cannot signal the command: ${messageOf(error)}`);
  }
}

/** Milliseconds after the timeout by which the watchdog on the VM should have ended everything, and after SIGKILL when azlin stops waiting. */
const LEFTOVER_DELAY = 1_500;
const GIVE_UP_DELAY = 1_000;

/**
 * The watchdog exits with the command, but azlin also waits for background processes that hold the command's output open. This ends them at the timeout.
 * It does not wait for a process that has left the process group and holds the output open forever.
 */
function endLeftovers({ access, caller, reached, remote, pid }: Ending, { ms, ticket }: TimeLimit) {
  const { clock } = access;
  let needed = false;
  let cancel = () => {};
  const givenUp = new Promise<Outcome & { readonly kind: 'timed-out' }>((resolve) => {
    const giveUp = () => {
      remote.stdout.destroy();
      remote.stderr.destroy();
      remote.close();
      resolve({ kind: 'timed-out', after: ms });
    };
    const kill = () => {
      void sendSignal(caller, reached, signalScript('KILL', pid));
      cancel = clock.schedule(GIVE_UP_DELAY, giveUp);
    };
    cancel = clock.schedule(ms + LEFTOVER_DELAY, () => {
      needed = true;
      void sendSignal(caller, reached, signalScript('TERM', pid, ticket));
      cancel = clock.schedule(access.settings.killAfter, kill);
    });
  });
  return { givenUp, cancel: () => cancel(), wasNeeded: () => needed };
}

/** Whether the timeout ended the command. The watchdog on the VM leaves a mark when it does; asking removes the mark, so it can be asked only once. */
async function timedOut({ warn }: Caller, { run, target }: Reached, ticket: string): Promise<boolean> {
  try {
    const { stdout } = await run(timedOutScript(ticket), always());
    const status = parseStatus(stdout);
    return status.kind === 'ok' && status.words[0] === 'yes';
  } catch (error) {
    warn(`${describeTarget(target)}: cannot tell whether the timeout ended the command: ${messageOf(error)}`);
    return false;
  }
}
