import type { Caller } from '../../domain/caller.ts';
import { type Clock, pause } from '../../domain/clock.ts';

/** Connections that an instance of a Bastion carries are about 40, and it has at least two. Others use it, too. */
const AT_ONCE = 40;
/** Milliseconds between two looks at whether there is room by now. */
const LOOK = 100;

export interface BastionPlaces {
  /** Waits for a place at the Bastion, and resolves to what gives it back. Rejects with the reason of the caller's signal. */
  take(bastion: string, caller: Caller): Promise<() => void>;
}

/** Counts the connections through each Bastion. While there are too many, `makeRoom` is asked to close one that nobody uses. */
export function placesOf(clock: Clock, makeRoom: (bastion: string) => void): BastionPlaces {
  const taken = new Map<string, number>();
  const change = (bastion: string, by: number) => taken.set(bastion, (taken.get(bastion) ?? 0) + by);
  return {
    async take(bastion, caller) {
      if ((taken.get(bastion) ?? 0) >= AT_ONCE)
        caller.trace(`waiting for a place at the Bastion: ${AT_ONCE} are taken`);
      while ((taken.get(bastion) ?? 0) >= AT_ONCE) {
        makeRoom(bastion);
        await pause(clock, LOOK, caller.signal);
      }
      change(bastion, 1);
      let isTaken = true;
      return () => {
        if (isTaken) change(bastion, -1);
        isTaken = false;
      };
    },
  };
}
