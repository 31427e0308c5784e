import type { Clock } from '../domain/clock.ts';
import type { KeptRecord, NewEvent, Transaction } from './backend.ts';
import { checkId, noSuchRecord, type RecordEventKind, type SessionRecord } from './record.ts';

/** What a call inside a transaction works with. */
export interface Inside {
  readonly transaction: Transaction;
  readonly settings: { readonly clock: Clock; readonly ttl: number | null };
  readonly isThere: (one: KeptRecord | undefined) => one is KeptRecord;
  /** The record with its last use, which may not be written down yet. */
  readonly latest: (one: KeptRecord) => KeptRecord;
  /** Notes that it is used. */
  readonly note: (one: KeptRecord) => void;
}

export type Within = <T>(work: (inside: Inside) => Promise<T>) => Promise<T>;

/** The record as its owner sees it. */
export function shown({ token: _token, nextCall: _next, ...record }: KeptRecord): SessionRecord {
  return record;
}

/** What has happened to a record. */
export function happened(kind: RecordEventKind, at: number, record: KeptRecord): NewEvent {
  return { at, kind, id: record.id, value: shown(record) };
}

/** The record to change. Throws `session-not-found` if there is none. */
export async function existing({ transaction, isThere, latest }: Inside, id: string): Promise<KeptRecord> {
  const found = await transaction.get(checkId(id));
  if (!isThere(found)) throw noSuchRecord(id);
  return latest(found);
}

/** Writes the record, one version further, with the event. */
export async function change(
  { transaction, settings }: Inside,
  record: KeptRecord,
  kind: RecordEventKind = 'updated',
): Promise<KeptRecord> {
  const at = settings.clock.now();
  const changed = { ...record, version: record.version + 1, updatedAt: at };
  await transaction.replace(changed);
  await transaction.append(happened(kind, at, changed));
  return changed;
}
