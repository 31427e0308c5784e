import type { Backend, KeptRecord } from './backend.ts';
import type { RecordEvent } from './record.ts';
import type { RegistryHealth } from './types.ts';

/** Milliseconds since the last use from which on a session is aging, and stale. */
const [AGING, STALE] = [300_000, 600_000];
const DAY = 86_400_000;
const PAGE = 1_000;
const RECENT = 20;
const RECORD_KINDS = ['created', 'updated', 'expired', 'disconnected', 'reconnected', 'deleted'] as const;

/** How the sessions are now, and what happened in the last 24 hours. */
export async function healthOf(backend: Backend, now: number): Promise<RegistryHealth> {
  const ages = { healthy: 0, aging: 0, stale: 0 };
  let [active, disconnected] = [0, 0];
  for (let after: KeptRecord | undefined, isMore = true; isMore; ) {
    const page: readonly KeptRecord[] = await backend.list({ where: {}, isConnected: undefined, after, limit: PAGE });
    for (const one of page) {
      if (one.disconnected) disconnected++;
      else {
        active++;
        const age = now - one.accessedAt;
        ages[age < AGING ? 'healthy' : age < STALE ? 'aging' : 'stale']++;
      }
    }
    after = page.at(-1);
    isMore = page.length === PAGE;
  }
  const recent = await backend.events({ after: 0, limit: RECENT, kinds: RECORD_KINDS, isLatest: true });
  return {
    active,
    disconnected,
    total: active + disconnected,
    ages,
    lastDay: await lastDay(backend, now),
    recent: [...(recent as readonly RecordEvent[])].reverse(),
  };
}

async function lastDay(backend: Backend, now: number): Promise<RegistryHealth['lastDay']> {
  let [created, ended, duration, left] = [0, 0, 0, 0];
  const since = now - DAY;
  const kinds = ['created', 'deleted', 'expired', 'disconnected'] as const;
  for (let after = 0, isMore = true; isMore; ) {
    const page = (await backend.events({ after, limit: PAGE, kinds, since })) as readonly RecordEvent[];
    for (const { kind, at, record } of page) {
      if (kind === 'created') created++;
      else if (kind === 'disconnected') left++;
      else {
        ended++;
        duration += at - record.createdAt;
      }
    }
    after = page.at(-1)?.sequence ?? after;
    isMore = page.length === PAGE;
  }
  return {
    created,
    perHour: created / 24,
    meanDuration: ended === 0 ? 0 : duration / ended,
    disconnectRate: created === 0 ? 0 : left / created,
  };
}
