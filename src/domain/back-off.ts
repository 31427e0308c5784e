export interface BackOff {
  /** Milliseconds before the second attempt; each later one waits twice as long. */
  readonly first: number;
  /** Milliseconds that no wait exceeds. */
  readonly longest: number;
  /** Fraction of the wait that is random, so that many that failed at the same moment do not come back at the same moment; none by default. */
  readonly jitter?: number;
}

/** Milliseconds to wait after so many attempts, of which there was one at least. */
export function backOff({ first, longest, jitter = 0 }: BackOff, attempts: number): number {
  const wait = Math.min(first * 2 ** (attempts - 1), longest);
  return wait * (1 - jitter / 2 + Math.random() * jitter);
}
