import { join } from 'node:path';
import type { Caller } from '../../domain/caller.ts';
import { oneByOne } from '../../domain/concurrency.ts';
import { readCache, writeCache } from '../../store/cache-file.ts';

/** Where jobs run, by their ids: a hint that saves asking the whole fleet. */
export interface JobMemory {
  /** Identifiers whose VMs may have a job with that id. */
  recall(id: string, caller: Caller): Promise<readonly string[]>;
  remember(id: string, identifier: string, caller: Caller): Promise<void>;
  /** Everything remembered, newest first. */
  all(caller: Caller): Promise<Memory>;
}

/** How many jobs to remember; VMs keep jobs that have ended for a week at most. */
const KEPT = 500;

export function jobMemory(cacheDirectory: string): JobMemory {
  const path = join(cacheDirectory, 'jobs.json');
  const read = async ({ warn }: Caller) => (await readCache(path, isMemory, warn)) ?? [];
  // Many jobs may start at the same moment. Writing one after the other makes sure that none is lost.
  const inTurn = oneByOne();
  return {
    all: read,
    recall: async (id, caller) =>
      (await read(caller)).filter(([known]) => known === id).map(([, identifier]) => identifier),
    remember: (id, identifier, caller) =>
      inTurn(async () => {
        const others = (await read(caller)).filter(([known, place]) => known !== id || place !== identifier);
        await writeCache(path, [[id, identifier], ...others.slice(0, KEPT - 1)], caller.warn);
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
