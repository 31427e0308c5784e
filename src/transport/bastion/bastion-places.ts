import type { Caller } from '../../domain/caller.ts';
import { type Clock, pause } from '../../domain/clock.ts';
import type { Bastion } from '../../domain/route.ts';

/** Connections that an instance of a Bastion carries are about 40, and it has at least two. Others use it, too. */
const AT_ONCE = 40;
/** Milliseconds between two looks at whether there is room by now. */
const LOOK = 100;

/** The connections of this process through each Bastion. */
export interface BastionPlaces {
  /** Waits for a place, and resolves to what gives it back. Rejects with the reason of the caller's signal. */
  take(bastion: Bastion, caller: Caller): Promise<() => void>;
}

interface Counts {
  taken: number;
  /** How many wait for a place. */
  waiting: number;
  /** How many of the taken ones are about to be free, because they were closed for those who wait. */
  leaving: number;
}

/** While too many are taken, `makeRoom` closes one that nobody uses; it returns false if there is none. */
export function bastionPlaces(clock: Clock, makeRoom: (bastion: string) => boolean): BastionPlaces {
  const all = new Map<string, Counts>();
  const countsOf = (id: string) => {
    const counts = all.get(id) ?? { taken: 0, waiting: 0, leaving: 0 };
    all.set(id, counts);
    return counts;
  };
  const wait = async ({ id, name }: Bastion, counts: Counts, { signal, aside }: Caller) => {
    aside(`waiting for a place at Bastion ${name}: ${AT_ONCE} connections are in use`);
    counts.waiting++;
    try {
      while (counts.taken >= AT_ONCE) {
        if (counts.leaving < counts.waiting && makeRoom(id)) counts.leaving++;
        await pause(clock, LOOK, signal);
      }
    } finally {
      counts.waiting--;
      aside(undefined);
    }
  };
  return {
    async take(bastion, caller) {
      const counts = countsOf(bastion.id.toLowerCase());
      if (counts.taken >= AT_ONCE) await wait(bastion, counts, caller);
      counts.taken++;
      let isTaken = true;
      return () => {
        if (!isTaken) return;
        isTaken = false;
        counts.taken--;
        counts.leaving = Math.max(0, counts.leaving - 1);
      };
    },
  };
}
