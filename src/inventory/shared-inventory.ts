import { type Caller, withSignal } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import { orAborted, type SharedWork, sharedWork } from '../domain/deadline.ts';
import type { Fleet, Inventory, VmQuery } from './inventory.ts';

/** Milliseconds that an answer is as good as a new one, to whoever would take a kept one. */
const SAME_MOMENT = 5_000;

/**
 * One answer for all who ask at the same time: with a fleet of targets, as many look their VM up afresh at the same moment. Whoever asks for a fresh
 * answer gets one that was asked for after that.
 */
export function sharedInventory(source: Inventory, clock: Clock): Inventory {
  let recent: { readonly fleet: Fleet; readonly at: number } | undefined;
  let running: SharedWork<Fleet> | undefined;
  let next: Promise<SharedWork<Fleet>> | undefined;
  const ask = async (query: VmQuery, caller: Caller): Promise<Fleet> => {
    const at = clock.now();
    const fleet = await source.listVms(query, caller);
    // An answer to an earlier question is no news.
    if (!recent || recent.at <= at) recent = { fleet, at };
    return fleet;
  };
  /** Who asks first hears how it goes. */
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
