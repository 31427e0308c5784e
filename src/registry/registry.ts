import { randomUUID } from 'node:crypto';
import { type Clock, pause } from '../domain/clock.ts';
import { AppError } from '../domain/errors.ts';
import { accessLog } from './access-log.ts';
import type { Backend, Examined, KeptRecord } from './backend.ts';
import { cleaning } from './cleaning.ts';
import { comings } from './comings.ts';
import { eventStream } from './event-stream.ts';
import { healthOf } from './health.ts';
import { historyWriter, type Noted } from './history.ts';
import { change, existing, happened, type Inside, shown, type Within } from './inside.ts';
import { checkId, checkMetadata, checkObject, checkTtl, expiryOf, type SessionRecord } from './record.ts';
import { turns } from './turns.ts';
import type { Allowance, Change, NewRecord, RecordPage, RecordQuery, RecordsTogether, Registry } from './types.ts';

/** Times are in milliseconds. */
export interface RegistrySettings {
  readonly backend: Backend;
  readonly clock: Clock;
  /** How long a record stays after its last use, unless it says something else; null for ever. */
  readonly ttl: number | null;
  /** How often what has expired is removed; undefined only when `expire` is called. */
  readonly cleanUpEvery: number | undefined;
  /** For how long events are kept. */
  readonly keepEvents: number;
  /** How many calls a session may make in a time. */
  readonly rate: { readonly calls: number; readonly per: number };
}

const PAGE = 100;
const MOST = 1_000;
/** Milliseconds for writing down the last uses. */
const CLOSING = 2_000;

/** A registry as azlin itself uses it. */
export interface OwnRegistry extends Registry {
  /** Adds what has happened on VMs to the history, unless another daemon has. */
  note(noted: readonly Noted[]): Promise<void>;
  /** Looks whether all is well with the place where records are kept. */
  examine(): Promise<readonly Examined[]>;
}

/** Sessions in a backend. */
export function registryOn(settings: RegistrySettings): OwnRegistry {
  const { backend, clock, rate } = settings;
  const accesses = accessLog(backend, clock);
  const { run, checkOutside } = turns(backend);
  const ended = new AbortController();
  let closing: Promise<void> | undefined;
  const check = () => {
    if (closing) throw new AppError('registry-failed', 'The registry is closed');
    checkOutside();
  };
  const isThere = (one: KeptRecord | undefined): one is KeptRecord =>
    one !== undefined && expiryOf(accesses.latest(one)) > clock.now();
  const within: Within = async (work) => {
    check();
    return run((transaction) => work({ transaction, settings, isThere, ...accesses }));
  };
  const cleaner = cleaning({ ...settings, accesses });
  const find = async (id: string) => {
    check();
    const near = await backend.get(checkId(id), false);
    // Others may have used it since it was read.
    const found = near && !isThere(near) ? await backend.get(id, true) : near;
    return isThere(found) ? found : undefined;
  };
  const get = async (id: string) => {
    const found = await find(id);
    if (!found) return undefined;
    accesses.note(found);
    return shown(accesses.latest(found));
  };

  return {
    backend: backend.name,
    create: (given = {}) => within((one) => together(one).create(given)),
    get,
    async peek(id) {
      const found = await find(id);
      return found && shown(accesses.latest(found));
    },
    update: (id, change) => within((one) => together(one).update(id, change)),
    delete: (id) => within((one) => together(one).delete(id)),
    setTtl: (id, ttl) => within((one) => together(one).setTtl(id, ttl)),
    touch: async (id) => (await get(id)) !== undefined,
    transaction: (work) => within((one) => work(together(one))),
    async list(query = {}) {
      check();
      return listed({ query, backend, isThere, latest: accesses.latest });
    },
    allow: (id) => within((one) => allow(one, checkId(id), rate)),
    ...comings({ within, clock }),
    async expire() {
      check();
      return cleaner.expire();
    },
    async stats() {
      check();
      const { records, bytes, meanCreatedAt } = await backend.size();
      return {
        total: records,
        ...cleaner.counts(),
        meanAge: records === 0 ? 0 : clock.now() - meanCreatedAt,
        bytesPerRecord: records === 0 ? 0 : Math.round(bytes / records),
        lag: accesses.lag(),
      };
    },
    async health() {
      check();
      await accesses.flush();
      return healthOf(backend, clock.now());
    },
    async history(query = {}) {
      check();
      const { id, kinds, since, after, limit = MOST } = checkObject(query, 'query');
      if (!Number.isInteger(limit) || limit < 1) throw new AppError('usage', `"${limit}" is not a number of events`);
      return backend.events({ id, kinds, since, after: after ?? 0, limit, isLatest: after === undefined });
    },
    note: historyWriter(within),
    async examine() {
      check();
      return backend.examine();
    },
    events: (from = {}) => eventStream(backend, from, ended.signal),
    close() {
      closing ??= (async () => {
        ended.abort();
        cleaner.stop();
        // What cannot be written down any more must not keep it open.
        const enough = new AbortController();
        const late = pause(clock, CLOSING, enough.signal).catch(() => {});
        await Promise.race([accesses.close().catch(() => {}), late]);
        enough.abort();
        await backend.close();
      })();
      return closing;
    },
  };
}

