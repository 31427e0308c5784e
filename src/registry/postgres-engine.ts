import type { Client } from 'pg';
import { backOff } from '../domain/back-off.ts';
import { type Clock, pause } from '../domain/clock.ts';
import { cannotUse, hostsIn, isBroken } from './postgres-hosts.ts';
import { postgresPool } from './postgres-pool.ts';
import { type Dialect, migrate, type RunSql, type SqlEngine, type SqlRow, type SqlValue } from './sql-engine.ts';

export interface PostgresSettings {
  /** `postgres://user:password@host-1,host-2:5433/database`. One of several hosts is the primary; which one may change. */
  readonly url: string;
  readonly clock: Clock;
}

const POSTGRES: Dialect = {
  json: 'JSONB',
  jsonOf: (place) => `CAST(${place} AS JSONB)`,
  bytes: "(SELECT pg_total_relation_size('azlin_records'))",
  exact: 'COLLATE "C"',
};

const AGAIN = { first: 50, longest: 500, jitter: 0.5 };
/** The name of the lock with which everybody who writes waits for their turn, and of the channel that tells of it. */
const [LOCK, CHANNEL] = [0x617a6c69, 'azlin_registry'];
/** Bytes of a notification. */
const LONGEST = 7_000;

/** A database that several servers share. What breaks off before it is committed is begun again over another connection. */
export async function postgresEngine({ url, clock }: PostgresSettings): Promise<SqlEngine> {
  const hosts = hostsIn(url);
  const pool = postgresPool({ hosts, clock });
  const transact = <T>(work: (run: RunSql) => Promise<T>, changed: () => readonly string[]): Promise<T> => {
    let isCommitting = false;
    return pool.using(
      async (client) => {
        isCommitting = false;
        const run = runner(client);
        await client.query('BEGIN');
        try {
          await run('SELECT pg_advisory_xact_lock($1)', [LOCK]);
          const result = await work(run);
          const ids = changed().join(' ');
          if (ids !== '') await run('SELECT pg_notify($1, $2)', [CHANNEL, ids.length > LONGEST ? '' : ids]);
          isCommitting = true;
          await client.query('COMMIT');
          return result;
        } catch (error) {
          if (!isBroken(error)) await client.query('ROLLBACK').catch(() => {});
          throw error;
        }
      },
      () => isCommitting,
    );
  };
  try {
    await transact(
      (run) => migrate(run, POSTGRES),
      () => [],
    );
  } catch (error) {
    await pool.close();
    throw cannotUse(hosts, error);
  }
  const news = listening({ dial: pool.dial, clock, signal: pool.signal });
  return {
    name: 'cluster',
    dialect: POSTGRES,
    query: (sql, values) =>
      pool.using(
        (client) => runner(client)(sql, values),
        () => false,
      ),
    transact,
    onNews: news.on,
    isTelling: news.isTelling,
    async close() {
      await Promise.all([pool.close(), news.close()]);
    },
  };
}

function runner(client: Client): RunSql {
  return async (sql, values = []) => {
    const { rows } = await client.query<SqlRow>({ text: sql, values: values as SqlValue[] });
    return rows;
  };
}

interface Listening {
  readonly dial: () => Promise<Client>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Hears of what others have written, over a connection of its own, which is made again when it breaks. */
function listening({ dial, clock, signal }: Listening) {
  const listeners = new Set<(ids: readonly string[] | undefined) => void>();
  const tell = (ids: readonly string[] | undefined) => {
    for (const hear of listeners) hear(ids);
  };
  let current: Client | undefined;
  let isBegun = false;
  let isHearing = false;
  const listen = async () => {
    for (let tries = 1; !signal.aborted; tries++) {
      try {
        const client = await dial();
        current = client;
        const over = new Promise<void>((resolve) => client.once('end', resolve));
        client.on('notification', ({ payload = '' }) => tell(payload === '' ? undefined : payload.split(' ')));
        await client.query(`LISTEN ${CHANNEL}`);
        tries = 1;
        isHearing = true;
        // What was written meanwhile was not heard.
        tell(undefined);
        await over;
        isHearing = false;
        tell(undefined);
      } catch {
        await pause(clock, backOff(AGAIN, tries), signal).catch(() => {});
      }
    }
  };
  return {
    on(hear: (ids: readonly string[] | undefined) => void) {
      listeners.add(hear);
      if (!isBegun) void listen();
      isBegun = true;
      return () => void listeners.delete(hear);
    },
    isTelling: () => isHearing,
    async close() {
      listeners.clear();
      await current?.end().catch(() => {});
    },
  };
}
