/** What was read of a stream: its beginning and its end, if all of it is too long. */
export interface Collected {
  readonly text: string;
  /** The byte behind the last one that is in `text`, or was left out. */
  readonly end: number;
  /** The bytes that were left out in the middle. */
  readonly omitted: { readonly from: number; readonly to: number } | null;
}

export interface Collector {
  add(chunk: Buffer): void;
  /** So many bytes come that are not read: only those behind them are the end. */
  skip(bytes: number): void;
  /** Bytes so far, from the start of the stream. */
  read(): number;
  /** `isOver`: no more is to come. Before that, half a character at the end is left for the next time. */
  result(isOver: boolean): Collected;
}

/** Collects output from byte `start` on, at most `limit` bytes of it. */
export function collector(start: number, limit: number): Collector {
  const half = Math.max(1, Math.floor(limit / 2));
  let head = Buffer.alloc(0);
  /** The last bytes, in pieces. */
  let pieces: Buffer[] = [];
  let kept = 0;
  let total = 0;
  return {
    add(chunk) {
      total += chunk.length;
      const room = half - head.length;
      if (room > 0) head = Buffer.concat([head, chunk.subarray(0, room)]);
      const rest = chunk.subarray(Math.max(0, room));
      if (rest.length === 0) return;
      pieces.push(Buffer.from(rest));
      kept += rest.length;
      // Only now and then, so that each byte is copied a few times at most.
      if (kept > 4 * half) {
        const last = Buffer.concat(pieces).subarray(-half);
        pieces = [Buffer.from(last)];
        kept = last.length;
      }
    },
    skip(bytes) {
      total += bytes;
      pieces = [];
      kept = 0;
    },
    read: () => start + total,
    result(isOver) {
      const tail = Buffer.concat(pieces).subarray(-half);
      const gap = total - head.length - tail.length;
      if (gap === 0) {
        const whole = Buffer.concat([head, tail]);
        const cut = isOver ? 0 : begun(whole);
        return { text: whole.subarray(0, whole.length - cut).toString(), end: start + total - cut, omitted: null };
      }
      const cut = isOver ? 0 : begun(tail);
      const first = head.subarray(0, head.length - begun(head));
      const last = tail.subarray(continued(tail), tail.length - cut);
      const omitted = { from: start + first.length, to: start + total - cut - last.length };
      const note = `\n[${omitted.to - omitted.from} bytes left out here]\n`;
      return { text: `${first.toString()}${note}${last.toString()}`, end: start + total - cut, omitted };
    },
  };
}

/** How many bytes at the end belong to a character that is not complete. */
export function begun(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

/** How many bytes at the beginning belong to a character that began before. */
function continued(bytes: Buffer): number {
  let at = 0;
  while (at < Math.min(3, bytes.length) && ((bytes[at] ?? 0) & 0xc0) === 0x80) at++;
  return at;
}
