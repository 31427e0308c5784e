import type { Clock } from '../domain/clock.ts';
import type { Backend, KeptRecord } from './backend.ts';
import { SILENT } from './record.ts';

/** When records were last used. Written down together now and then: a write for each use would cost more than the use. */
export interface AccessLog {
  note(record: KeptRecord): void;
  /** The record with its last use. */
  latest(record: KeptRecord): KeptRecord;
  /** Writes down what is not written yet. */
  flush(): Promise<void>;
  /** Milliseconds for which the oldest use is not written down. */
  lag(): number;
  close(): Promise<void>;
}

/** Milliseconds after which a use is written down, and the share of the time to live that this may be at most. */
const [LATEST, SHARE] = [10_000, 0.1];
/** The share of that time, or of the time after which nobody is there any more, from which on a use is written down at once. */
const LATE = 0.7;

export function accessLog(backend: Pick<Backend, 'touch'>, clock: Clock): AccessLog {
  const uses = new Map<string, number>();
  let since: number | undefined;
  let due = Number.POSITIVE_INFINITY;
  let cancel = () => {};
  const flush = async () => {
    cancel();
    due = Number.POSITIVE_INFINITY;
    if (uses.size === 0) return;
    const writing = new Map(uses);
    const from = since;
    since = undefined;
    try {
      await backend.touch(writing);
    } catch (error) {
      // They are written down the next time.
      since = Math.min(from ?? clock.now(), since ?? clock.now());
      throw error;
    }
    // Until then nobody else knows of them. What was used meanwhile stays.
    for (const [id, at] of writing) if (uses.get(id) === at) uses.delete(id);
  };
  return {
    note({ id, ttl, accessedAt }) {
      const now = clock.now();
      uses.set(id, now);
      since ??= now;
      // Others would soon take it for unused, and remove it.
      if (now - accessedAt > Math.min(ttl ?? SILENT, SILENT) * LATE) return void flush().catch(() => {});
      const at = now + Math.min(LATEST, ttl === null ? LATEST : ttl * SHARE);
      if (at >= due) return;
      cancel();
      due = at;
      cancel = clock.schedule(at - now, () => void flush().catch(() => {}));
    },
    latest(record) {
      const at = uses.get(record.id) ?? 0;
      return at > record.accessedAt ? { ...record, accessedAt: at } : record;
    },
    flush,
    lag: () => (since === undefined ? 0 : Math.max(0, clock.now() - since)),
    close: flush,
  };
}
