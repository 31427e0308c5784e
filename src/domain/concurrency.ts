import type { Clock } from './clock.ts';

/** One of a limited number of places for work. */
export interface Slot {
  /** Gives the place away for as long as the work does nothing but wait. */
  lend(): void;
  /** Waits for a place again, where this one was given away; those who come back come first. Asked again, it is the same place. */
  takeBack(): Promise<void>;
  leave(): void;
}

/** So many places; who enters waits for one. */
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
        // Whoever left meanwhile has no use for it.
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

/** Milliseconds after which what has not ended is waiting rather than working. */
const PATIENCE = 1_000;

export interface Places {
  readonly limit: number;
  readonly clock: Clock;
}

/** Does `work` for every item, so many at a time. One that takes long gives up its place to the next: a VM that hangs holds up no other. */
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

/** Runs one thing after the other, also when one fails. */
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
