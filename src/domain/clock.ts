/** The time, which tests can replace. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `run` after `ms` milliseconds; the returned function cancels that. */
  schedule(ms: number, run: () => void): () => void;
}

/** Resolves after `ms`, or rejects with the reason of `signal` when that comes first. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.schedule(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

export interface PausableClock extends Clock {
  /** Stands still until `work` is done: no timer runs out while somebody types. */
  duringPause<T>(work: () => Promise<T>): Promise<T>;
}

/** A clock that does not count pauses, neither in its time nor in its timers. */
export function pausableClock(base: Clock): PausableClock {
  interface Timer {
    readonly at: number;
    readonly run: () => void;
    cancel: () => void;
  }
  const timers = new Set<Timer>();
  let pauses = 0;
  let pausedSince = 0;
  let pausedInAll = 0;
  const now = () => (pauses > 0 ? pausedSince : base.now()) - pausedInAll;
  const start = (timer: Timer) => {
    timer.cancel = base.schedule(Math.max(0, timer.at - now()), () => {
      timers.delete(timer);
      timer.run();
    });
  };
  return {
    now,
    schedule(ms, run) {
      const timer: Timer = { at: now() + ms, run, cancel: () => {} };
      timers.add(timer);
      if (pauses === 0) start(timer);
      return () => {
        timers.delete(timer);
        timer.cancel();
      };
    },
    async duringPause(work) {
      if (pauses++ === 0) {
        pausedSince = base.now();
        for (const timer of timers) timer.cancel();
      }
      try {
        return await work();
      } finally {
        if (--pauses === 0) {
          pausedInAll += base.now() - pausedSince;
          for (const timer of timers) start(timer);
        }
      }
    },
  };
}

/** Milliseconds: between two looks, and how late a look must be to mean that the machine was asleep. */
const LOOK = 2_000;
const ASLEEP = 5_000;

/** Calls `onWake` after sleep: a connection rarely survives that, and otherwise only missed keepalives would show it. */
export function watchSleep(clock: Clock, onWake: () => void): () => void {
  let last = clock.now();
  let cancel = () => {};
  const look = () => {
    const now = clock.now();
    if (now - last > LOOK + ASLEEP) onWake();
    last = now;
    cancel = clock.schedule(LOOK, look);
  };
  cancel = clock.schedule(LOOK, look);
  return () => cancel();
}
