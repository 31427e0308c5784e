import type { Client, QueryConfig } from 'pg';
import { backOff } from '../../domain/back-off.ts';
import { type Clock, pause } from '../../domain/clock.ts';
import { oneByOne } from '../../domain/concurrency.ts';
import { cannotUse, examineServer, hostsIn, isBroken, TURN } from './postgres-hosts.ts';
import { postgresPool } from './postgres-pool.ts';
import {
  type Dialect,
  isCurrent,
  migrate,
  type RunSql,
  type SqlEngine,
  type SqlRow,
  type SqlValue,
} from './sql-engine.ts';

export interface PostgresSettings {
  /** `postgres://user:password@host-1,host-2:5433/database`. One of several hosts is the primary; which one may change. */
  readonly url: string;
  readonly clock: Clock;
}

const POSTGRES: Dialect = {
  json: 'JSONB',
  jsonOf: (place) => `CAST(${place} AS JSONB)`,
  sameJson: (part, place) => `${part} = CAST(${place} AS JSONB)`,
  bytes: "(SELECT pg_total_relation_size('azlin_records'))",
  exact: 'COLLATE "C"',
};

const AGAIN = { first: 50, longest: 500, jitter: 0.5 };
/** The name of the lock with which everybody who writes waits for their turn, and of the channel that tells of it. */
const [LOCK, CHANNEL] = [0x617a6c69, 'azlin_registry'];
/** Milliseconds between two looks whether the server still answers, and for its answer. */
const [LOOK, ANSWER] = [1_000, 2_000];
/** Bytes of a notification. */
const LONGEST = 7_000;

export interface PostgresEngine extends SqlEngine {
  /** The time of its server, in milliseconds since 1970: the clocks of those who share it may differ. */
  now(): number;
}

/** A database that several servers share. What breaks off before it is committed is begun again over another connection. */
export async function postgresEngine({ url, clock }: PostgresSettings): Promise<PostgresEngine> {
  const hosts = hostsIn(url);
  const pool = postgresPool({ hosts, clock });
  const time = timeOfServer(clock);
  const transact = <T>(work: (run: RunSql) => Promise<T>, changed: () => readonly string[]): Promise<T> => {
    let isCommitting = false;
    return pool.using(
      async (client) => {
        isCommitting = false;
        // Whoever does several things at once does them one after the other here.
        const inTurn = oneByOne();
        const run: RunSql = (sql, values) => inTurn(() => runner(client)(sql, values));
        await client.query('BEGIN');
        try {
          // Others may have the turn for longer than a statement takes.
          await client.query(within(TURN, 'SELECT pg_advisory_xact_lock($1)', [LOCK]));
          const result = await work(run);
          const ids = changed().join(' ');
          if (ids !== '') await run('SELECT pg_notify($1, $2)', [CHANNEL, Buffer.byteLength(ids) > LONGEST ? '' : ids]);
          isCommitting = true;
          await run('COMMIT');
          return result;
        } catch (error) {
          if (!isBroken(error)) await run('ROLLBACK').catch(() => {});
          throw error;
        }
      },
      () => isCommitting,
    );
  };
  try {
    const isNew = await pool.using(
      async (client) => {
        await time.ask(client);
        return !(await isCurrent(runner(client), POSTGRES));
      },
      () => false,
    );
    if (isNew)
      await transact(
        (run) => migrate(run, POSTGRES),
        () => [],
      );
  } catch (error) {
    await pool.close();
    throw cannotUse(hosts, error);
  }
  const news = listening({ dial: pool.dial, clock, signal: pool.signal, look: time.ask });
  return {
    name: 'cluster',
    dialect: POSTGRES,
    now: time.now,
    query: (sql, values) =>
      pool.using(
        (client) => runner(client)(sql, values),
        () => false,
      ),
    transact,
    news,
    examine: () =>
      pool.using(
        (client) => examineServer(runner(client), hosts.shown),
        () => false,
      ),
    async close() {
      await Promise.all([pool.close(), news.close()]);
    },
  };
}

/** A statement with its own limit, in milliseconds, which the types of the driver do not know. */
function within(ms: number, text: string, values: readonly SqlValue[] = []): QueryConfig {
  const config = { text, values: [...values], query_timeout: ms };
  return config;
}

function runner(client: Client): RunSql {
  return async (sql, values = []) => {
    const { rows } = await client.query<SqlRow>({ text: sql, values: values as SqlValue[] });
    return rows;
  };
}

/** The time of the server, as far as it was asked for it. */
function timeOfServer(clock: Clock) {
  let ahead = 0;
  return {
    now: () => Math.round(clock.now() + ahead),
    async ask(client: Client) {
      const before = clock.now();
      const { rows } = await client.query<{ now: string }>(
        within(ANSWER, 'SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now'),
      );
      ahead = Number(rows[0]?.now) - (before + clock.now()) / 2;
    },
  };
}

interface Listening {
  readonly dial: () => Promise<Client>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Asks the server something; rejects if it does not answer. */
  readonly look: (client: Client) => Promise<void>;
}

/** Hears of what others have written, over a connection of its own, which is made again when it breaks. */
function listening({ dial, clock, signal, look }: Listening) {
  const listeners = new Set<(ids: readonly string[] | undefined) => void>();
  const tell = (ids: readonly string[] | undefined) => {
    for (const hear of listeners) hear(ids);
  };
  let current: Client | undefined;
  let isBegun = false;
  let isHearing = false;
  /** Resolves when the server does not answer any more: a connection that only listens would not notice. */
  const silent = async (client: Client) => {
    try {
      for (;;) {
        await pause(clock, LOOK, signal);
        await look(client);
      }
    } catch {
      // It is over, or the registry is closed.
    }
  };
  const listen = async () => {
    for (let tries = 1; !signal.aborted; tries++) {
      try {
        const client = await dial();
        current = client;
        if (signal.aborted) return void client.end().catch(() => {});
        const over = new Promise<void>((resolve) => client.once('end', resolve));
        client.on('notification', ({ payload = '' }) => tell(payload === '' ? undefined : payload.split(' ')));
        await client.query(`LISTEN ${CHANNEL}`);
        tries = 1;
        isHearing = true;
        // What was written meanwhile was not heard.
        tell(undefined);
        await Promise.race([over, silent(client)]);
        isHearing = false;
        client.end().catch(() => {});
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
