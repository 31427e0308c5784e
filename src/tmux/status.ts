import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { Session } from '../domain/session.ts';
import { parseRows } from './rows.ts';

/** What a script says before anything else. `words`: what follows `ok`; `text`: what follows its line. */
export type Status =
  | { readonly kind: 'ok'; readonly words: readonly string[]; readonly text: string }
  | { readonly kind: 'missing'; readonly sessions: readonly Session[] }
  | { readonly kind: 'ambiguous'; readonly sessions: readonly Session[] }
  | { readonly kind: 'no-tmux' | 'no-job' }
  | { readonly kind: 'renamed' | 'no-directory' | 'no-shell'; readonly name: string }
  | { readonly kind: 'cannot' | 'busy'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** The status in the whole output of a script. */
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
      return { kind: word };
    case 'renamed':
    case 'no-directory':
    case 'no-shell':
      return { kind: word, name: text.replace(/\n$/, '') };
    case 'cannot':
    case 'busy':
      return { kind: word, reason: text.trim() };
    default:
      return { kind: 'failed', reason: (word === 'failed' ? text : output).trim() || 'it said nothing' };
  }
}

/** Takes the status off the front of a stream. What follows an `ok` line stays in the stream; undefined when it ended first. */
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
    const end = seen.indexOf('\n');
    if (end >= 0 && seen.toString('latin1', 0, 3) === 'ok ') {
      if (end + 1 < seen.length) stream.unshift(seen.subarray(end + 1));
      return parseStatus(seen.toString('utf8', 0, end));
    }
  }
}

/** Something to read, or the end. */
async function change(stream: Readable): Promise<void> {
  const listening = new AbortController();
  const { signal } = listening;
  const events = ['readable', 'end', 'close'].map((event) => once(stream, event, { signal }));
  await Promise.race(events).finally(() => listening.abort());
  // Those that lost the race reject now, and nobody needs to hear it.
  await Promise.allSettled(events);
}
