import { join, resolve } from 'node:path';
import type { RegistryPlace } from '../../registry/history.ts';
import type { Config } from '../../settings/config.ts';

/* What commands need that only name the registry: nothing of it is loaded for them. */

/** Where the settings say that sessions and their history are kept. */
export function placeOfRegistry(config: Config): RegistryPlace {
  const { home, registryBackend: backend, registryPath, registryUrl: url, keepEvents } = config;
  return { backend, path: resolve(registryPath ?? join(home, 'registry.db')), url, keepEvents };
}

/** What `auto` means here. */
export async function backendAt({ backend, url }: RegistryPlace): Promise<'memory' | 'disk' | 'cluster'> {
  if (backend !== 'auto') return backend;
  if (url !== undefined) return 'cluster';
  const { hasSqlite } = await import('../../registry/sql/sqlite-file.ts');
  return hasSqlite() ? 'disk' : 'memory';
}
