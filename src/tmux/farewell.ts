import { Transform } from 'node:stream';
import { AppError } from '../domain/errors.ts';
import { printable, shorten } from '../domain/text.ts';

/** How a tmux client ended. `by`: the label of whoever did it. */
export type ClientEnd =
  | { readonly kind: 'detached' | 'ended'; readonly by?: string }
  | { readonly kind: 'failed'; readonly cause: AppError };

export interface Farewell {
  /** What the client writes, byte for byte, up to the key. */
  readonly stream: Transform;
  /** How it ended, according to what tmux said after the key; undefined if the key has not come. `host`: what messages call the VM. */
  readonly end: (host: string) => ClientEnd | undefined;
}

/** Bytes; no farewell is longer. */
const LIMIT = 4_096;

/** Takes what `attachScript` says at the end off its output. */
export function farewell(key: string): Farewell {
  // Output for a terminal never has this byte, so nothing else is held back to see whether it is the key.
  const mark = Buffer.from(`\u0001${key}`);
  let held: Buffer = Buffer.alloc(0);
  let said: Buffer | undefined;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (said) {
        if (said.length < LIMIT) said = Buffer.concat([said, chunk]);
        return done();
      }
      const bytes = held.length > 0 ? Buffer.concat([held, chunk]) : chunk;
      const at = bytes.indexOf(mark);
      const end = at >= 0 ? at : bytes.length - startOf(mark, bytes);
      if (at >= 0) said = bytes.subarray(at + mark.length);
      held = at >= 0 ? Buffer.alloc(0) : bytes.subarray(end);
      done(null, end > 0 ? bytes.subarray(0, end) : undefined);
    },
    flush(done) {
      done(null, held.length > 0 ? held : undefined);
    },
  });
  return { stream, end: (host) => said && endOf(said.toString('utf8'), host) };
}

/** How many bytes at the end of `bytes` may be the beginning of the mark. */
function startOf(mark: Buffer, bytes: Buffer): number {
  const first = mark[0] ?? 0;
  for (
    let at = bytes.indexOf(first, Math.max(0, bytes.length - mark.length + 1));
    at >= 0;
    at = bytes.indexOf(first, at + 1)
  )
    if (bytes.subarray(at).equals(mark.subarray(0, bytes.length - at))) return bytes.length - at;
  return 0;
}

function endOf(text: string, host: string): ClientEnd {
  const said = text.trim();
  const [, what, by] = /^\[(detached|ended) by (.*)\]$/s.exec(said) ?? [];
  if (what === 'detached' || what === 'ended') return { kind: what, by: printable(by ?? '') };
  if (/^\[detached\b/.test(said)) return { kind: 'detached' };
  if (said === '[exited]' || said === '[server exited]') return { kind: 'ended' };
  const reason = shorten(printable(said.replace(/\s+/g, ' ')), 300) || '';
  if (/^\[(?:server exited unexpectedly|lost server)\]$/.test(said))
    return failed(`The tmux server on "${host}" has ended, and every session with it`, 'the log of the VM may say why');
  const hint = /terminal/.test(reason)
    ? 'tmux does not know the terminal that TERM names; azlin exec and azlin ssh --no-tmux need none'
    : 'if tmux was just upgraded there, the old version is still running as its server: log in and restart it';
  return failed(`tmux on "${host}" ended ${reason === '' ? 'without a message' : `with: ${reason}`}`, hint);
}

function failed(message: string, hint: string): ClientEnd {
  return { kind: 'failed', cause: new AppError('tmux-failed', message, { hint }) };
}
