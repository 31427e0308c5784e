import { type EventQuery, eventOf } from '../backend.ts';
import type { RegistryEvent, SessionRecord } from '../record.ts';
import type { SqlRow, SqlValue } from './sql-engine.ts';

export const EVENT_COLUMNS = 'sequence, at, kind, record_id, CAST(record AS TEXT) AS record';

export function eventQuery({ after, limit, kinds, id, since, isLatest }: EventQuery) {
  const values: SqlValue[] = [after];
  const place = (value: SqlValue) => `$${values.push(value)}`;
  const conditions = ['sequence > $1'];
  if (kinds) conditions.push(`kind IN (${kinds.map(place).join(', ')})`);
  if (id !== undefined) conditions.push(`record_id = ${place(id)}`);
  if (since !== undefined) conditions.push(`at >= ${place(since)}`);
  const order = isLatest ? 'DESC' : 'ASC';
  const sql = `SELECT ${EVENT_COLUMNS} FROM azlin_events
    WHERE ${conditions.join(' AND ')} ORDER BY sequence ${order} LIMIT ${place(limit)}`;
  return { sql, values };
}

export function eventIn(row: SqlRow): RegistryEvent {
  return eventOf(Number(row['sequence']), {
    at: Number(row['at']),
    kind: String(row['kind']) as RegistryEvent['kind'],
    id: String(row['record_id']),
    value: JSON.parse(String(row['record'])) as SessionRecord,
  });
}
