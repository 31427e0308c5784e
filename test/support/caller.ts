import { setMaxListeners } from 'node:events';
import { type Caller, silentCaller } from '../../src/domain/caller.ts';

/** A caller who is told nothing and cannot be asked. Pass the fields that matter to the test. */
export function aCaller(fields: Partial<Caller> = {}): Caller {
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  return { ...silentCaller(signal), ...fields };
}
