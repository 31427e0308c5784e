import { Transform } from 'node:stream';
import type { RemoteScript } from '../domain/remote-script.ts';

/*
 * How a script reaches a VM. The login shell gets one line that all shells read in the same way. The script follows over standard input, so lists of
 * processes do not show it, and the length of a command line does not limit it. Login shells may print something first: a .bashrc with an echo, a notice of
 * the administrator. A frame is a line with a word that only the script knows. It comes on each stream just before the script's own output. What comes
 * before the frame is noise and is dropped.
 */

/**
 * The line that the login shell runs. It skips lines until `azlin:WORD BYTES`, which announces the script; a start-up file may read some of the skipped
 * lines. Lists of processes show the word, which does no harm: it only makes sure that nothing in a script looks like the announcement of another one.
 */
export const loginLine = ({ start }: Frames) =>
  `exec sh -c 'while read -r _qa _qb; do if [ "$_qa" = azlin:${start} ]; then ` +
  `eval "$(head -c $_qb 2>/dev/null || PATH=$PATH:/usr/bin:/bin head -c $_qb || echo exit 250)"; exit; fi; done; exit 251'`;

/** Lines that may be lost: a start-up file with a `read` takes one of these and not a part of the script. */
const SPARE_LINES = '\n'.repeat(10);

/** Random words of one script. */
export interface Frames {
  readonly start: string;
  readonly output: string;
  readonly errors: string;
}

/** What is sent over standard input to `loginLine`. `patience`: milliseconds after which nobody waits for the script, and it does not begin. */
export function payloadOf(
  { text }: RemoteScript,
  { start, output, errors }: Frames,
  patience: number | undefined,
): Buffer {
  const seconds = patience === undefined ? '' : `${Math.ceil(patience / 1_000)}`;
  const first = Buffer.from(`set +a\nazlin_frame=${output} azlin_errors_frame=${errors} azlin_patience=${seconds}\n`);
  // One compound command, so that a script that is cut off is a syntax error and runs nothing.
  const whole = Buffer.concat([Buffer.from('{\n'), first, text, Buffer.from('\n}')]);
  return Buffer.concat([Buffer.from(`${SPARE_LINES}azlin:${start} ${whole.length}\n`), whole]);
}

const NOISE_KEPT = 2_000;

export interface Unframed {
  /** Everything after the frame, byte for byte. */
  readonly stream: Transform;
  /** Whether the frame has been seen. */
  readonly begun: () => boolean;
  /** The last part of what came before the frame. */
  readonly noise: () => string;
}

/** Drops everything up to and including the line that is the frame. `answer` is called when the script asks, with `WORD?`, whether it is heard. */
export function unframe(word: string, answer: () => void = () => {}): Unframed {
  const longest = word.length + 2;
  let begun = false;
  let held = Buffer.alloc(0);
  let noise = Buffer.alloc(0);
  const keep = (bytes: Buffer) => {
    noise = Buffer.concat([noise, bytes]).subarray(-NOISE_KEPT);
  };
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (begun) return done(null, chunk);
      held = Buffer.concat([held, chunk]);
      for (let end = held.indexOf('\n'); end >= 0; end = held.indexOf('\n')) {
        const line = held.subarray(0, end);
        held = held.subarray(end + 1);
        // On a terminal lines end with a carriage return as well.
        const said = line.length > longest ? '' : line.toString('latin1').replace(/\r$/, '');
        if (said !== word) {
          if (said === `${word}?`) answer();
          else keep(Buffer.concat([line, Buffer.from('\n')]));
          continue;
        }
        begun = true;
        const rest = held;
        held = Buffer.alloc(0);
        return done(null, rest.length > 0 ? rest : undefined);
      }
      // A line that is longer than the frame cannot be the frame, so its start is noise.
      if (held.length > longest + 1) {
        keep(held.subarray(0, -longest - 1));
        held = held.subarray(-longest - 1);
      }
      done();
    },
  });
  return { stream, begun: () => begun, noise: () => Buffer.concat([noise, held]).toString('utf8').trim() };
}
