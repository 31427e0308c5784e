import type { Readable } from 'node:stream';
import type { Clock } from '../domain/clock.ts';

export interface SilenceWatch {
  readonly stream: Readable;
  readonly clock: Clock;
  /** Milliseconds within which something should be received; 0 turns the watch off. */
  readonly ms: number;
  /** After this many such periods in a row without data, the silence is too long. */
  readonly times: number;
}

/**
 * Calls `onSilence` once nothing has been received for `ms` × `times`. All data counts, not only answers to keepalives, which wait behind other data on a
 * slow link. A laptop that was asleep gets the full time after it wakes. The returned function ends the watch.
 */
export function watchSilence({ stream, clock, ms, times }: SilenceWatch, onSilence: () => void): () => void {
  if (ms === 0) return () => {};
  let heardAt = clock.now();
  let silent = 0;
  const onData = () => {
    heardAt = clock.now();
    silent = 0;
  };
  const check = () => {
    const left = heardAt + ms - clock.now();
    if (silent === 0 && left > 0) {
      cancel = clock.schedule(left, check);
      return;
    }
    silent++;
    if (silent >= times) return onSilence();
    cancel = clock.schedule(ms, check);
  };
  let cancel = clock.schedule(ms, check);
  stream.on('data', onData);
  return () => {
    cancel();
    stream.off('data', onData);
  };
}
