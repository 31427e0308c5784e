import type { Writable } from 'node:stream';
import type { Clock } from '../../domain/clock.ts';

/** Milliseconds that signing with a key of this machine takes, and until the first command comes behind it. */
const TOGETHER = 15;

interface Held {
  readonly stream: Writable;
  readonly clock: Clock;
}

/**
 * What is written until the returned function is called leaves together, and soon at the latest: a new connection may have ten packets on their way, and small
 * ones count like large ones.
 */
export function holdBack({ stream, clock }: Held): () => void {
  stream.cork();
  let isHeld = true;
  const release = () => {
    cancel();
    if (isHeld) stream.uncork();
    isHeld = false;
  };
  const cancel = clock.schedule(TOGETHER, release);
  return release;
}
