import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { AppError } from '../../domain/errors.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { CommandSignal, RunningCommand, RunningJob } from './exec.ts';

/** Milliseconds that a command has to end after azlin signals it, before azlin stops waiting. */
const GRACE = 1_000;
/** Milliseconds after Ctrl-C until the user is told that the command is still running. */
const PATIENCE = 1_500;
/** Milliseconds that cancelling a job may take before azlin stops waiting. */
const CANCEL_LIMIT = 7_000;

/** How a command ends for a caller that stops waiting for it. */
export interface EarlyEnd {
  /** Settles when the command did not end in time. */
  readonly outcome: Promise<Outcome>;
  /** The outcome to report, no matter how the command reacts to the signal; undefined if the command's own outcome counts. */
  wanted(): Outcome | undefined;
  /** Handles Ctrl-C: the first one is passed on to the command, the next one ends the wait. */
  press(): void;
  /** Handles a failed write: the reader has gone, as with `| head`, or the disk is full, which must be reported. */
  cannotWrite(error: NodeJS.ErrnoException): void;
  release(): void;
}

interface Ending {
  readonly clock: Clock;
  readonly caller: Caller;
  readonly note: (line: string) => void;
}

/** Ends a command early: on Ctrl-C, when the caller's signal aborts, or when its output cannot be written. The command is told, unless it is to go on. */
export function endEarly({ clock, caller, note }: Ending, command: RunningCommand): EarlyEnd {
  let settle = (_outcome: Outcome) => {};
  const outcome = new Promise<Outcome>((resolve) => {
    settle = resolve;
  });
  let wanted: Outcome | undefined;
  let cancelGrace = () => {};
  let isReleased = false;
  /** Sets the one timer that ends the wait; does nothing once the wait is over. */
  const settleIn = (ms: number, result: Outcome) => {
    cancelGrace();
    if (!isReleased) cancelGrace = clock.schedule(ms, () => settle(result));
  };
  const endWith = (told: Promise<void>, result: Outcome) => {
    wanted = result;
    settleIn(GRACE, result);
    // A job needs no more waiting once it has been told to end.
    if (command.job) void told.then(() => settle(result));
  };
  /** Waits until the job has been told to end: once azlin is gone, nothing else would tell it. */
  const cancelJob = async ({ id, cancel }: RunningJob) => {
    const told = await Promise.race([
      cancel(),
      new Promise<false>((resolve) => {
        cancelGrace = clock.schedule(CANCEL_LIMIT, () => resolve(false));
      }),
    ]);
    // The job has been told to end and will say itself how it ended, so wait a little for that.
    if (told) return settleIn(GRACE, { kind: 'cancelled' });
    const message = `Interrupted; job ${id} on ${command.target} could not be told to end`;
    settle({ kind: 'lost', cause: new AppError('interrupted', message, { hint: `azlin cancel ${id} tries again` }) });
  };
  let isCancelling = false;
  const interrupted = (signal: CommandSignal) => {
    const { job, target } = command;
    if (!job) {
      const message = `Interrupted; the command in "${target}" was sent SIG${signal}`;
      return endWith(command.kill(signal), { kind: 'lost', cause: new AppError('interrupted', message) });
    }
    if (!job.endsWithUs) return settle({ kind: 'lost', cause: detached(job.id, target) });
    if (!isCancelling) void cancelJob(job);
    isCancelling = true;
  };
  let presses = 0;
  let cancelNote = () => {};
  const onAbort = () => {
    const reason = caller.signal.reason as AppError;
    // Only the user may end a job; other reasons for an abort, such as a bug in azlin, must not.
    if (reason.code !== 'interrupted') return settle({ kind: 'lost', cause: reason });
    interrupted('TERM');
  };
  caller.signal.addEventListener('abort', onAbort, { once: true });
  return {
    outcome,
    wanted: () => wanted,
    press() {
      cancelNote();
      if (++presses > 1 || command.job?.isWatched) return interrupted('KILL');
      void command.kill('INT');
      // Two presses at the same moment reach this process as one signal, so say that another press is needed.
      cancelNote = clock.schedule(PATIENCE, () => note(stillRuns(command)));
    },
    cannotWrite(error) {
      const { job } = command;
      const cause = cannotWrite(
        error,
        job && `job ${job.id} is still running; azlin logs ${job.id} has all of its output`,
      );
      const result: Outcome = error.code === 'EPIPE' ? { kind: 'signaled', signal: 'PIPE' } : { kind: 'lost', cause };
      // A job that already existed, or whose output is safe on its VM, can go on.
      if (job && (job.isFound || error.code !== 'EPIPE')) return settle(result);
      endWith(command.kill('HUP'), result);
    },
    release() {
      isReleased = true;
      cancelGrace();
      cancelNote();
      caller.signal.removeEventListener('abort', onAbort);
    },
  };
}

export function cannotWrite(error: Error, hint: string | undefined): AppError {
  return new AppError('usage', `Cannot write the output: ${error.message}`, { cause: error, hint });
}

function stillRuns({ target, job }: RunningCommand): string {
  const what = job && !job.endsWithUs ? 'leaves it running' : 'ends it';
  return `The command in "${target}" is still running after Ctrl-C; press it again and azlin ${what}`;
}

function detached(id: string, target: string): AppError {
  return new AppError('interrupted', `Left job ${id} on ${target}; it is still running`, {
    hint: `azlin logs --follow ${id} shows its output; azlin wait ${id}, azlin cancel ${id}`,
  });
}
