import { oneByOne } from '../domain/concurrency.ts';
import { type Backend, eventOf, type KeptRecord, type ListQuery, type Transaction } from './backend.ts';
import { expiryOf, type HistoryEvent, type RegistryEvent, SKEW } from './record.ts';
import { alreadyThere } from './registry-errors.ts';

/** How many of those that are due are taken at once. */
export const DUE = 500;

/** Records that live as long as this process. */
export function memoryBackend(): Backend {
  const records = new Map<string, KeptRecord>();
  /** The ids in the order of creation; undefined after there are others. */
  let order: readonly string[] | undefined;
  let events: RegistryEvent[] = [];
  let last = 0;
  const listeners = new Set<(ids: readonly string[]) => void>();
  // One transaction after the other: nobody sees half of one.
  const inTurn = oneByOne();

  const transaction = (changed: Map<string, KeptRecord | undefined>, added: RegistryEvent[]): Transaction => {
    const get = (id: string) => (changed.has(id) ? changed.get(id) : records.get(id));
    return {
      get: async (id) => get(id),
      async insert(record) {
        if (get(record.id)) throw alreadyThere(record.id);
        changed.set(record.id, record);
      },
      replace: async (record) => void changed.set(record.id, record),
      remove: async (id) => void changed.set(id, undefined),
      async append(event) {
        added.push(eventOf(last + added.length + 1, event));
      },
      async due({ now, expiredBy, silentSince }) {
        for (const [id, one] of records) if (one.accessedAt > now + SKEW) records.set(id, { ...one, accessedAt: now });
        const isDue = (one: KeptRecord) =>
          expiryOf(one) <= expiredBy || (!one.disconnected && one.accessedAt <= silentSince);
        return [...records.values()].filter(isDue).slice(0, DUE);
      },
      async historyOf(id, { since, until }) {
        const isMeant = (one: RegistryEvent): one is HistoryEvent =>
          one.kind === 'history' && one.id === id && one.at >= since && one.at <= until;
        return [...events, ...added].filter(isMeant);
      },
      hasEnded: async (id) => events.some((one) => one.id === id && (one.kind === 'deleted' || one.kind === 'expired')),
    };
  };

  return {
    name: 'memory',
    transact: (work) =>
      inTurn(async () => {
        const changed = new Map<string, KeptRecord | undefined>();
        const added: RegistryEvent[] = [];
        const result = await work(transaction(changed, added));
        for (const [id, record] of changed) {
          if (records.get(id)?.createdAt !== record?.createdAt) order = undefined;
          if (record) records.set(id, record);
          else records.delete(id);
        }
        events.push(...added);
        last += added.length;
        if (added.length > 0) for (const hear of listeners) hear(added.map(({ id }) => id));
        return result;
      }),
    get: async (id) => records.get(id),
    async list(query) {
      order ??= [...records.values()].sort(byCreation).map(({ id }) => id);
      const found: KeptRecord[] = [];
      for (let at = query.after ? placeAfter(order, records, query.after) : 0; at < order.length; at++) {
        if (found.length === query.limit) break;
        const one = records.get(order[at] ?? '');
        if (one && isWanted(one, query)) found.push(one);
      }
      return found;
    },
    async touch(times) {
      for (const [id, at] of times) {
        const one = records.get(id);
        if (one && one.accessedAt < at) records.set(id, { ...one, accessedAt: at });
      }
    },
    async events({ after, limit, kinds, id, since = 0, isLatest = false }) {
      const isMeant = (event: RegistryEvent) =>
        event.sequence > after &&
        event.at >= since &&
        (id === undefined || event.id === id) &&
        (!kinds || kinds.includes(event.kind));
      if (isLatest) return events.filter(isMeant).slice(-limit);
      const found: RegistryEvent[] = [];
      const from = events.findIndex(({ sequence }) => sequence > after);
      for (let at = from; at >= 0 && at < events.length && found.length < limit; at++) {
        const event = events[at] as RegistryEvent;
        if (isMeant(event)) found.push(event);
      }
      return found;
    },
    range: async () => ({ first: events[0]?.sequence ?? last + 1, last }),
    async forget(before) {
      events = events.filter(({ at }) => at >= before);
    },
    examine: async () => [{ status: 'ok', found: 'in the memory of this process' }],
    async size() {
      const all = [...records.values()];
      const created = all.reduce((sum, { createdAt }) => sum + createdAt, 0);
      const bytes = all.reduce((sum, one) => sum + JSON.stringify(one).length, 0);
      return { records: all.length, bytes, meanCreatedAt: all.length === 0 ? 0 : created / all.length };
    },
    news: {
      on(hear) {
        listeners.add(hear);
        return () => listeners.delete(hear);
      },
      isTelling: () => true,
    },
    async close() {
      listeners.clear();
    },
  };
}

/** Where those that come after it begin. */
function placeAfter(order: readonly string[], records: ReadonlyMap<string, KeptRecord>, after: Place): number {
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const one = records.get(order[middle] ?? '');
    if (one && byCreation(one, after) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isWanted(record: KeptRecord, { where, isConnected }: ListQuery): boolean {
  if (isConnected !== undefined && isConnected !== (record.disconnected === undefined)) return false;
  return Object.entries(where).every(
    ([key, value]) => Object.hasOwn(record.metadata, key) && record.metadata[key] === value,
  );
}

type Place = Pick<KeptRecord, 'createdAt' | 'id'>;

function byCreation(a: Place, b: Place): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
