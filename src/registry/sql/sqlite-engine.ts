import { watch } from 'node:fs';
import type { Clock } from '../../domain/clock.ts';
import { oneByOne } from '../../domain/concurrency.ts';
import { ifPossible } from './salvage.ts';
import type { SqlEngine } from './sql-engine.ts';
import {
  examineFile,
  inodeOf,
  inTransaction,
  type OpenFile,
  openFile,
  runner,
  SQLITE,
  type SqliteSettings,
  sqlite,
  versionOf,
} from './sqlite-file.ts';

/** Milliseconds between two looks for what other processes have written, in case nothing tells of it. */
const LOOK = 250;

/** A database in a file, which several processes may use at once. Rejects with an AppError. */
export async function sqliteEngine({ path, clock, warn }: SqliteSettings): Promise<SqlEngine> {
  const Open = sqlite();
  const inTurn = oneByOne();
  const listeners = new Set<() => void>();
  let file = await openFile({ Open, path, clock, warn });

  let opening: Promise<OpenFile> | undefined;
  const openAgain = async () => {
    for (const one of [file.reader, file.writer]) ifPossible(() => one.close());
    file = await openFile({ Open, path, clock, warn });
    return file;
  };
  /** The file that is there now: another process may have found this one damaged, and set it aside. */
  const current = (): OpenFile | Promise<OpenFile> => {
    if (!opening && inodeOf(path) === file.inode) return file;
    opening ??= openAgain().finally(() => {
      opening = undefined;
    });
    return opening;
  };
  const look = looking(path, { clock, version: () => versionOf(file.reader), hear: () => tell() });
  const tell = () => {
    for (const hear of listeners) hear();
  };
  return {
    name: 'disk',
    dialect: SQLITE,
    query: async (sql, values) => runner((await current()).reader)(sql, values),
    transact: (work) =>
      inTurn(async () => {
        const { writer } = await current();
        const result = await inTransaction(writer, clock, work);
        tell();
        return result;
      }),
    news: {
      on(hear) {
        const call = () => hear(undefined);
        listeners.add(call);
        look.begin();
        return () => {
          listeners.delete(call);
          if (listeners.size === 0) look.stop();
        };
      },
      // It looks now and then only.
      isTelling: () => false,
    },
    async examine() {
      return examineFile((await current()).reader, path);
    },
    async close() {
      look.stop();
      await inTurn(async () => {
        // Statements that are still prepared would keep the last one from doing this when it closes.
        ifPossible(() => file.writer.exec('PRAGMA wal_checkpoint(TRUNCATE)'));
        for (const one of [file.reader, file.writer]) ifPossible(() => one.close());
      });
    },
  };
}

interface Looking {
  readonly clock: Clock;
  readonly version: () => number;
  readonly hear: () => void;
}

/** Notices what other processes have written. */
function looking(path: string, { clock, version, hear }: Looking) {
  let seen = -1;
  let stop: (() => void) | undefined;
  const look = () => {
    const now = version();
    if (now === seen) return;
    seen = now;
    hear();
  };
  return {
    begin() {
      if (stop) return;
      seen = version();
      let cancel = () => {};
      const again = () => {
        cancel = clock.schedule(LOOK, () => {
          look();
          again();
        });
      };
      again();
      let watcher: ReturnType<typeof watch> | undefined;
      ifPossible(() => {
        watcher = watch(`${path}-wal`, look);
        watcher.on('error', () => {});
      });
      stop = () => {
        cancel();
        watcher?.close();
      };
    },
    stop() {
      stop?.();
      stop = undefined;
    },
  };
}
