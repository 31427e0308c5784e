import { AppError } from '../domain/errors.ts';
import type { Backend } from './backend.ts';
import type { RegistryEvent } from './record.ts';
import type { EventsFrom } from './types.ts';

const BATCH = 500;

/** Events, each once and in order. What wakes it up says only that there may be new ones; what counts is what the backend has. */
export function eventStream(backend: Backend, from: EventsFrom): AsyncIterable<RegistryEvent> {
  const { after, kinds, signal } = from;
  let wake = () => {};
  let isNews = true;
  const stop = backend.onEvents(() => {
    isNews = true;
    wake();
  });
  const onAbort = () => wake();
  signal?.addEventListener('abort', onAbort);
  const begin = placeOf(backend, after);
  // It is read later, perhaps never.
  begin.catch(() => {});
  const news = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
      if (isNews || signal?.aborted) resolve();
    });
  async function* read() {
    try {
      let place = await begin;
      while (!signal?.aborted) {
        isNews = false;
        const batch = await backend.events({ after: place, limit: BATCH });
        for (const event of batch) {
          place = event.sequence;
          if (!kinds || kinds.includes(event.kind)) yield event;
          if (signal?.aborted) return;
        }
        if (batch.length < BATCH) await news();
      }
    } finally {
      stop();
      signal?.removeEventListener('abort', onAbort);
    }
  }
  return read();
}

/** Where to begin. Rejects with `usage` if events behind it are not kept any more. */
async function placeOf(backend: Backend, after: number | undefined): Promise<number> {
  const { first, last } = await backend.range();
  if (after === undefined) return last;
  if (!Number.isInteger(after) || after < 0 || after > last)
    throw new AppError('usage', `There is no event ${after} in the registry: the last one is ${last}`);
  if (after + 1 < first)
    throw new AppError(
      'usage',
      `Events before ${first} are not kept any more, so those behind ${after} are not complete`,
      {
        hint: `read the records, then follow events from ${first - 1} on`,
      },
    );
  return after;
}
