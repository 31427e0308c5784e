import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { AppError } from '../../domain/errors.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { CommandSignal, RunningCommand, RunningJob } from './exec.ts';

/** Milliseconds a command has to end after a signal of ours before azlin leaves it. */
const GRACE = 1_000;
/** Milliseconds after which somebody who pressed Ctrl-C is told that the command goes on. */
const PATIENCE = 1_500;
/** Milliseconds that the word to a job may take to arrive. */
const CANCEL_LIMIT = 7_000;

/** How a command ends for somebody who does not want to wait for it. */
export interface EarlyEnd {
  /** Settles when the command did not end in time. */
  readonly outcome: Promise<Outcome>;
  /** How it ends for the user, whatever the command makes of the signal. */
  wanted(): Outcome | undefined;
  /** Ctrl-C: the first one goes to the command, the next one ends the wait. */
  press(): void;
  /** Nobody reads any more, as with `| head`; or the disk is full, and that must be said. */
  cannotWrite(error: NodeJS.ErrnoException): void;
  release(): void;
}

interface Ending {
  readonly clock: Clock;
  readonly caller: Caller;
  readonly note: (line: string) => void;
}

/** Ends a command before its time: at Ctrl-C, when the caller's signal aborts, when its output cannot be written. The command is always told. */
export function endEarly({ clock, caller, note }: Ending, command: RunningCommand): EarlyEnd {
  let settle = (_outcome: Outcome) => {};
  const outcome = new Promise<Outcome>((resolve) => {
    settle = resolve;
  });
  let wanted: Outcome | undefined;
  let cancelGrace = () => {};
  let isReleased = false;
  /** The one timer that ends the wait; none any more once nobody waits. */
  const settleIn = (ms: number, result: Outcome) => {
    cancelGrace();
    if (!isReleased) cancelGrace = clock.schedule(ms, () => settle(result));
  };
  const endWith = (told: Promise<void>, result: Outcome) => {
    wanted = result;
    settleIn(GRACE, result);
    // A job has ended for us when it has been told so.
    if (command.job) void told.then(() => settle(result));
  };
  /** Nobody else would say it: this is waited for. */
  const cancelJob = async ({ id, cancel }: RunningJob) => {
    const told = await Promise.race([
      cancel(),
      new Promise<false>((resolve) => {
        cancelGrace = clock.schedule(CANCEL_LIMIT, () => resolve(false));
      }),
    ]);
    // How it ended it says itself; it has been told to end, and that is waited for a little.
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
    // A mistake of ours is none of the user's, and ends no job.
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
      // Two presses at the very same moment are one signal to this process.
      cancelNote = clock.schedule(PATIENCE, () => note(stillRuns(command)));
    },
    cannotWrite(error) {
      const { job } = command;
      const hint = job && `job ${job.id} is still running; azlin logs ${job.id} has all of its output`;
      const cause = new AppError('usage', `Cannot write the output: ${error.message}`, { cause: error, hint });
      const result: Outcome = error.code === 'EPIPE' ? { kind: 'signaled', signal: 'PIPE' } : { kind: 'lost', cause };
      // A job of somebody else, or one whose output is safe on its VM, is none the worse for it.
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

function stillRuns({ target, job }: RunningCommand): string {
  const what = job && !job.endsWithUs ? 'leaves it running' : 'ends it';
  return `The command in "${target}" is still running after Ctrl-C; press it again and azlin ${what}`;
}

function detached(id: string, target: string): AppError {
  return new AppError('interrupted', `Left job ${id} on ${target}; it is still running`, {
    hint: `azlin logs --follow ${id} shows its output; azlin wait ${id}, azlin cancel ${id}`,
  });
}
