import { existsSync, renameSync } from 'node:fs';
import { count } from '../domain/text.ts';
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
    if (known > 0) last = known;
  });
  await run('UPDATE azlin_sequence SET last = $1', [last]);
  ifPossible(() => old?.close());
  return `${count(savedRecords, 'record')} and ${count(savedEvents, 'event')}`;
}

function rowsOf(database: Database, table: string): readonly SqlRow[] {
  const rows: SqlRow[] = [];
  let failed = 0;
  ifPossible(() => {
    // By the number of the row, which needs no index. A page that is damaged hides the rows that are in it.
    const next = database.prepare(`SELECT rowid AS row_at, * FROM ${table} WHERE rowid >= $1 ORDER BY rowid LIMIT 1`);
    for (let at = 0; failed < GIVE_UP; ) {
      try {
        const [row] = next.all({ $1: at });
        if (!row) return;
        const { row_at: found, ...rest } = row;
        at = Number(found) + 1;
        failed = 0;
        if (isWhole(rest)) rows.push(rest);
      } catch {
        at++;
        failed++;
      }
    }
  });
  return rows;
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
