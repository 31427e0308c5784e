import { chmodSync, closeSync, lstatSync, openSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { backOff } from '../../domain/back-off.ts';
import { type Clock, pause } from '../../domain/clock.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import { printable } from '../../domain/text.ts';
import type { Examined } from '../backend.ts';
import {
  type Database,
  ifPossible,
  type OpenDatabase,
  repairLock,
  type Statement,
  salvage,
  setAside,
} from './salvage.ts';
import { type Dialect, isCurrent, migrate, type RunSql } from './sql-engine.ts';

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
export const SQLITE: Dialect = {
  json: 'TEXT',
  jsonOf: (place) => place,
  sameJson: (part, place) => `CAST(${part} AS TEXT) = ${place}`,
  // The size of the file has the history in it; a row and its places in the indexes take about 150 bytes.
  bytes: 'SUM(LENGTH(CAST(metadata AS BLOB)) + 3 * LENGTH(id) + 150)',
  exact: 'COLLATE BINARY',
};

export interface OpenFile {
  readonly reader: Database;
  readonly writer: Database;
  readonly inode: number;
}

interface Opening extends SqliteSettings {
  readonly Open: OpenDatabase;
}

export const inodeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.ino;

/** Opens it and brings its schema up to date. If it is damaged, it is set aside, by one process only, and what can be read of it is copied. */
export async function openFile(opening: Opening): Promise<OpenFile> {
  const { Open, path, clock, warn } = opening;
  const open = async (): Promise<OpenFile> => {
    const inode = ownFile(path);
    const [reader, writer] = [await opened(Open, path, clock), await opened(Open, path, clock)];
    try {
      await retried(clock, () => checkIntegrity(reader));
      if (!(await isCurrent(runner(reader), SQLITE))) await inTransaction(writer, clock, (run) => migrate(run, SQLITE));
      return { reader, writer, inode };
    } catch (error) {
      for (const one of [reader, writer]) ifPossible(() => one.close());
      throw error;
    }
  };
  try {
    return await open();
  } catch (error) {
    if (!isDamaged(error)) throw cannotOpen(path, error);
  }
  const release = await repairLock(path, clock);
  try {
    // Another process may have repaired it meanwhile.
    return await open();
  } catch (error) {
    if (!isDamaged(error)) throw cannotOpen(path, error);
    const aside = setAside(path, clock.now());
    const fresh = await open().catch((again: unknown) => {
      throw cannotOpen(path, again);
    });
    const saved = await inTransaction(fresh.writer, clock, (run) =>
      salvage(run, { aside, open: Open, lastSequence: clock.now() }),
    );
    const why = printable(messageOf(error).replace(/\s+/g, ' '));
    warn(`the registry ${path} was damaged: ${saved} could be saved; the old file is ${aside} (${why})`);
    return fresh;
  } finally {
    release();
  }
}

/**
 * Makes sure that there is a file of ours, and returns its inode. SQLite gives its other files the mode of this one. It is not opened here if it is there:
 * closing it would drop the locks of every connection that this process has to it.
 */
function ownFile(path: string): number {
  try {
    if (!lstatSync(path, { throwIfNoEntry: false })) makeFile(path);
    const stats = lstatSync(path);
    const own = process.getuid?.();
    if (!stats.isFile()) throw new Error('it is not a file');
    if (own !== undefined && stats.uid !== own) throw new Error('it belongs to another user');
    if (own !== undefined && (stats.mode & 0o077) !== 0) chmodSync(path, 0o600);
    return stats.ino;
  } catch (error) {
    throw cannotOpen(path, error);
  }
}

function makeFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    // Another process was quicker.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

export async function inTransaction<T>(
  database: Database,
  clock: Clock,
  work: (run: RunSql) => Promise<T>,
): Promise<T> {
  await retried(clock, () => database.exec('BEGIN IMMEDIATE'));
  try {
    const result = await work(runner(database));
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // A full disk may have ended it already.
    ifPossible(() => database.exec('ROLLBACK'));
    throw error;
  }
}

export function sqlite(): OpenDatabase {
  const builtIn = quietly(() => process.getBuiltinModule?.('node:sqlite')) as
    | { readonly DatabaseSync: OpenDatabase }
    | undefined;
  if (builtIn) return builtIn.DatabaseSync;
  try {
    return (createRequire(import.meta.filename)(PACKAGE) as { readonly DatabaseSync: OpenDatabase }).DatabaseSync;
  } catch (cause) {
    throw new AppError('config', `Node ${process.versions.node} has no SQLite for the registry on disk`, {
      cause,
      hint: `npm install ${PACKAGE}@1, or Node 22.13 or newer, or the backend "memory"`,
    });
  }
}

export function hasSqlite(): boolean {
  try {
    sqlite();
    return true;
  } catch {
    return false;
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

async function opened(Open: OpenDatabase, path: string, clock: Clock): Promise<Database> {
  const database = new Open(path);
  try {
    // Waiting is done by azlin, and does not hold up everything else.
    database.exec('PRAGMA busy_timeout = 0');
    await retried(clock, () => database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL'));
    return database;
  } catch (error) {
    ifPossible(() => database.close());
    throw error;
  }
}

function cannotOpen(path: string, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  return new AppError('registry-failed', `Cannot open the registry ${path}: ${messageOf(cause)}`, {
    cause,
    hint: 'check who owns it, its directory, and the space on its disk',
  });
}

const prepared = new WeakMap<Database, Map<string, Statement>>();

/** Runs statements, each prepared once. */
export function runner(database: Database): RunSql {
  const statements = prepared.get(database) ?? new Map<string, Statement>();
  prepared.set(database, statements);
  return async (sql, values = []) => {
    const statement = statements.get(sql) ?? database.prepare(sql);
    // Statements of the schema are used once, and may become wrong by it.
    if (!/^(CREATE|PRAGMA)/.test(sql)) statements.set(sql, statement);
    return statement.all(Object.fromEntries(values.map((value, at) => [`$${at + 1}`, value])));
  };
}

/** Does it as soon as no other process is in the way. */
async function retried<T>(clock: Clock, work: () => T): Promise<T> {
  const until = clock.now() + PATIENCE;
  for (let tries = 1; ; tries++) {
    try {
      return work();
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

/** Looks at all of it, which takes longer than what is done when it is opened. */
export function examineFile(database: Database, path: string): readonly Examined[] {
  const said = database
    .prepare('PRAGMA integrity_check(3)')
    .all({})
    .map((row) => String(Object.values(row)[0]));
  const found = printable(said.join('; '));
  return [
    { status: 'ok', found: `${path}, ${Math.ceil(statSync(path).size / 1_024)} KB` },
    found === 'ok'
      ? { status: 'ok', found: 'integrity check passed' }
      : { status: 'failed', found, advice: `rename ${path}: azlin makes another one` },
  ];
}

export function versionOf(database: Database): number {
  const [row] = database.prepare('PRAGMA data_version').all({});
  return Number(Object.values(row ?? {})[0]);
}
