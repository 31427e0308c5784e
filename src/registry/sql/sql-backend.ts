import type { Backend, KeptRecord, ListQuery, Transaction } from '../backend.ts';
import { DUE } from '../memory-backend.ts';
import { type DisconnectReason, frozen, type HistoryEvent, type SessionRecord, SKEW } from '../record.ts';
import { alreadyThere, registryFailed } from '../registry-errors.ts';
import type { RunSql, SqlEngine, SqlRow, SqlValue } from './sql-engine.ts';
import { EVENT_COLUMNS, eventIn, eventQuery } from './sql-events.ts';

const COLUMNS = `id, version, CAST(metadata AS TEXT) AS metadata, created_at, updated_at, accessed_at, ttl, disconnected_at, reason, reconnect_count,
  token_hash, token_expires, token_failed, previous_hash, previous_until, next_call`;

/** Records in a database. The SQL is the same for all of them but for what their dialects say. */
export function sqlBackend(engine: SqlEngine): Backend {
  const { dialect } = engine;
  const reading = async (sql: string, values: readonly SqlValue[] = []) => {
    try {
      return await engine.query(sql, values);
    } catch (error) {
      throw registryFailed('read', error);
    }
  };
  return {
    name: engine.name,
    async transact(work) {
      const changed = new Set<string>();
      try {
        return await engine.transact(
          (run) => {
            changed.clear();
            return work(transactionOf(run, { dialect, changed }));
          },
          () => [...changed],
        );
      } catch (error) {
        throw registryFailed('write to', error);
      }
    },
    async get(id) {
      const [row] = await reading(`SELECT ${COLUMNS} FROM azlin_records WHERE id = $1`, [id]);
      return row && recordIn(row);
    },
    async list(query) {
      const { sql, values } = listing(query, dialect);
      return (await reading(sql, values)).map(recordIn);
    },
    async touch(times) {
      try {
        await engine.transact(
          async (run) => {
            for (const [id, at] of times)
              await run('UPDATE azlin_records SET accessed_at = $2 WHERE id = $1 AND accessed_at < $2', [id, at]);
          },
          () => [],
        );
      } catch (error) {
        throw registryFailed('write to', error);
      }
    },
    async events(query) {
      const { sql, values } = eventQuery(query);
      const found = (await reading(sql, values)).map(eventIn);
      return query.isLatest ? found.reverse() : found;
    },
    async range() {
      const [row] = await reading(
        'SELECT (SELECT MIN(sequence) FROM azlin_events) AS first, (SELECT last FROM azlin_sequence) AS last',
      );
      const last = Number(row?.['last'] ?? 0);
      return { first: Number(row?.['first'] ?? last + 1), last };
    },
    async forget(before) {
      await engine
        .transact(
          async (run) => void (await run('DELETE FROM azlin_events WHERE at < $1', [before])),
          () => [],
        )
        .catch((error: unknown) => {
          throw registryFailed('tidy', error);
        });
    },
    async size() {
      const [row] = await reading(
        `SELECT COUNT(*) AS records, AVG(created_at) AS mean, ${dialect.bytes} AS bytes FROM azlin_records`,
      );
      return {
        records: Number(row?.['records'] ?? 0),
        bytes: Number(row?.['bytes'] ?? 0),
        meanCreatedAt: Number(row?.['mean'] ?? 0),
      };
    },
    async examine() {
      try {
        return await engine.examine();
      } catch (error) {
        throw registryFailed('examine', error);
      }
    },
    news: engine.news,
    close: engine.close,
  };
}

interface Writing {
  readonly dialect: SqlEngine['dialect'];
  /** Grows with the ids of what is changed. */
  readonly changed: Set<string>;
}

/** No record has this id. */
const NO_RECORD = '*';

const PLACES = Array.from({ length: 16 }, (_, at) => (at === 2 ? 'METADATA' : `$${at + 1}`)).join(', ');

