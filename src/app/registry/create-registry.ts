import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../../domain/clock.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import type { Backend } from '../../registry/backend.ts';
import { cachedBackend } from '../../registry/cached-backend.ts';
import { memoryBackend } from '../../registry/memory-backend.ts';
import { checkObject, checkTtl } from '../../registry/record.ts';
import { type OwnRegistry, registryOn } from '../../registry/registry.ts';
import { sqlBackend } from '../../registry/sql/sql-backend.ts';
import type { Registry, RegistryOptions } from '../../registry/types.ts';
import { systemClock } from '../system-clock.ts';

const PRESETS = {
  development: { backend: 'memory', ttl: 300_000, cleanUpEvery: 60_000 },
  single: { backend: 'disk', ttl: 3_600_000, cleanUpEvery: 120_000 },
  team: { backend: 'cluster', ttl: 3_600_000, cleanUpEvery: 120_000 },
} as const;
const KEEP_EVENTS = 7 * 86_400_000;
const RATE = { calls: 600, per: 60_000 };

/** Opens a registry of sessions: `import { createRegistry } from 'azlin'`. Close it at the end. Rejects with an AzlinError. */
export async function createRegistry(options?: RegistryOptions): Promise<Registry> {
  return openRegistry(options);
}

/** The same, for azlin itself. */
export async function openRegistry(options: RegistryOptions = {}): Promise<OwnRegistry> {
  const { preset = 'development' } = checkObject(options, 'The options');
  if (!Object.hasOwn(PRESETS, preset))
    throw new AppError('usage', `"${preset}" is not a preset: development, single or team`);
  const usual = PRESETS[preset];
  const { ttl = usual.ttl, cleanUpEvery = usual.cleanUpEvery, keepEvents = KEEP_EVENTS, rate = RATE } = options;
  const { calls, per } = checkObject(rate, 'rate');
  for (const [name, value] of Object.entries({ cleanUpEvery, keepEvents }))
    if (!(typeof value === 'number' && value >= 1))
      throw new AppError('usage', `${name} must be a number of milliseconds`);
  if (!(Number.isInteger(calls) && calls >= 1 && Number.isFinite(per) && per >= 1))
    throw new AppError('usage', 'rate must have a number of calls, and of milliseconds (per)');
  const checkedTtl = checkTtl(ttl);
  return registryOn({
    ...(await backendOf({ ...options, backend: options.backend ?? usual.backend })),
    ttl: checkedTtl,
    cleanUpEvery: cleanUpEvery === Number.POSITIVE_INFINITY ? undefined : cleanUpEvery,
    keepEvents,
    rate: { calls, per },
  });
}

/** With the clock that all who use it have in common. */
async function backendOf(options: RegistryOptions): Promise<{ readonly backend: Backend; readonly clock: Clock }> {
  const clock = systemClock;
  const { backend, path, url, onWarning: warn = (line) => process.emitWarning(line) } = options;
  switch (backend) {
    case 'memory':
      return { backend: memoryBackend(), clock };
    case 'disk': {
      if (!path || path === ':memory:') throw new AppError('usage', 'The backend "disk" needs the path of a file');
      makeFolder(path);
      const { sqliteEngine } = await import('../../registry/sql/sqlite-engine.ts');
      return { backend: sqlBackend(await sqliteEngine({ path, clock, warn })), clock };
    }
    case 'cluster': {
      if (url === undefined)
        throw new AppError('usage', 'The backend "cluster" needs the URL of a PostgreSQL database');
      const { postgresEngine } = await import('../../registry/sql/postgres-engine.ts');
      const engine = await postgresEngine({ url, clock });
      return { backend: cachedBackend(sqlBackend(engine)), clock: { ...clock, now: engine.now } };
    }
    default:
      throw new AppError('usage', `"${backend}" is not a backend: memory, disk or cluster`);
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new AppError('registry-failed', `Cannot open the registry ${path}: ${messageOf(cause)}`, {
      cause,
      hint: 'name another place for it: registry.path',
    });
  }
}
