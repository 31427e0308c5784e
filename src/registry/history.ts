import { printable, shorten } from '../domain/text.ts';
import type { Within } from './inside.ts';
import type { HistoryEntry, RegistryEvent } from './record.ts';
import type { HistoryQuery } from './types.ts';

/** Where a registry is. `auto`: in the database if there is a URL, else in the file if this Node has SQLite, else in memory. */
export interface RegistryPlace {
  readonly backend: 'auto' | 'memory' | 'disk' | 'cluster';
  /** Absolute. */
  readonly path: string;
  readonly url: string | undefined;
  /** Milliseconds. */
  readonly keepEvents: number;
}

/** What somebody does or sees, without whose daemon it was. */
export interface HistoryNote extends Omit<HistoryEntry, 'seenBy' | 'key'> {
  /** Set by whoever may give it away twice. */
  readonly key?: string | undefined;
  /** Whether others who watch the VM see the same. */
  readonly isSeen: boolean;
}

/** Why a history cannot be written, and how many entries wait for that, if that is known. */
export interface HistoryTrouble {
  readonly why: string;
  readonly waiting: number | undefined;
}

/** Writes the history of several registries. */
export interface HistoryKeeper {
  /** Never throws: it writes when it can. */
  note(place: RegistryPlace, note: HistoryNote): void;
  /** What is in the registry, once all that was noted is written. Rejects with an AppError. */
  past(place: RegistryPlace, query: HistoryQuery): Promise<readonly RegistryEvent[]>;
  /** Writes all that was noted, and says what is in the way of that. Never rejects. */
  trouble(place: RegistryPlace): Promise<HistoryTrouble | undefined>;
}

/** Milliseconds since 1970, and what happened then. */
export interface Noted {
  readonly at: number;
  readonly isSeen: boolean;
  readonly entry: HistoryEntry;
}

/** Milliseconds within which all who watch a VM have seen what happened there. */
const SAME = 20_000;
const LONGEST = 200;

/**
 * Writes what happens on VMs into the registry, each thing once: several daemons can watch the same VM, and share a registry. What one of them has seen as
 * often as it is written down there is not written down again.
 */
export function historyWriter(within: Within): (noted: readonly Noted[]) => Promise<void> {
  let seen: readonly Seen[] = [];
  return async (noted) => {
    seen = await within(async ({ transaction }) => {
      // It may be run again, and then from the same beginning.
      let lately = seen;
      for (const { at, isSeen, entry: given } of noted) {
        const entry = clean(given);
        const id = `${entry.user}@${entry.vm}:${entry.session ?? ''}`;
        const isSame = ({ entry: other }: { readonly entry: HistoryEntry }) =>
          other.what === entry.what && other.run === entry.run && (entry.who === undefined || other.who === entry.who);
        const near = { since: at - SAME, until: at + SAME };
        const all = await transaction.historyOf(id, near);
        // Whoever has waited for a command knows more about its end than whoever watches.
        const isKnownEnd =
          entry.what === 'ended' && all.some(({ entry: { what, run } }) => what === 'ended' && run === entry.run);
        if (isSeen && isKnownEnd) continue;
        const known = all.filter(isSame);
        // If the last try broke off at its end, it may be there.
        if (known.some((one) => one.entry.key === entry.key)) continue;
        if (isSeen) {
          lately = [...lately.filter((one) => Math.abs(at - one.at) <= SAME), { at, id, entry }];
          const own = lately.filter((one) => one.id === id && isSame(one));
          if (known.length >= own.length) continue;
        }
        await transaction.append({ at, kind: 'history', id, value: entry });
      }
      return lately;
    });
  };
}

interface Seen extends Pick<Noted, 'at' | 'entry'> {
  readonly id: string;
}

/** Names come from VMs: nothing in them may be more than a word in a line, or something that a database cannot keep. */
function clean(entry: HistoryEntry): HistoryEntry {
  const texts = Object.entries(entry).map(([name, value]) => [
    name,
    typeof value === 'string' ? printable(shorten(value, LONGEST).replace(/\p{Cs}/gu, '?')) : value,
  ]);
  return Object.fromEntries(texts) as HistoryEntry;
}
