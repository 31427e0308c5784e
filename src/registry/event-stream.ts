import { AppError } from '../domain/errors.ts';
import type { Backend } from './backend.ts';
import type { RegistryEvent } from './record.ts';
import type { EventsFrom } from './types.ts';

const BATCH = 500;

/** Events, each once and in order, from the moment the first one is asked for. What wakes it up says only that there may be new ones; what counts is what the backend has. `ended`: the registry is closed. */
export function eventStream(backend: Backend, from: EventsFrom, ended: AbortSignal): AsyncIterable<RegistryEvent> {
  const { after, kinds, signal } = from;
  return {
    [Symbol.asyncIterator]() {
      let wake = () => {};
      let isNews = true;
      let isOver = false;
      let place: number | undefined;
      let batch: readonly RegistryEvent[] = [];
      const over = () => isOver || ended.aborted || signal?.aborted === true;
      let stop = () => {};
      const begin = () => {
        const call = () => wake();
        const forget = backend.news.on(() => {
          isNews = true;
          wake();
        });
        signal?.addEventListener('abort', call);
        ended.addEventListener('abort', call);
        stop = () => {
          forget();
          signal?.removeEventListener('abort', call);
          ended.removeEventListener('abort', call);
        };
      };
      const news = () =>
        new Promise<void>((resolve) => {
          wake = resolve;
          if (isNews || over()) resolve();
        });
      /** The next one, or undefined at the end. */
      const next = async (): Promise<RegistryEvent | undefined> => {
        if (place === undefined && !over()) {
          begin();
          place = await placeOf(backend, after);
        }
        while (!over() && place !== undefined) {
          const [event, ...rest] = batch;
          if (event) {
            if (event.sequence !== place + 1) throw forgotten(place, event.sequence);
            [batch, place] = [rest, event.sequence];
            if (!kinds || kinds.includes(event.kind)) return event;
            continue;
          }
          isNews = false;
          batch = await backend.events({ after: place, limit: BATCH });
          if (batch.length === 0) await news();
        }
        return undefined;
      };
      const end = () => {
        isOver = true;
        stop();
        wake();
      };
      return {
        async next() {
          try {
            const value = await next();
            if (value) return { done: false, value };
          } catch (error) {
            end();
            if (!ended.aborted) throw error;
          }
          end();
          return { done: true, value: undefined };
        },
        async return() {
          end();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

/** Where to begin. Rejects with `usage` if events behind it are not kept any more. */
async function placeOf(backend: Backend, after: number | undefined): Promise<number> {
  const { first, last } = await backend.range();
  if (after === undefined) return last;
  if (!Number.isInteger(after) || after < 0 || after > last)
    throw new AppError('usage', `There is no event ${after} in the registry: the last one is ${last}`);
  if (after + 1 < first) throw forgotten(after, first);
  return after;
}

function forgotten(after: number, first: number): AppError {
  return new AppError('usage', `Events before ${first} are no longer kept, so those after ${after} are incomplete`, {
    hint: `read the records, then follow events from ${first - 1} on`,
  });
}
