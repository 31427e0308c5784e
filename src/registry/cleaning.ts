import type { Clock } from '../domain/clock.ts';
import type { AccessLog } from './access-log.ts';
import type { Backend, KeptRecord, Transaction } from './backend.ts';
import { happened } from './inside.ts';
import { expiryOf, SILENT } from './record.ts';

export interface CleaningSettings {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly accesses: AccessLog;
  readonly cleanUpEvery: number | undefined;
  readonly keepEvents: number;
}

/** Milliseconds after which, at the latest, it is noticed that nobody is there any more. */
const LOOK = 60_000;
/** Nothing has expired by then. */
const NEVER = -1;

/** Removes what has expired, now and then and when asked. */
export function cleaning({ backend, clock, accesses, cleanUpEvery, keepEvents }: CleaningSettings) {
  let expiredLast = 0;
  let expiredInAll = 0;
  let isStopped = false;
  let cancel = () => {};

  /** `expiredBy`: which of them count as expired. */
  const some = (now: number, expiredBy: number) =>
    backend.transact(async (transaction) => {
      const due = await transaction.due({ now, expiredBy, silentSince: now - SILENT });
      let [expired, silent] = [0, 0];
      for (const one of due.map(accesses.latest)) {
        if (expiryOf(one) <= expiredBy) {
          await transaction.remove(one.id);
          await transaction.append(happened('expired', now, one));
          expired++;
        } else if (!one.disconnected && one.accessedAt <= now - SILENT) {
          await end(transaction, { ...one, disconnected: { at: now, reason: 'timeout_no_activity' } }, now);
          silent++;
        }
      }
      // What has just been used again stays due until that is written down.
      return { expired, isOver: expired + silent === 0 };
    });

  const sweep = async (now: number, expiredBy: number) => {
    await accesses.flush();
    let sum = 0;
    for (let isOver = false; !isOver; ) {
      const result = await some(now, expiredBy);
      sum += result.expired;
      isOver = result.isOver;
    }
    return sum;
  };
  const expire = async () => {
    const now = clock.now();
    const sum = await sweep(now, now);
    if (Number.isFinite(keepEvents)) await backend.forget(Math.floor(now - keepEvents));
    expiredLast = sum;
    expiredInAll += sum;
    return sum;
  };

  /** `due`: when it is to be cleaned up. */
  const again = (due: number) => {
    if (cleanUpEvery === undefined || isStopped) return;
    const now = clock.now();
    // The clock may have been set back.
    const left = Math.min(due - now, cleanUpEvery);
    cancel = clock.schedule(Math.min(Math.max(0, left), LOOK), () => {
      const isDue = clock.now() >= now + left;
      const work = isDue ? expire() : sweep(clock.now(), NEVER);
      // If it fails, it may work the next time.
      void work.catch(() => {}).finally(() => again(isDue ? clock.now() + cleanUpEvery : now + left));
    });
  };
  again(clock.now() + (cleanUpEvery ?? 0));
  return {
    expire,
    counts: () => ({ expiredLast, expiredInAll }),
    stop() {
      isStopped = true;
      cancel();
    },
  };
}

async function end(transaction: Transaction, record: KeptRecord, at: number): Promise<void> {
  const changed = { ...record, version: record.version + 1, updatedAt: at };
  await transaction.replace(changed);
  await transaction.append(happened('disconnected', at, changed));
}
