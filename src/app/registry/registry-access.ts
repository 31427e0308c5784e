import { accessSync, statSync } from 'node:fs';
import { pastThere } from '../../daemon/control.ts';
import { AppError } from '../../domain/errors.ts';
import type { Examined } from '../../registry/backend.ts';
import type { OwnRegistry } from '../../registry/registry.ts';
import type { HistoryQuery, RegistryEvent } from '../../registry/types.ts';
import type { Config } from '../../settings/config.ts';
import { withoutPassword } from '../../settings/setting-values.ts';
import { anyDoor, type DaemonSurroundings } from '../daemon-client.ts';
import { backendAt, placeOfRegistry } from './registry-place.ts';

/** The registry that the settings describe, as commands see it. All methods reject with an AppError. */
interface RegistryAccess {
  readonly backend: 'memory' | 'disk' | 'cluster';
  /** The file, or the database without its password. */
  readonly where: string;
  /** Close it at the end. */
  open(): Promise<OwnRegistry>;
  /** What has happened. A registry that is not there yet is not made for this. */
  past(query: HistoryQuery): Promise<readonly RegistryEvent[]>;
  /** Looks whether all is well. Never rejects. */
  examine(): Promise<readonly Examined[]>;
  close(): Promise<void>;
}

const MORE = 'npm install --global @photostructure/sqlite@1, or Node 22.13 or newer, lets azlin keep them on disk';

export async function registryAccess(
  config: Config,
  around: DaemonSurroundings,
  warn: (line: string) => void,
): Promise<RegistryAccess> {
  const place = placeOfRegistry(config);
  const backend = await backendAt(place);
  const where =
    backend === 'disk' ? place.path : backend === 'cluster' ? withoutPassword(place.url) : "the daemon's memory";
  let opened: Promise<OwnRegistry> | undefined;
  const open = async () => {
    if (backend === 'memory') throw inMemory(place.backend === 'memory');
    const { openRegistry } = await import('./create-registry.ts');
    const { registryTtl: ttl, registryCleanUp: cleanUpEvery } = config;
    opened ??= openRegistry({ ...place, backend, ttl, cleanUpEvery, onWarning: warn });
    return opened;
  };
  return {
    ...{ backend, where, open },
    async past(query) {
      if (backend === 'disk' && isMissing(place.path)) return [];
      if (backend !== 'memory') return (await open()).history(query);
      const way = anyDoor(config, around);
      return (way && (await pastThere(way, place, query))) ?? [];
    },
    async examine() {
      if (backend === 'memory') return [{ status: 'ok', found: `in memory, gone with azlin's daemon; ${MORE}` }];
      const settings = passwordInSettings(config);
      if (backend === 'disk' && isMissing(place.path))
        return [...settings, { status: 'ok', found: `${where}, not created yet` }];
      return [...settings, ...(await (await open()).examine())];
    },
    close: async () => void (await opened?.then((registry) => registry.close()).catch(() => {})),
  };
}

/** Whether it is just not there yet: any other reason why it cannot be read is told when it is opened. */
function isMissing(path: string): boolean {
  try {
    accessSync(path);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function inMemory(isChosen: boolean): AppError {
  return new AppError('config', 'The registry is in memory: each process has its own, and it ends with the process', {
    hint: isChosen ? 'azlin config set registry.backend disk, or cluster' : MORE,
  });
}

/** Whoever can read the settings file could read the password, too. */
function passwordInSettings({ sources, registryUrl, file }: Config): readonly Examined[] {
  const isInFile = sources.registryUrl === 'file' || sources.registryUrl === 'context';
  if (!isInFile || registryUrl === undefined || withoutPassword(registryUrl) === registryUrl) return [];
  if (((statSync(file.path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) === 0) return [];
  const found = `${file.path} has the password of the registry, and others can read it`;
  return [{ status: 'warning', found, advice: `chmod 600 ${file.path}` }];
}
