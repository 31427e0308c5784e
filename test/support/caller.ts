import { setMaxListeners } from 'node:events';
import { type Caller, silentCaller } from '../../src/domain/caller.ts';

/** Somebody to whom nothing is said and who cannot be asked; name what matters to the test. */
export function aCaller(fields: Partial<Caller> = {}): Caller {
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  return { ...silentCaller(signal), ...fields };
}
