import { Transform } from 'node:stream';
import { quoteArgv } from './shell-quote.ts';

/*
 * Login shells print: a .bashrc with an echo, a notice of the administrator. A frame is a line with a nonce on both streams
 * just before the command starts; what stands before it is noise and is dropped.
 */

const NOISE_KEPT = 2_000;

/** The shell line that prints the frame and then becomes `argv`. On a terminal both streams are one, so it is printed once. */
export function frameArgv(argv: readonly string[], nonce: string, terminal: boolean): string {
  const mark = `printf '\\n%s\\n' "$1"; ${terminal ? '' : `printf '\\n%s\\n' "$1" >&2; `}shift; `;
  const [program, flag, script, name, ...rest] = argv;
  // A script brings its own shell: framing it there saves a process.
  if (program === 'sh' && flag === '-c' && script !== undefined)
    return quoteArgv(['sh', '-c', mark + script, name ?? 'sh', nonce, ...rest]);
  return quoteArgv(['sh', '-c', `${mark}exec "$@"`, 'sh', nonce, ...argv]);
}

export interface Unframed {
  /** Everything after the frame, byte for byte. */
  readonly stream: Transform;
  /** Whether the frame has been seen. */
  readonly begun: () => boolean;
  /** The end of what came before the frame. */
  readonly noise: () => string;
}

/** Drops what comes before the frame line with `nonce`. */
export function unframe(nonce: string): Unframed {
  const mark = Buffer.from(nonce);
  let begun = false;
  let held = Buffer.alloc(0);
  let noise = Buffer.alloc(0);
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (begun) return done(null, chunk);
      held = Buffer.concat([held, chunk]);
      const at = held.indexOf(mark);
      const end = at < 0 ? -1 : held.indexOf('\n', at + mark.length);
      if (end < 0) {
        const keep = at < 0 ? Math.max(0, held.length - mark.length) : at;
        noise = Buffer.concat([noise, held.subarray(0, keep)]).subarray(-NOISE_KEPT);
        held = held.subarray(keep);
        return done();
      }
      begun = true;
      noise = Buffer.concat([noise, held.subarray(0, at)]).subarray(-NOISE_KEPT);
      const rest = held.subarray(end + 1);
      held = Buffer.alloc(0);
      done(null, rest.length > 0 ? rest : undefined);
    },
  });
  return { stream, begun: () => begun, noise: () => Buffer.concat([noise, held]).toString('utf8').trim() };
}
