export interface BackOff {
  /** Milliseconds before the second attempt; each later one waits twice as long. */
  readonly first: number;
  /** The longest wait in milliseconds. */
  readonly longest: number;
  /** The fraction of the wait that is random, so that many that failed at the same moment do not retry at the same moment; 0 by default. */
  readonly jitter?: number;
}

/** Milliseconds to wait after this many attempts, at least one. */
export function backOff({ first, longest, jitter = 0 }: BackOff, attempts: number): number {
  const wait = Math.min(first * 2 ** (attempts - 1), longest);
  return wait * (1 - jitter / 2 + Math.random() * jitter);
}
