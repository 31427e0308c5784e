import type { Backend, KeptRecord } from './backend.ts';

/** How many records are kept near by. */
const MOST = 20_000;

/**
 * Keeps what was read near by, for a backend behind a network. What anybody changes is dropped when the backend tells of it, which takes it a millisecond;
 * what this process changes, at once. While the backend cannot tell, nothing is kept.
 */
export function cachedBackend(backend: Backend): Backend {
  const kept = new Map<string, KeptRecord>();
  // A record that was read before it was changed must not be kept after that.
  let generation = 0;
  const drop = (ids: readonly string[] | undefined) => {
    generation++;
    if (!ids) return kept.clear();
    for (const id of ids) kept.delete(id);
  };
  const stop = backend.news.on(drop);
  return {
    ...backend,
    async get(id, isFresh) {
      const known = kept.get(id);
      if (known && !isFresh) return known;
      const before = generation;
      const found = await backend.get(id, isFresh);
      if (found && before === generation && backend.news.isTelling()) {
        if (kept.size >= MOST) kept.delete(kept.keys().next().value ?? '');
        kept.set(id, found);
      }
      return found;
    },
    async transact(work) {
      const changed = new Set<string>();
      try {
        return await backend.transact((transaction) =>
          work({
            ...transaction,
            insert: (record) => transaction.insert(noted(record)),
            replace: (record) => transaction.replace(noted(record)),
            remove(id) {
              changed.add(id);
              return transaction.remove(id);
            },
          }),
        );
      } finally {
        drop([...changed]);
      }
      function noted(record: KeptRecord): KeptRecord {
        changed.add(record.id);
        return record;
      }
    },
    async touch(times) {
      await backend.touch(times);
      for (const [id, at] of times) {
        const one = kept.get(id);
        if (one && one.accessedAt < at) kept.set(id, { ...one, accessedAt: at });
      }
    },
    async close() {
      stop();
      kept.clear();
      await backend.close();
    },
  };
}