function together(inside: Inside): RecordsTogether {
  const { transaction, settings, isThere, latest } = inside;
  const { clock } = settings;
  return {
    async create({ id = randomUUID(), metadata = {}, ttl = settings.ttl }: NewRecord) {
      const at = clock.now();
      const before = await transaction.get(checkId(id));
      // One that has expired, but is not removed yet, is not there any more.
      if (before && !isThere(before)) await transaction.remove(id);
      const record: KeptRecord = {
        ...{ id, version: 1, metadata: checkMetadata(metadata).metadata, ttl: checkTtl(ttl) },
        ...{ createdAt: at, updatedAt: at, accessedAt: at, reconnectCount: 0, token: null, nextCall: 0 },
      };
      await transaction.insert(record);
      await transaction.append(happened('created', at, record));
      return shown(record);
    },
    async get(id) {
      const found = await transaction.get(checkId(id));
      if (!isThere(found)) return undefined;
      inside.note(found);
      return shown(latest(found));
    },
    async update(id, make: Change) {
      const record = await existing(inside, id);
      const { metadata } = checkMetadata(make(record.metadata));
      return shown(await change(inside, { ...record, metadata, accessedAt: clock.now() }));
    },
    async delete(id) {
      const found = await transaction.get(checkId(id));
      if (!isThere(found)) return false;
      await transaction.remove(id);
      await transaction.append(happened('deleted', clock.now(), latest(found)));
      return true;
    },
    async setTtl(id, ttl) {
      const checked = checkTtl(ttl);
      return shown(await change(inside, { ...(await existing(inside, id)), ttl: checked, accessedAt: clock.now() }));
    },
  };
}

/** Spaces calls so that `calls` of them go at once, and the rest at that rate (the generic cell rate algorithm). */
async function allow(inside: Inside, id: string, { calls, per }: RegistrySettings['rate']): Promise<Allowance> {
  const record = await existing(inside, id);
  const now = inside.settings.clock.now();
  const step = per / calls;
  // One that is further away than it can be is from before the clock was set back.
  const next = (record.nextCall > now + per + 1 ? now : Math.max(now, record.nextCall)) + step;
  const early = next - now - per;
  // Not for what rounding makes of it.
  if (early > 0.5) return { allowed: false, retryAfterMs: Math.ceil(early) };
  await inside.transaction.replace({ ...record, nextCall: next, accessedAt: now });
  return { allowed: true };
}

interface Listing extends Pick<Inside, 'isThere' | 'latest'> {
  readonly query: RecordQuery;
  readonly backend: Backend;
}

async function listed({ query, backend, isThere, latest }: Listing): Promise<RecordPage> {
  const { where = {}, isConnected, limit = PAGE, after } = checkObject(query, 'query');
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST)
    throw new AppError('usage', `"${limit}" is not a number of records`, { hint: `from 1 to ${MOST}` });
  for (const key of Object.keys(checkObject(where, 'where')))
    if (!/^\w{1,64}$/.test(key))
      throw new AppError('usage', `"${key}" cannot be searched for in metadata`, { hint: 'letters, digits and _' });
  let place = after === undefined ? undefined : placeIn(after);
  const records: SessionRecord[] = [];
  // Those that have expired but are not removed yet leave holes in a page.
  for (;;) {
    const page = await backend.list({ where, isConnected, after: place, limit: limit + 1 });
    const more = page.length > limit;
    for (const one of page.slice(0, limit)) {
      if (records.length === limit) break;
      place = { createdAt: one.createdAt, id: one.id };
      if (isThere(one)) records.push(shown(latest(one)));
    }
    if (!more) return { records, next: undefined };
    if (records.length === limit && place) return { records, next: `${place.createdAt}.${place.id}` };
  }
}

function placeIn(text: string): Pick<SessionRecord, 'createdAt' | 'id'> {
  const [, createdAt, id] = /^(\d{1,16})\.([\w.:-]{1,128})$/.exec(text) ?? [];
  if (createdAt === undefined || id === undefined)
    throw new AppError('usage', `"${text}" is not a place in a list`, { hint: 'give `next` of the page before' });
  return { createdAt: Number(createdAt), id };
}
