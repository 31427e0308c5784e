import { accessSync, statSync } from 'node:fs';
import { pastThere, troubleThere } from '../../daemon/control.ts';
import { AppError, messageOf, toAppError } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import type { Examined } from '../../registry/backend.ts';
import type { HistoryTrouble } from '../../registry/history.ts';
import type { OwnRegistry } from '../../registry/registry.ts';
import type { HistoryQuery, RegistryEvent } from '../../registry/types.ts';
import type { Config } from '../../settings/config.ts';
import { hasPassword, withoutPassword } from '../../settings/setting-values.ts';
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
  /** Why azlin's daemon cannot write the history; undefined if it can. */
  trouble(): Promise<HistoryTrouble | undefined>;
  /** Looks whether all is well. Never rejects. */
  examine(): Promise<readonly Examined[]>;
  close(): Promise<void>;
}

const MORE = 'npm install --global @photostructure/sqlite@1, or Node 22.13 or newer, lets azlin keep it on disk';

export async function registryAccess(
  config: Config,
  around: DaemonSurroundings,
  warn: (line: string) => void,
): Promise<RegistryAccess> {
  const place = placeOfRegistry(config);
  const backend = await backendAt(place);
  const where =
    backend === 'disk' ? place.path : backend === 'cluster' ? withoutPassword(place.url) : "the daemon's memory";
  const isChosen = place.backend === 'memory';
  let opened: Promise<OwnRegistry> | undefined;
  const open = async () => {
    if (backend === 'memory') throw inMemory(isChosen);
    if (backend === 'cluster' && place.url === undefined) throw noUrl();
    const { openRegistry } = await import('./create-registry.ts');
    // What has expired is removed by those who serve sessions, and by the daemon.
    opened ??= openRegistry({ ...place, backend, cleanUpEvery: Number.POSITIVE_INFINITY, onWarning: warn });
    return opened;
  };
  const examine = async (): Promise<readonly Examined[]> => {
    if (backend === 'memory')
      return [{ status: 'ok', found: `in memory, gone when azlin's daemon ends${isChosen ? '' : `; ${MORE}`}` }];
    if (backend === 'disk' && isMissing(place.path)) return [{ status: 'ok', found: `${where}, not created yet` }];
    return (await open()).examine();
  };
  const trouble = async () => {
    const way = anyDoor(config, around);
    return way && troubleThere(way, place).catch((error: unknown) => ({ why: messageOf(error), waiting: undefined }));
  };
  return {
    ...{ backend, where, open, trouble },
    async past(query) {
      if (backend === 'disk' && isMissing(place.path)) return [];
      if (backend !== 'memory') return (await open()).history(query);
      const way = anyDoor(config, around);
      return (way && (await pastThere(way, place, query))) ?? [];
    },
    async examine() {
      const found = await examine().catch((error: unknown): readonly Examined[] => {
        const { message, hint: advice } = toAppError(error);
        return [{ status: 'failed', found: message, advice }];
      });
      const failing = await trouble();
      const lost = failing && { status: 'failed' as const, found: troubleText(failing) };
      return [...passwordInSettings(config), ...found, ...(lost ? [lost] : [])];
    },
    close: async () => void (await opened?.then((registry) => registry.close()).catch(() => {})),
  };
}

function troubleText({ why, waiting }: HistoryTrouble): string {
  const many = waiting === undefined ? '' : ` (${count(waiting, 'event')} ${waiting === 1 ? 'waits' : 'wait'})`;
  return `azlin's daemon cannot write the history${many}: ${why}`;
}

function inMemory(isChosen: boolean): AppError {
  return new AppError('config', 'The registry is in memory: each process has its own, and it ends with the process', {
    hint: isChosen ? 'azlin config set registry.backend disk, or cluster' : MORE,
  });
}

function noUrl(): AppError {
  return new AppError('config', 'The registry is set to use a database, but registry.url is not set', {
    hint: 'azlin config set registry.url postgres://user:password@host/database',
  });
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

/** Whoever can read the settings file could read the password, too. */
function passwordInSettings({ sources, registryUrl, file }: Config): readonly Examined[] {
  const isInFile = sources.registryUrl === 'file' || sources.registryUrl === 'context';
  if (!isInFile || registryUrl === undefined || !hasPassword(registryUrl)) return [];
  if (((statSync(file.path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) === 0) return [];
  const found = `${file.path} has the password of the registry, and others can read it`;
  return [{ status: 'warning', found, advice: `chmod 600 ${file.path}` }];
}
