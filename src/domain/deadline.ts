import type { Clock } from './clock.ts';

export interface Deadline {
  readonly clock: Clock;
  /** Milliseconds from now. */
  readonly ms: number;
  readonly signal: AbortSignal;
  /** The error to reject with when the time is up. */
  readonly expired: () => Error;
}

/** Sets how many milliseconds there are in all, counted from the start. */
export type Extend = (ms: number) => void;

/** Gives `work` a signal that aborts with `signal` or when the time is up, and rejects at that moment even if `work` goes on. */
export function withDeadline<T>(
  deadline: Deadline,
  work: (signal: AbortSignal, extend: Extend) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const { signal } = deadline;
    if (signal.aborted) return reject(signal.reason);
    const controller = new AbortController();
    const giveUp = (reason: unknown) => {
      settle();
      controller.abort(reason);
      reject(reason);
    };
    const onAbort = () => giveUp(signal.reason);
    const { clock, ms } = deadline;
    const since = clock.now();
    const expire = () => giveUp(deadline.expired());
    let cancel = clock.schedule(ms, expire);
    const extend: Extend = (longer) => {
      cancel();
      if (!isOver) cancel = clock.schedule(Math.max(0, longer - (clock.now() - since)), expire);
    };
    let isOver = false;
    const settle = () => {
      isOver = true;
      cancel();
      signal.removeEventListener('abort', onAbort);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    work(controller.signal, extend).then(
      (value) => {
        settle();
        resolve(value);
      },
      (error: unknown) => {
        settle();
        reject(error);
      },
    );
  });
}

/** The result of `work`, or the reason of `signal` as soon as that aborts. For work that cannot be cancelled: nobody waits for its end then. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Work that several wait for. */
export interface SharedWork<T> {
  /** The result, or the reason of `signal`: each caller waits as long as it likes. */
  join(signal: AbortSignal): Promise<T>;
  /** Resolves when it is done, has failed, or was given up. */
  readonly over: Promise<unknown>;
  /** Whether it was given up, because nobody waited for it any more. */
  isGivenUp(): boolean;
}

/** Starts work that one who waits cannot cancel for the others: its signal aborts only when nobody waits any more. */
export function sharedWork<T>(start: (signal: AbortSignal) => Promise<T>): SharedWork<T> {
  const stop = new AbortController();
  const result = start(stop.signal);
  let waiting = 0;
  return {
    over: result.catch(() => {}),
    isGivenUp: () => stop.signal.aborted,
    async join(signal) {
      waiting++;
      try {
        return await orAborted(result, signal);
      } finally {
        if (--waiting === 0) stop.abort(signal.reason);
      }
    },
  };
}
