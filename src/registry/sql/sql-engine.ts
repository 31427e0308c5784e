import type { Examined, News } from '../backend.ts';

export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, SqlValue>>;
/** Runs one statement, whose values stand as `$1`, `$2` and so on. */
export type RunSql = (sql: string, values?: readonly SqlValue[]) => Promise<readonly SqlRow[]>;

/** What differs from one database to the other. */
export interface Dialect {
  /** The type of columns that hold JSON. */
  readonly json: string;
  /** A text as such a column takes it. */
  readonly jsonOf: (place: string) => string;
  /** Whether a part of such a column is what a text says. */
  readonly sameJson: (part: string, place: string) => string;
  /** How many bytes all of it takes, as a column of a query. */
  readonly bytes: string;
  /** For texts that are compared byte by byte. */
  readonly exact: string;
}

/** A database that is ready. Methods reject with whatever its driver throws, or an AppError. */
export interface SqlEngine {
  readonly name: string;
  readonly dialect: Dialect;
  readonly query: RunSql;
  /** Runs `work` in a transaction that no other one runs beside, in whatever process. It may run several times. `changed`: the ids to tell others about. */
  transact<T>(work: (run: RunSql) => Promise<T>, changed: () => readonly string[]): Promise<T>;
  readonly news: News;
  /** Looks whether all is well with it. */
  examine(): Promise<readonly Examined[]>;
  close(): Promise<void>;
}

/** The statements that bring a database from one version to the next. What has been released is not changed any more. */
export function migrations({ json, exact }: Dialect): readonly (readonly string[])[] {
  return [
    [
      `CREATE TABLE azlin_records (
        id TEXT ${exact} PRIMARY KEY, version BIGINT NOT NULL, metadata ${json} NOT NULL,
        created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, accessed_at BIGINT NOT NULL, ttl BIGINT,
        disconnected_at BIGINT, reason TEXT, reconnect_count BIGINT NOT NULL,
        token_hash TEXT, token_expires BIGINT, token_failed BIGINT, previous_hash TEXT, previous_until BIGINT,
        next_call DOUBLE PRECISION NOT NULL)`,
      'CREATE INDEX azlin_records_created ON azlin_records (created_at, id)',
      'CREATE INDEX azlin_records_expiry ON azlin_records ((accessed_at + ttl)) WHERE ttl IS NOT NULL',
      'CREATE INDEX azlin_records_silent ON azlin_records (accessed_at) WHERE disconnected_at IS NULL',
      `CREATE TABLE azlin_events (
        sequence BIGINT PRIMARY KEY, at BIGINT NOT NULL, kind TEXT NOT NULL, record_id TEXT NOT NULL, record ${json} NOT NULL)`,
      'CREATE INDEX azlin_events_at ON azlin_events (at)',
      'CREATE INDEX azlin_events_record ON azlin_events (record_id)',
      'CREATE TABLE azlin_sequence (last BIGINT NOT NULL)',
      'INSERT INTO azlin_sequence (last) VALUES (0)',
    ],
  ];
}

/** Brings the schema to the newest version. Throws an Error if it is from a newer azlin. */
export async function migrate(run: RunSql, dialect: Dialect): Promise<void> {
  await run('CREATE TABLE IF NOT EXISTS azlin_schema (version BIGINT NOT NULL)');
  const [row] = await run('SELECT version FROM azlin_schema');
  const steps = migrations(dialect);
  const version = Number(row?.['version'] ?? 0);
  if (version > steps.length)
    throw new Error(`it was made by a newer azlin (its version is ${version}, this azlin knows ${steps.length})`);
  for (const step of steps.slice(version)) for (const sql of step) await run(sql);
  if (row) await run('UPDATE azlin_schema SET version = $1', [steps.length]);
  else await run('INSERT INTO azlin_schema (version) VALUES ($1)', [steps.length]);
}

/** Whether the schema is the newest: whoever only works with it need not have the right to change it. */
export async function isCurrent(run: RunSql, dialect: Dialect): Promise<boolean> {
  try {
    const [row] = await run('SELECT version FROM azlin_schema');
    return Number(row?.['version']) === migrations(dialect).length;
  } catch {
    // There is none yet.
    return false;
  }
}
