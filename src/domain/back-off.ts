export interface BackOff {
  /** Milliseconds before the second attempt; each later one waits twice as long. */
  readonly first: number;
  /** Milliseconds that no wait exceeds. */
  readonly longest: number;
  /** Part of the wait that chance decides: many that failed at the same moment should not come back at the same moment. None where it is left out. */
  readonly jitter?: number;
}

/** Milliseconds to wait after so many attempts, of which there was one at least. */
export function backOff({ first, longest, jitter = 0 }: BackOff, attempts: number): number {
  const wait = Math.min(first * 2 ** (attempts - 1), longest);
  return wait * (1 - jitter / 2 + Math.random() * jitter);
}
