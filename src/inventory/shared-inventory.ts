import { type Caller, withSignal } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import { orAborted, type SharedWork, sharedWork } from '../domain/deadline.ts';
import type { Fleet, Inventory, VmQuery } from './inventory.ts';

/** How long an answer counts as new for callers who would accept a kept one, in milliseconds. */
const SAME_MOMENT = 5_000;

/**
 * Gives one answer to all who ask at the same time, for example when many targets look up their VMs afresh. A caller who wants a fresh answer gets one that
 * was asked for after that call.
 */
export function sharedInventory(source: Inventory, clock: Clock): Inventory {
  let recent: { readonly fleet: Fleet; readonly at: number } | undefined;
  let running: SharedWork<Fleet> | undefined;
  let next: Promise<SharedWork<Fleet>> | undefined;
  const ask = async (query: VmQuery, caller: Caller): Promise<Fleet> => {
    const at = clock.now();
    const fleet = await source.listVms(query, caller);
    // A late answer to an earlier question must not replace a newer one.
    if (!recent || recent.at <= at) recent = { fleet, at };
    return fleet;
  };
  /** The caller who asks first hears about the progress. */
  const begin = (query: VmQuery, caller: Caller): SharedWork<Fleet> => {
    const look = sharedWork((signal) => ask(query, withSignal(caller, signal)));
    running = look;
    void look.over.then(() => {
      if (running === look) running = undefined;
    });
    return look;
  };
  return {
    async listVms(query, caller) {
      const { signal } = caller;
      if (query.stale) return source.listVms(query, caller);
      if (query.fresh) {
        if (!running) return begin(query, caller).join(signal);
        next ??= running.over.then(() => {
          next = undefined;
          return begin(query, caller);
        });
        return (await orAborted(next, signal)).join(signal);
      }
      const isGood = recent && clock.now() - recent.at < SAME_MOMENT && !(query.whole && recent.fleet.provisional);
      return isGood && recent ? recent.fleet : ask(query, caller);
    },
  };
}
