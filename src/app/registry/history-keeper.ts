import { randomUUID } from 'node:crypto';
import { type Clock, pause } from '../../domain/clock.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import type { HistoryKeeper, HistoryTrouble, Noted, RegistryPlace } from '../../registry/history.ts';
import type { OwnRegistry } from '../../registry/registry.ts';
import { backendAt } from './registry-place.ts';

interface Settings {
  readonly clock: Clock;
  /** Whose daemon it is: `alice@laptop`. */
  readonly seenBy: string;
  readonly log: (line: string) => void;
  /** Whether azlin's home is there. It is not made again for the last words of a daemon that has lost it. */
  readonly hasHome: () => boolean;
}

export interface ClosableKeeper extends HistoryKeeper {
  /** Writes what it still can. */
  close(): Promise<void>;
}

/** Milliseconds after which a registry that nobody uses is closed; after which it is tried again when it cannot be written; for writing the last words. */
const [UNUSED, AGAIN, CLOSING] = [60_000, 10_000, 2_000];
/** Milliseconds until what was noted is written. */
const SOON = 50;
/** How many entries may wait, and are written at once. */
const [MOST, BATCH] = [10_000, 500];
/** Milliseconds for which a history that is shared is kept at least. */
const LEAST_SHARED = 7 * 86_400_000;

/** Writes the history in the background. A registry that cannot be reached holds up nothing: what is to be written waits. */
export function historyKeeper(settings: Settings): ClosableKeeper {
  const { clock, seenBy } = settings;
  const books = new Map<string, Book>();
  const bookOf = (place: RegistryPlace) => {
    const key = JSON.stringify(place);
    const known = books.get(key) ?? bookAt(place, settings);
    books.set(key, known);
    return known;
  };
  return {
    note(place, { isSeen, key = randomUUID(), ...entry }) {
      // With the key, one that may have been written is recognised when it is written again.
      bookOf(place).add({ at: clock.now(), isSeen, entry: { ...entry, seenBy, key } });
    },
    past: (place, query) => bookOf(place).using((registry) => registry.history(query)),
    trouble: async (place) => books.get(JSON.stringify(place))?.trouble(),
    async close() {
      await Promise.all([...books.values()].map((book) => book.close()));
    },
  };
}

interface Book {
  add(noted: Noted): void;
  /** Works with the registry, once all that was added is written. */
  using<T>(work: (registry: OwnRegistry) => Promise<T>): Promise<T>;
  trouble(): Promise<HistoryTrouble | undefined>;
  close(): Promise<void>;
}

function bookAt(place: RegistryPlace, { clock, log, hasHome }: Settings): Book {
  const waiting: Noted[] = [];
  let opened: Promise<OwnRegistry> | undefined;
  let writing: Promise<void> | undefined;
  let cancel = () => {};
  let cancelSoon = () => {};
  let failure: string | undefined;
  /** How many of those that wait are tried at once. */
  let size = BATCH;

  const open = async () => {
    const { openRegistry } = await import('./create-registry.ts');
    const backend = await backendAt(place);
    if (!hasHome()) throw new AppError('registry-failed', "azlin's directory is gone");
    // What is shared is not forgotten because one of those who share it wants to remember less.
    const keepEvents = backend === 'cluster' ? Math.max(place.keepEvents, LEAST_SHARED) : place.keepEvents;
    const registry = await openRegistry({ ...place, backend, keepEvents, preset: 'single', onWarning: log });
    // Somebody has to forget what is too old.
    await registry.expire();
    return registry;
  };
  const shut = async () => {
    const closing = opened;
    opened = undefined;
    await closing?.then((registry) => registry.close()).catch(() => {});
  };
  const registryOf = () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
  const rest = async () => {
    cancel();
    // What is in memory would be gone.
    const isKept = (await opened)?.backend === 'memory';
    if (!isKept) cancel = clock.schedule(UNUSED, () => void shut());
  };
  const write = async () => {
    cancel();
    try {
      const registry = await registryOf();
      while (waiting.length > 0) {
        const batch = waiting.slice(0, size);
        await registry.note(batch);
        waiting.splice(0, batch.length);
      }
      failure = undefined;
      size = BATCH;
      await rest();
    } catch (error) {
      if (failure === undefined) log(`the history cannot be written: ${messageOf(error)}`);
      failure = messageOf(error);
      if (size === 1 && (await writesAnother(waiting[0]))) {
        waiting.shift();
        log(`an event of the history is lost: ${failure}`);
      }
      size = 1;
      await shut();
      cancel = clock.schedule(AGAIN, begin);
      throw error;
    }
  };
  /** One that cannot be written for what it is must not hold up the others. Whether something else can be written says why it is; then that is what the history says. */
  const writesAnother = async (bad: Noted | undefined) => {
    if (!bad) return false;
    const { hostname, vm, seenBy } = bad.entry;
    const entry = { what: 'missed', hostname, vm, user: '', seenBy, key: randomUUID() } as const;
    try {
      await (await registryOf()).note([{ at: bad.at, isSeen: false, entry }]);
      return true;
    } catch {
      return false;
    }
  };
  const begin = () => {
    cancelSoon();
    writing ??= write().finally(() => {
      writing = undefined;
      // What was added while it came to its end.
      if (waiting.length > 0 && failure === undefined) void begin();
    });
    writing.catch(() => {});
    return writing;
  };
  const writeAll = async () => {
    await begin();
    // What was added while that came to its end.
    if (waiting.length > 0) await begin();
  };
  return {
    add(noted) {
      waiting.push(noted);
      if (waiting.length > MOST) {
        waiting.shift();
        log('an event of the history is lost: too many wait to be written');
      }
      // A command should not wait for it. Until the next try, it would fail again.
      if (failure === undefined && waiting.length === 1 && !writing) cancelSoon = clock.schedule(SOON, begin);
    },
    async using(work) {
      await writeAll();
      try {
        return await work(await registryOf());
      } finally {
        await rest();
      }
    },
    async trouble() {
      // Somebody waits for it, so that it is tried again at once.
      if (waiting.length > 0 || writing) await writeAll().catch(() => {});
      return failure === undefined ? undefined : { why: failure, waiting: waiting.length };
    },
    async close() {
      const enough = new AbortController();
      const late = pause(clock, CLOSING, enough.signal).catch(() => {});
      await Promise.race([waiting.length > 0 || writing ? begin().catch(() => {}) : undefined, late]);
      cancel();
      await Promise.race([shut(), late]);
      enough.abort();
      if (waiting.length > 0)
        log(
          `${count(waiting.length, 'event')} of the history could not be written, and ${waiting.length === 1 ? 'is' : 'are'} lost`,
        );
    },
  };
}
