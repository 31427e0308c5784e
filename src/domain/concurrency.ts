import type { Clock } from './clock.ts';

/** One of a limited number of places for work. */
export interface Slot {
  /** Gives the place away while the work only waits. */
  lend(): void;
  /** Waits for a place again if this one was lent; those that come back go first. A second call waits for the same place. */
  takeBack(): Promise<void>;
  leave(): void;
}

/** A limited number of places. `enter` waits for one. */
export function slots(limit: number): { enter(): Promise<Slot> } {
  let free = limit;
  const waiting: (() => void)[] = [];
  const returning: (() => void)[] = [];
  const release = () => {
    const next = returning.shift() ?? waiting.shift();
    if (next) next();
    else free++;
  };
  const acquire = (queue: (() => void)[]): Promise<void> => {
    if (free === 0) return new Promise((resolve) => queue.push(resolve));
    free--;
    return Promise.resolve();
  };
  return {
    async enter() {
      await acquire(waiting);
      let state: 'held' | 'lent' | 'left' = 'held';
      let comingBack: Promise<void> | undefined;
      const giveUp = (next: 'lent' | 'left') => {
        if (state === 'held') release();
        if (state !== 'left') state = next;
      };
      const takeBack = async () => {
        await acquire(returning);
        comingBack = undefined;
        // If the work has left meanwhile, it does not need the place.
        if (state === 'left') release();
        else state = 'held';
      };
      return {
        lend: () => giveUp('lent'),
        leave: () => giveUp('left'),
        takeBack() {
          if (state !== 'lent') return Promise.resolve();
          comingBack ??= takeBack();
          return comingBack;
        },
      };
    },
  };
}

/** Milliseconds after which work that has not ended is probably only waiting. */
const PATIENCE = 1_000;

export interface Places {
  readonly limit: number;
  readonly clock: Clock;
}

/** Does `work` for every item, `limit` at a time. An item that takes long lends its place to the next, so a VM that hangs does not delay others. */
export async function inPlaces<T, R>(
  { limit, clock }: Places,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const { enter } = slots(limit);
  return Promise.all(
    items.map(async (item) => {
      const slot = await enter();
      const cancel = clock.schedule(PATIENCE, slot.lend);
      try {
        return await work(item);
      } finally {
        cancel();
        slot.leave();
      }
    }),
  );
}

/** Runs one thing after the other, even if one fails. */
export function oneByOne(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
}

/** Does `work` for every item, at most `limit` at a time, and gives the results in the order of the items. */
export async function atMost<T, R>(
  limit: number,
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await work(item, index);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}
