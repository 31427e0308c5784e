import { pause } from '../../src/domain/clock.ts';
import { realClock } from './clock.ts';

/** Waits until `look` gives something other than undefined or false; fails with `what` after `ms`. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  ms = 15_000,
): Promise<Exclude<T, undefined | false>> {
  const start = realClock.now();
  const { signal } = new AbortController();
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen as Exclude<T, undefined | false>;
    const waited = realClock.now() - start;
    if (waited > ms) throw new Error(`timed out waiting for ${what}`);
    // Looking slows down what is waited for, so it is done less and less often.
    await pause(realClock, Math.min(25 + waited / 8, 250), signal);
  }
}
