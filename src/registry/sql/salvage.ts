import { existsSync, mkdirSync, renameSync, rmdirSync, statSync } from 'node:fs';
import { type Clock, pause } from '../../domain/clock.ts';
import { count } from '../../domain/text.ts';
import type { RunSql, SqlRow, SqlValue } from './sql-engine.ts';

/** What azlin uses of `node:sqlite`, and of the package that has the same for Node 20. */
export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

export interface Statement {
  all(values: Readonly<Record<string, SqlValue>>): readonly SqlRow[];
}

export type OpenDatabase = new (path: string) => Database;

/** What cannot be done is left alone. */
export function ifPossible(work: () => void): void {
  try {
    work();
  } catch {
    // There is nothing left to do about it.
  }
}

/** Renames a damaged file and what belongs to it. Its new name. */
export function setAside(path: string, now: number): string {
  const aside = `${path}.damaged-${new Date(now).toISOString().replace(/[:.]/g, '-')}`;
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  return aside;
}

/** Milliseconds after which a lock is taken for that of a process that has died. */
const DEAD = 60_000;

/** Waits until no other process repairs the file, and keeps them from it until the returned function is called. */
export async function repairLock(path: string, clock: Clock): Promise<() => void> {
  const lock = `${path}.repair`;
  for (;;) {
    try {
      mkdirSync(lock, { mode: 0o700 });
      return () => ifPossible(() => rmdirSync(lock));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs;
      if (since !== undefined && Math.abs(clock.now() - since) > DEAD) ifPossible(() => rmdirSync(lock));
    }
    await pause(clock, 50, new AbortController().signal);
  }
}

interface Salvaging {
  readonly aside: string;
  readonly open: OpenDatabase;
  /** The sequence from which events go on if the old one cannot be read: larger than any that there was. */
  readonly lastSequence: number;
}

/** Rows that cannot be read in a row, after which nothing more is looked for. */
const GIVE_UP = 10_000;

/** Copies what can still be read of a damaged file, row by row. Says what it was. */
export async function salvage(run: RunSql, { aside, open: Open, lastSequence }: Salvaging): Promise<string> {
  let old: Database | undefined;
  ifPossible(() => {
    old = new Open(aside);
  });
  const records = old ? rowsOf(old, 'azlin_records') : [];
  const savedRecords = await insertAll(run, 'azlin_records', records);
  const events = old ? rowsOf(old, 'azlin_events') : [];
  const savedEvents = await insertAll(run, 'azlin_events', events);
  let last = events.reduce((most, { sequence }) => Math.max(most, Number(sequence) || 0), lastSequence);
  ifPossible(() => {
    const known = Number(old?.prepare('SELECT last FROM azlin_sequence').all({})[0]?.['last'] ?? Number.NaN);
    if (known > last) last = known;
  });
  await run('UPDATE azlin_sequence SET last = $1', [last]);
  ifPossible(() => old?.close());
  return `${count(savedRecords, 'record')} and ${count(savedEvents, 'event')}`;
}

function rowsOf(database: Database, table: string): readonly SqlRow[] {
  const rows = new Map<number, SqlRow>();
  // From both ends: a page that is damaged hides the rows that are in it, and nobody knows how many they are.
  for (const [order, compare, step] of [
    ['ASC', '>=', 1],
    ['DESC', '<=', -1],
  ] as const)
    ifPossible(() => {
      // By the number of the row, which needs no index.
      const next = database.prepare(
        `SELECT rowid AS row_at, * FROM ${table} WHERE rowid ${compare} $1 ORDER BY rowid ${order} LIMIT 1`,
      );
      let failed = 0;
      for (let at = order === 'ASC' ? 0 : Number.MAX_SAFE_INTEGER; failed < GIVE_UP; ) {
        try {
          const [row] = next.all({ $1: at });
          if (!row) return;
          const { row_at: found, ...rest } = row;
          if (rows.has(Number(found)) && order === 'DESC') return;
          at = Number(found) + step;
          failed = 0;
          if (isWhole(rest)) rows.set(Number(found), rest);
        } catch {
          if (order === 'DESC' && failed === 0 && at === Number.MAX_SAFE_INTEGER) at = lastRow(database, table) + 1;
          at += step;
          failed++;
        }
      }
    });
  return [...rows].sort(([a], [b]) => a - b).map(([, row]) => row);
}

/** The number of the last row, as far as it is known. */
function lastRow(database: Database, table: string): number {
  let last = 0;
  ifPossible(() => {
    last = Number(database.prepare(`SELECT MAX(rowid) AS last FROM ${table}`).all({})[0]?.['last'] ?? 0);
  });
  return last;
}

/** Whether its JSON can be read. */
function isWhole({ metadata, record }: SqlRow): boolean {
  try {
    JSON.parse(String(metadata ?? record));
    return true;
  } catch {
    return false;
  }
}

/** How many of them make sense. */
async function insertAll(run: RunSql, table: string, rows: readonly SqlRow[]): Promise<number> {
  let saved = 0;
  for (const row of rows)
    saved += await insert(run, table, row).then(
      () => 1,
      () => 0,
    );
  return saved;
}

async function insert(run: RunSql, table: string, row: SqlRow): Promise<void> {
  const names = Object.keys(row).filter((name) => /^\w+$/.test(name));
  const places = names.map((_, at) => `$${at + 1}`).join(', ');
  const values = names.map((name): SqlValue => row[name] ?? null);
  await run(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${places}) ON CONFLICT DO NOTHING`, values);
}
