import type { Readable } from 'node:stream';
import type { Clock } from '../domain/clock.ts';

export interface SilenceWatch {
  readonly stream: Readable;
  readonly clock: Clock;
  /** Milliseconds in which something should be heard; 0 watches nothing. */
  readonly ms: number;
  /** So many of them in a row are too many. */
  readonly times: number;
}

/**
 * Calls `onSilence` once nothing has been heard for `ms` × `times`. Whatever comes counts, not only answers to keepalives: those wait behind the data of a
 * slow link. A laptop that was asleep gets the full time after it wakes. What it returns ends the watch.
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
