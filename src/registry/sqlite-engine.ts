import { closeSync, openSync, watch } from 'node:fs';
import { createRequire } from 'node:module';
import { backOff } from '../domain/back-off.ts';
import { type Clock, pause } from '../domain/clock.ts';
import { oneByOne } from '../domain/concurrency.ts';
import { AppError, messageOf } from '../domain/errors.ts';
import { printable } from '../domain/text.ts';
import { type Database, ifPossible, type OpenDatabase, type Statement, salvage, setAside } from './salvage.ts';
import { type Dialect, migrate, type RunSql, type SqlEngine } from './sql-engine.ts';

export interface SqliteSettings {
  /** The file. Its directory must be there. */
  readonly path: string;
  readonly clock: Clock;
  readonly warn: (line: string) => void;
}

const PACKAGE = '@photostructure/sqlite';

/** Milliseconds to wait for other processes that write. */
const PATIENCE = 10_000;
const BUSY = { first: 1, longest: 50, jitter: 1 };
/** Milliseconds between two looks for what other processes have written, in case nothing tells of it. */
const LOOK = 250;

const SQLITE: Dialect = {
  json: 'TEXT',
  jsonOf: (place) => place,
  bytes: '(SELECT page_count * page_size FROM pragma_page_count, pragma_page_size)',
  exact: 'COLLATE BINARY',
};

/** A database in a file, which several processes may use at once. Rejects with an AppError. */
export async function sqliteEngine({ path, clock, warn }: SqliteSettings): Promise<SqlEngine> {
  const open = sqlite();
  // SQLite gives its other files the mode of this one.
  closeSync(openSync(path, 'a', 0o600));
  let [reader, writer] = [opened(open, path), opened(open, path)];
  const inTurn = oneByOne();
  const listeners = new Set<() => void>();

  const transact =
    (database: () => Database) =>
    async <T>(work: (run: RunSql) => Promise<T>): Promise<T> => {
      await begin(database(), clock);
      try {
        const result = await work(runner(database()));
        database().exec('COMMIT');
        return result;
      } catch (error) {
        // A full disk may have ended it already.
        ifPossible(() => database().exec('ROLLBACK'));
        throw error;
      }
    };
  const write = transact(() => writer);
  try {
    checkIntegrity(reader);
    await write((run) => migrate(run, SQLITE));
  } catch (error) {
    for (const one of [reader, writer]) ifPossible(() => one.close());
    if (!isDamaged(error)) throw cannotOpen(path, error);
    const aside = setAside(path, clock.now());
    closeSync(openSync(path, 'a', 0o600));
    [reader, writer] = [opened(open, path), opened(open, path)];
    await write((run) => migrate(run, SQLITE));
    const saved = await write((run) => salvage(run, { aside, open, lastSequence: clock.now() }));
    warn(
      `the registry ${path} was damaged: ${saved} could be saved; the old file is ${aside} (${printable(messageOf(error).replace(/\s+/g, ' '))})`,
    );
  }
  const look = looking(path, { clock, version: () => versionOf(reader), hear: () => tell() });
  const tell = () => {
    for (const hear of listeners) hear();
  };
  return {
    name: 'disk',
    dialect: SQLITE,
    query: async (sql, values) => runner(reader)(sql, values),
    transact: (work) =>
      inTurn(async () => {
        const result = await write(work);
        tell();
        return result;
      }),
    onNews(hear) {
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
    async close() {
      look.stop();
      await inTurn(async () => {
        // Statements that are still prepared would keep the last one from doing this when it closes.
        ifPossible(() => writer.exec('PRAGMA wal_checkpoint(TRUNCATE)'));
        for (const one of [reader, writer]) one.close();
      });
    },
  };
}

function sqlite(): OpenDatabase {
  const builtIn = quietly(() => process.getBuiltinModule?.('node:sqlite')) as
    | { readonly DatabaseSync: OpenDatabase }
    | undefined;
  if (builtIn) return builtIn.DatabaseSync;
  try {
    return (createRequire(import.meta.filename)(PACKAGE) as { readonly DatabaseSync: OpenDatabase }).DatabaseSync;
  } catch (cause) {
    throw new AppError('config', `Node ${process.versions.node} has no SQLite for the registry on disk`, {
      cause,
      hint: `npm install --global ${PACKAGE}@1, or Node 22.13 or newer, or registry.backend = "memory"`,
    });
  }
}

/** Without the warning of Node 22 that SQLite is new there. */
function quietly<T>(load: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}

function opened(Open: OpenDatabase, path: string): Database {
  try {
    const database = new Open(path);
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 100');
    return database;
  } catch (error) {
    if (!isDamaged(error)) throw cannotOpen(path, error);
    return new Open(path);
  }
}

function cannotOpen(path: string, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  return new AppError('registry-failed', `Cannot open the registry ${path}: ${messageOf(cause)}`, {
    cause,
    hint: 'check its directory and the space on its disk; registry.path names another place',
  });
}

const prepared = new WeakMap<Database, Map<string, Statement>>();

/** Runs statements, each prepared once. */
function runner(database: Database): RunSql {
  const statements = prepared.get(database) ?? new Map<string, Statement>();
  prepared.set(database, statements);
  return async (sql, values = []) => {
    const statement = statements.get(sql) ?? database.prepare(sql);
    // Statements of the schema are used once, and may become wrong by it.
    if (!/^(CREATE|PRAGMA)/.test(sql)) statements.set(sql, statement);
    return statement.all(Object.fromEntries(values.map((value, at) => [`$${at + 1}`, value])));
  };
}

/** Takes the turn to write. Other processes may have it. */
async function begin(database: Database, clock: Clock): Promise<void> {
  const until = clock.now() + PATIENCE;
  for (let tries = 1; ; tries++) {
    try {
      return database.exec('BEGIN IMMEDIATE');
    } catch (error) {
      if (!/locked|busy/i.test(messageOf(error)) || clock.now() > until) throw error;
    }
    await pause(clock, backOff(BUSY, tries), new AbortController().signal);
  }
}

function isDamaged(error: unknown): boolean {
  return /malformed|not a database|corrupt|damaged/i.test(messageOf(error));
}

function checkIntegrity(database: Database): void {
  const [row] = database.prepare('PRAGMA quick_check(1)').all({});
  const said = String(Object.values(row ?? {})[0]);
  if (said !== 'ok') throw new Error(`damaged: ${said}`);
}

function versionOf(database: Database): number {
  const [row] = database.prepare('PRAGMA data_version').all({});
  return Number(Object.values(row ?? {})[0]);
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
