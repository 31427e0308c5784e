import { Transform } from 'node:stream';

/** The beginning and the end of a line that was left out, and how long it was. */
export interface LongLine {
  readonly head: string;
  readonly tail: string;
  /** Bytes. */
  readonly length: number;
}

/** Bytes that are kept of the beginning and the end of a line that is too long. */
const KEPT = 300;

/** Passes on whole lines, and leaves out those with more than `limit` bytes. */
export function withoutLongLines(limit: number, onLong: (line: LongLine) => void): Transform {
  let held: Buffer[] = [];
  let length = 0;
  let head = '';
  let tail = Buffer.alloc(0);
  const add = (part: Buffer) => {
    length += part.length;
    if (length <= limit) return void held.push(part);
    if (held.length > 0 || head === '')
      head = Buffer.concat([...held, part])
        .subarray(0, KEPT)
        .toString();
    held = [];
    tail = Buffer.concat([tail, part.subarray(-KEPT)]).subarray(-KEPT);
  };
  const end = (stream: Transform) => {
    if (length > limit) onLong({ head, tail: tail.toString(), length });
    else if (length > 0) stream.push(Buffer.concat(held));
    held = [];
    length = 0;
    head = '';
    tail = Buffer.alloc(0);
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      let rest = chunk;
      for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
        add(rest.subarray(0, at + 1));
        end(this);
        rest = rest.subarray(at + 1);
      }
      if (rest.length > 0) add(rest);
      done();
    },
    flush(done) {
      end(this);
      done();
    },
  });
}
