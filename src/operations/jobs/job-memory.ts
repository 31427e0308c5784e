import { join } from 'node:path';
import { oneByOne } from '../../domain/concurrency.ts';
import { readCache, writeCache } from '../../store/cache-file.ts';

/** Where jobs run, by their ids: a hint that saves asking the whole fleet. */
export interface JobMemory {
  /** Identifiers whose VMs may have a job of that id. */
  recall(id: string): Promise<readonly string[]>;
  remember(id: string, identifier: string): Promise<void>;
  /** The newest first. */
  all(): Promise<Memory>;
}

/** Jobs are kept on their VMs for a week at most. */
const KEPT = 500;

export function jobMemory(cacheDirectory: string, warn: (line: string) => void): JobMemory {
  const path = join(cacheDirectory, 'jobs.json');
  const read = async () => (await readCache(path, isMemory, warn)) ?? [];
  // Many jobs may start at the same moment, and none is to be forgotten.
  const inTurn = oneByOne();
  return {
    all: read,
    recall: async (id) => (await read()).filter(([known]) => known === id).map(([, identifier]) => identifier),
    remember: (id, identifier) =>
      inTurn(async () => {
        const others = (await read()).filter(([known, place]) => known !== id || place !== identifier);
        await writeCache(path, [[id, identifier], ...others.slice(0, KEPT - 1)], warn);
      }),
  };
}

type Memory = readonly (readonly [id: string, identifier: string])[];

function isMemory(value: unknown): value is Memory {
  return (
    Array.isArray(value) &&
    value.every((one) => Array.isArray(one) && one.length === 2 && one.every((text) => typeof text === 'string'))
  );
}
