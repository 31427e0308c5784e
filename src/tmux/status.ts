import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { Session } from '../domain/session.ts';
import { parseRows } from './rows.ts';

type Kinds<Kind extends string, More> = { [One in Kind]: { readonly kind: One } & More }[Kind];

/** What a script says before anything else. `words`: what follows `ok`; `text`: what follows its line. */
export type Status =
  | { readonly kind: 'ok'; readonly words: readonly string[]; readonly text: string }
  | { readonly kind: 'missing'; readonly sessions: readonly Session[] }
  | { readonly kind: 'ambiguous'; readonly sessions: readonly Session[] }
  | Kinds<'no-tmux' | 'no-job' | 'no-terminal' | 'gone', unknown>
  /** The session got another name, from tmux itself or from one of its hooks. */
  | Kinds<'renamed' | 'hooked', { readonly name: string; readonly wanted: string }>
  /** `name`: the tmux option that ended the session, the version of tmux, or the other VM. */
  | Kinds<'ended' | 'old-tmux' | 'elsewhere', { readonly name: string }>
  | Kinds<'no-directory' | 'no-shell' | 'parted', { readonly name: string }>
  | { readonly kind: 'cannot' | 'busy'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }
  /** Not an answer of one of azlin's scripts. */
  | { readonly kind: 'unreadable'; readonly said: string };

/** Parses the status in the whole output of a script. */
export function parseStatus(output: string): Status {
  const end = output.indexOf('\n');
  const first = (end < 0 ? output : output.slice(0, end)).trim();
  const text = end < 0 ? '' : output.slice(end + 1).replaceAll('\r\n', '\n');
  const [word, ...words] = first.split(' ');
  switch (word) {
    case 'ok':
      return { kind: 'ok', words, text };
    case 'missing':
    case 'ambiguous':
      return { kind: word, sessions: parseRows(text) };
    case 'no-tmux':
    case 'no-job':
    case 'no-terminal':
    case 'gone':
      return { kind: word };
    case 'renamed':
    case 'hooked': {
      const [name = '', wanted = ''] = text.split('\n');
      return { kind: word, name, wanted };
    }
    case 'no-directory':
    case 'no-shell':
    case 'parted':
    case 'ended':
    case 'old-tmux':
    case 'elsewhere':
      return { kind: word, name: text.replace(/\n$/, '') };
    case 'cannot':
    case 'busy':
      return { kind: word, reason: text.trim() };
    case 'failed':
      return { kind: word, reason: text.trim() || 'no message' };
    default:
      return { kind: 'unreadable', said: output.trim() };
  }
}

/**
 * Takes the status off the front of a stream. What follows an `ok` line stays in the stream; if the last word of that line is `+MARK`, only what follows the
 * line MARK does. Undefined if the stream ended first.
 */
export async function takeStatus(stream: Readable): Promise<Status | undefined> {
  let seen = Buffer.alloc(0);
  for (;;) {
    const chunk: Buffer | null = stream.read();
    if (chunk === null) {
      if (stream.readableEnded || stream.destroyed)
        return seen.length === 0 ? undefined : parseStatus(seen.toString('utf8'));
      await change(stream);
      continue;
    }
    seen = Buffer.concat([seen, chunk]);
    if (seen.length > LONGEST) return parseStatus(seen.toString('utf8', 0, LONGEST));
    const end = endOfStatus(seen);
    if (end >= 0) {
      if (end < seen.length) stream.unshift(seen.subarray(end));
      return parseStatus(seen.toString('utf8', 0, end));
    }
  }
}

/** Bytes of a status; no script says more before its output begins. */
const LONGEST = 4 * 1024 * 1024;

/** The byte after an `ok` and the text that belongs to it; -1 when that has not come yet, or it is another status. */
function endOfStatus(seen: Buffer): number {
  const end = seen.indexOf('\n');
  if (end < 0 || seen.toString('latin1', 0, 3) !== 'ok ') return -1;
  const mark = / \+(\w+)\r?$/.exec(seen.toString('latin1', 0, end))?.[1];
  if (mark === undefined) return end + 1;
  const at = seen.indexOf(`\n${mark}`, end);
  const last = at < 0 ? -1 : seen.indexOf('\n', at + 1);
  return last < 0 ? -1 : last + 1;
}

/** Waits until there is something to read, or the stream has ended. */
async function change(stream: Readable): Promise<void> {
  const listening = new AbortController();
  const { signal } = listening;
  const events = ['readable', 'end', 'close'].map((event) => once(stream, event, { signal }));
  await Promise.race(events).finally(() => listening.abort());
  // The others reject now, which must be handled but does not matter.
  await Promise.allSettled(events);
}
