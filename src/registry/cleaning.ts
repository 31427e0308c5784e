import type { Clock } from '../domain/clock.ts';
import type { AccessLog } from './access-log.ts';
import type { Backend, KeptRecord, Transaction } from './backend.ts';
import { shown } from './inside.ts';
import { expiryOf, type RegistryEventKind, SILENT } from './record.ts';

export interface CleaningSettings {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly accesses: AccessLog;
  readonly cleanUpEvery: number | undefined;
  readonly keepEvents: number;
}

/** Removes what has expired, now and then and when asked. */
export function cleaning({ backend, clock, accesses, cleanUpEvery, keepEvents }: CleaningSettings) {
  let expiredLast = 0;
  let expiredInAll = 0;
  let isStopped = false;
  let cancel = () => {};

  const some = (now: number) =>
    backend.transact(async (transaction) => {
      const due = await transaction.due(now, now - SILENT);
      let [expired, silent] = [0, 0];
      for (const one of due.map(accesses.latest)) {
        if (expiryOf(one) <= now) {
          await transaction.remove(one.id);
          await transaction.append({ at: now, kind: 'expired', record: shown(one) });
          expired++;
        } else if (!one.disconnected && one.accessedAt <= now - SILENT) {
          await end(transaction, { ...one, disconnected: { at: now, reason: 'timeout_no_activity' } }, now);
          silent++;
        }
      }
      // What has just been used again stays due until that is written down.
      return { expired, isOver: expired + silent === 0 };
    });

  const expire = async () => {
    await accesses.flush();
    const now = clock.now();
    let sum = 0;
    for (let result = await some(now); ; result = await some(now)) {
      sum += result.expired;
      if (result.isOver) break;
    }
    if (Number.isFinite(keepEvents)) await backend.forget(Math.floor(now - keepEvents));
    expiredLast = sum;
    expiredInAll += sum;
    return sum;
  };

  const again = () => {
    if (cleanUpEvery === undefined || isStopped) return;
    // The next time it may work.
    cancel = clock.schedule(
      cleanUpEvery,
      () =>
        void expire()
          .catch(() => {})
          .finally(again),
    );
  };
  again();
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
  const kind: RegistryEventKind = 'disconnected';
  const changed = { ...record, version: record.version + 1, updatedAt: at };
  await transaction.replace(changed);
  await transaction.append({ at, kind, record: shown(changed) });
}