function transactionOf(run: RunSql, { dialect, changed }: Writing): Transaction {
  const places = PLACES.replace('METADATA', dialect.jsonOf('$3'));
  return {
    async get(id) {
      const [row] = await run(`SELECT ${COLUMNS} FROM azlin_records WHERE id = $1`, [id]);
      return row && recordIn(row);
    },
    async insert(record) {
      changed.add(record.id);
      const [row] = await run(
        `INSERT INTO azlin_records (id, version, metadata, created_at, updated_at, accessed_at, ttl, disconnected_at, reason, reconnect_count,
          token_hash, token_expires, token_failed, previous_hash, previous_until, next_call)
          VALUES (${places}) ON CONFLICT (id) DO NOTHING RETURNING id`,
        valuesOf(record),
      );
      if (!row) throw alreadyThere(record.id);
    },
    async replace(record) {
      changed.add(record.id);
      await run(
        `UPDATE azlin_records SET (version, metadata, created_at, updated_at, accessed_at, ttl, disconnected_at, reason, reconnect_count,
          token_hash, token_expires, token_failed, previous_hash, previous_until, next_call) = (${places.replace('$1, ', '')}) WHERE id = $1`,
        valuesOf(record),
      );
    },
    async remove(id) {
      changed.add(id);
      await run('DELETE FROM azlin_records WHERE id = $1', [id]);
    },
    async append({ at, kind, id, value }) {
      // What is in the history is no record; only that there is news is told.
      changed.add(kind === 'history' ? NO_RECORD : id);
      // Whoever appends has the turn, so the sequence is the order in which events become visible.
      await run('UPDATE azlin_sequence SET last = last + 1');
      await run(
        `INSERT INTO azlin_events (sequence, at, kind, record_id, record)
          SELECT last, CAST($1 AS BIGINT), $2, $3, ${dialect.jsonOf('$4')} FROM azlin_sequence`,
        [at, kind, id, JSON.stringify(value)],
      );
    },
    async due({ now, expiredBy, silentSince }) {
      await run('UPDATE azlin_records SET accessed_at = $1 WHERE accessed_at > $2', [now, now + SKEW]);
      const rows = await run(
        `SELECT ${COLUMNS} FROM azlin_records
          WHERE (ttl IS NOT NULL AND accessed_at + ttl <= $1) OR (disconnected_at IS NULL AND accessed_at <= $2) ORDER BY id LIMIT $3`,
        [expiredBy, silentSince, DUE],
      );
      return rows.map(recordIn);
    },
    async historyOf(id, { since, until }) {
      const rows = await run(
        `SELECT ${EVENT_COLUMNS} FROM azlin_events WHERE record_id = $1 AND kind = 'history' AND at BETWEEN $2 AND $3 ORDER BY sequence`,
        [id, since, until],
      );
      return rows.map(eventIn) as readonly HistoryEvent[];
    },
    async hasEnded(id) {
      const [row] = await run(
        "SELECT 1 AS one FROM azlin_events WHERE record_id = $1 AND kind IN ('deleted', 'expired') LIMIT 1",
        [id],
      );
      return row !== undefined;
    },
  };
}

function valuesOf(record: KeptRecord): readonly SqlValue[] {
  const { id, version, metadata, createdAt, updatedAt, accessedAt, ttl, disconnected, reconnectCount, token } = record;
  return [
    ...[id, version, JSON.stringify(metadata), createdAt, updatedAt, accessedAt, ttl],
    ...[disconnected?.at ?? null, disconnected?.reason ?? null, reconnectCount],
    ...[token?.hash ?? null, token?.expires ?? null, token?.failed ?? null],
    ...[token?.previous?.hash ?? null, token?.previous?.until ?? null, record.nextCall],
  ];
}

const numberOr = (value: SqlValue | undefined) => (value === null || value === undefined ? null : Number(value));

function recordIn(row: SqlRow): KeptRecord {
  const at = numberOr(row['disconnected_at']);
  const hash = row['token_hash'] ?? null;
  const previous = row['previous_hash'] ?? null;
  return {
    id: String(row['id']),
    version: Number(row['version']),
    metadata: frozen(JSON.parse(String(row['metadata'])) as SessionRecord['metadata']),
    createdAt: Number(row['created_at']),
    updatedAt: Number(row['updated_at']),
    accessedAt: Number(row['accessed_at']),
    ttl: numberOr(row['ttl']),
    ...(at === null ? {} : { disconnected: { at, reason: String(row['reason']) as DisconnectReason } }),
    reconnectCount: Number(row['reconnect_count']),
    token:
      hash === null
        ? null
        : {
            hash: String(hash),
            expires: Number(row['token_expires']),
            failed: Number(row['token_failed']),
            previous: previous === null ? null : { hash: String(previous), until: Number(row['previous_until']) },
          },
    nextCall: Number(row['next_call']),
  };
}

function listing({ where, isConnected, after, limit }: ListQuery, { sameJson }: SqlEngine['dialect']) {
  const values: SqlValue[] = [];
  const place = (value: SqlValue) => `$${values.push(value)}`;
  const conditions = Object.entries(where).map(
    // As JSON, so that 1, true and "1" are not the same.
    ([key, value]) => sameJson(`metadata -> ${place(key)}`, place(JSON.stringify(value))),
  );
  if (isConnected !== undefined) conditions.push(`disconnected_at IS ${isConnected ? '' : 'NOT '}NULL`);
  if (after) conditions.push(`(created_at, id) > (${place(after.createdAt)}, ${place(after.id)})`);
  const filter = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  const sql = `SELECT ${COLUMNS} FROM azlin_records ${filter} ORDER BY created_at, id LIMIT ${place(limit)}`;
  return { sql, values };
}
