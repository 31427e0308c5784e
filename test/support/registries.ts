import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Backend } from '../../src/registry/backend.ts';
import { cachedBackend } from '../../src/registry/cached-backend.ts';
import { memoryBackend } from '../../src/registry/memory-backend.ts';
import { type OwnRegistry, type RegistrySettings, registryOn } from '../../src/registry/registry.ts';
import { postgresEngine } from '../../src/registry/sql/postgres-engine.ts';
import { sqlBackend } from '../../src/registry/sql/sql-backend.ts';
import { sqliteEngine } from '../../src/registry/sql/sqlite-engine.ts';
import { type ManualClock, manualClock, realClock } from './clock.ts';
import { type Postgres, startPostgres } from './postgres.ts';

export interface TestRegistry {
  readonly registry: OwnRegistry;
  readonly clock: ManualClock;
  /** Another one on the same records, with the same clock; undefined where they are of one process. */
  another(): Promise<OwnRegistry>;
  /** The file, where there is one. */
  readonly path: string;
  readonly warnings: string[];
}

export const BACKENDS = ['memory', 'disk', 'cluster'] as const;

let server: Promise<Postgres> | undefined;
let databases = 0;

/** The URL of an empty database; its server is the same for all tests of a file. */
async function newDatabase(): Promise<string> {
  server ??= startPostgres();
  const postgres = await server;
  const name = `registry${++databases}`;
  postgres.sql(`CREATE DATABASE ${name} OWNER team`);
  return postgres.url().replace(/registry$/, name);
}

export async function closeServer(): Promise<void> {
  (await server)?.close();
  server = undefined;
}

const made: (() => Promise<void>)[] = [];

/** A registry with a clock of its own: a minute to live, and no cleaning but when asked. */
export async function aRegistry(
  kind: (typeof BACKENDS)[number],
  settings: Partial<RegistrySettings> = {},
): Promise<TestRegistry> {
  const clock = manualClock(1_700_000_000_000);
  const directory = mkdtempSync('/tmp/azlin-lab-');
  const path = join(directory, 'registry.db');
  const warnings: string[] = [];
  const memory = memoryBackend();
  const url = kind === 'cluster' ? await newDatabase() : '';
  const backendOf = async (): Promise<Backend> => {
    if (kind === 'memory') return memory;
    if (kind === 'cluster') return cachedBackend(sqlBackend(await postgresEngine({ url, clock: realClock })));
    return sqlBackend(await sqliteEngine({ path, clock: realClock, warn: (line) => warnings.push(line) }));
  };
  const make = async () => {
    const one = registryOn({
      ...{ backend: await backendOf(), clock, ttl: 60_000, cleanUpEvery: undefined, keepEvents: 86_400_000 },
      ...{ rate: { calls: 3, per: 1_000 }, ...settings },
    });
    made.push(() => one.close());
    return one;
  };
  made.push(async () => rmSync(directory, { recursive: true, force: true }));
  return { registry: await make(), clock, another: make, path, warnings };
}

/** Closes all that were made. */
export async function closeRegistries(): Promise<void> {
  for (const close of made.splice(0).reverse()) await close().catch(() => {});
}
