import { backOff } from '../../domain/back-off.ts';
import { type Clock, pause } from '../../domain/clock.ts';
import { type Slot, slots } from '../../domain/concurrency.ts';
import { orAborted } from '../../domain/deadline.ts';
import { AppError } from '../../domain/errors.ts';

/** How many at once, and when to stop. */
export interface Limits {
  /** At most this many run at once. */
  readonly fanout: number;
  /** This many must succeed before the others begin; 0 for no canary. */
  readonly canary: number;
  /** Begin nothing more once something has failed. */
  readonly failFast: boolean;
  /** How many times to try again to begin what could not begin. */
  readonly retries: number;
}

/** `again`: failed before anything happened, so that it may be tried again. `absent`: there was nothing to do. */
export type Verdict = 'done' | 'failed' | 'again' | 'absent';

export interface FanOut<T, R> {
  readonly items: readonly T[];
  readonly limits: Limits;
  readonly clock: Clock;
  /** Begins nothing more once it aborts; its reason is an AppError. */
  readonly signal: AbortSignal;
  /** Set if nothing is to begin at all: why. */
  readonly stop?: AppError | undefined;
  /** Must not reject. `attempt` counts from 1. */
  readonly run: (item: T, slot: Slot, attempt: number) => Promise<R>;
  readonly verdict: (result: R) => Verdict;
  /** The result of one that was not begun. */
  readonly skip: (item: T, why: AppError) => R;
  /** Called with each result that is final. */
  readonly settled: (result: R) => Promise<void>;
  readonly nameOf: (item: T) => string;
}

const AGAIN = { first: 1_000, longest: 15_000, jitter: 0.5 };

/** Does the same for every item, and returns the results in the order of the items. */
export async function fanOut<T, R>(work: FanOut<T, R>): Promise<readonly R[]> {
  const { items, limits, signal, verdict, skip, settled, nameOf } = work;
  const gate = slots(limits.fanout);
  const results: R[] = [];
  let { stop } = work;
  const oneOf = async (index: number, item: T): Promise<Verdict> => {
    const slot = await entered(gate.enter(), signal);
    if (!slot) {
      const result = skip(item, signal.reason as AppError);
      results[index] = result;
      await settled(result);
      return 'absent';
    }
    // With --fail-fast or a canary, a place is not lent: the result must be known before the next target begins.
    const own = limits.failFast || isCanary ? { ...slot, lend: () => {} } : slot;
    try {
      const why = signal.aborted ? (signal.reason as AppError) : stop;
      const result = why ? skip(item, why) : await attempts(work, item, own);
      results[index] = result;
      await settled(result);
      const said = why ? 'absent' : verdict(result);
      if (limits.failFast && (said === 'failed' || said === 'again')) stop ??= failedFast(nameOf(item));
      return said;
    } finally {
      slot.leave();
    }
  };
  const queue = [...items.entries()];
  let isCanary = limits.canary > 0;
  for (let good = 0; good < limits.canary && queue.length > 0 && !stop; ) {
    const turn = queue.splice(0, limits.canary - good);
    const said = await Promise.all(turn.map(([index, item]) => oneOf(index, item)));
    good += said.filter((one) => one === 'done').length;
    const failed = turn.filter((_, at) => said[at] === 'failed' || said[at] === 'again');
    if (failed.length > 0 && !signal.aborted) stop ??= canaryFailed(failed.map(([, item]) => nameOf(item)));
  }
  isCanary = false;
  await Promise.all(queue.map(([index, item]) => oneOf(index, item)));
  return results;
}

/** Waits for a place; undefined if everything is stopped before one is free. */
async function entered(entering: Promise<Slot>, signal: AbortSignal): Promise<Slot | undefined> {
  try {
    return await orAborted(entering, signal);
  } catch {
    void entering.then((slot) => slot.leave());
    return undefined;
  }
}

async function attempts<T, R>({ limits, clock, signal, verdict, run }: FanOut<T, R>, item: T, slot: Slot): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    const result = await run(item, slot, attempt);
    if (verdict(result) !== 'again' || attempt > limits.retries || signal.aborted) return result;
    slot.lend();
    await pause(clock, backOff(AGAIN, attempt), signal).catch(() => {});
    await orAborted(slot.takeBack(), signal).catch(() => {});
    if (signal.aborted) return result;
  }
}

function failedFast(name: string): AppError {
  return new AppError('interrupted', `skipped: ${name} failed, and --fail-fast was given`);
}

function canaryFailed(names: readonly string[]): AppError {
  return new AppError('interrupted', `skipped: the canary ${names.join(', ')} failed`);
}
