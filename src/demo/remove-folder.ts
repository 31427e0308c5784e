import { rmSync } from 'node:fs';

const TRIES = 50;
const PAUSE = 100;

/**
 * Removes a folder that programs which are just ending may still write to. `maxRetries` of `rmSync` would not do: it retries to remove the folder, but not
 * what was written there meanwhile. Throws if that goes on for five seconds.
 */
export function removeFolder(path: string): void {
  for (let tries = 1; ; tries++) {
    try {
      rmSync(path, { recursive: true, force: true });
      return;
    } catch (error) {
      if (tries >= TRIES || (error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
    }
  }
}
