import { printable, shorten } from '../domain/text.ts';
import type { Within } from './inside.ts';
import type { HistoryEntry } from './record.ts';

/** Milliseconds since 1970, and what happened then. */
export interface Noted {
  readonly at: number;
  readonly entry: HistoryEntry;
}

/** Milliseconds within which all who watch a VM have seen what happened there. */
const SAME = 20_000;
const LONGEST = 200;
/** What only one daemon sees. */
const OWN: readonly HistoryEntry['what'][] = ['ran', 'watched', 'unwatched'];

/**
 * Writes what happens on VMs into the registry, each thing once: several daemons can watch the same VM, and share a registry. What one of them has seen as
 * often as it is written down there is not written down again.
 */
export function historyWriter(within: Within): (noted: readonly Noted[]) => Promise<void> {
  let seen: readonly Noted[] = [];
  return async (noted) => {
    seen = await within(async ({ transaction }) => {
      // It may be run again, and then from the same beginning.
      let lately = seen;
      for (const { at, entry: given } of noted) {
        const entry = clean(given);
        const id = `${entry.user}@${entry.vm}:${entry.tmuxId ?? ''}`;
        const isSame = (other: HistoryEntry) =>
          other.what === entry.what && (other.who === undefined || entry.who === undefined || other.who === entry.who);
        const isOwn = OWN.includes(entry.what);
        lately = [...lately.filter((one) => Math.abs(at - one.at) < SAME), { at, entry }];
        const own = lately.filter(
          (one) => one.entry.vm === entry.vm && one.entry.tmuxId === entry.tmuxId && isSame(one.entry),
        );
        const known = isOwn ? [] : (await transaction.historyOf(id, at - SAME)).filter((one) => isSame(one.entry));
        if (known.length < own.length) await transaction.append({ at, kind: 'history', id, value: entry });
      }
      return lately;
    });
  };
}

/** Names come from VMs: nothing in them may be more than a word in a line, or something that a database cannot keep. */
function clean(entry: HistoryEntry): HistoryEntry {
  const texts = Object.entries(entry).map(([name, value]) => [
    name,
    typeof value === 'string' ? printable(shorten(value, LONGEST).replace(/\p{Cs}/gu, '?')) : value,
  ]);
  return Object.fromEntries(texts) as HistoryEntry;
}
