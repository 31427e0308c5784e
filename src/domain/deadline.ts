import type { Clock } from './clock.ts';

export interface Deadline {
  readonly clock: Clock;
  /** Milliseconds from now. */
  readonly ms: number;
  readonly signal: AbortSignal;
  /** The error to reject with when the time is up. */
  readonly expired: () => Error;
}

/** Gives `work` a signal that aborts with `signal` or when the time is up, and rejects at that moment even if `work` goes on. */
export function withDeadline<T>(deadline: Deadline, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
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
    const cancel = deadline.clock.schedule(deadline.ms, () => giveUp(deadline.expired()));
    const settle = () => {
      cancel();
      signal.removeEventListener('abort', onAbort);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    work(controller.signal).then(
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

/** `work`, or the reason of `signal` as soon as that aborts: for work that cannot be broken off, and whose end nobody waits for then. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
