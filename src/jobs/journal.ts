/** How a job ended, and how much it has written. */
export interface JobEnd {
  readonly kind: 'exited' | 'signaled' | 'timed-out' | 'cancelled';
  /** The exit status for `exited`, the name of the signal for `signaled`. */
  readonly detail: string;
  /** Bytes. */
  readonly out: number;
  readonly err: number;
}

/** A line of the journal, as far as it matters here. remote/parts/jobs/journal.sh lists all words. */
export type JournalEntry =
  | { readonly kind: 'end'; readonly end: JobEnd }
  /** Not the end of the job, but where to stop reading if it is not to be followed. */
  | { readonly kind: 'now'; readonly out: number; readonly err: number }
  /** A stream could not be kept on the VM: its disk is full. */
  | { readonly kind: 'cut'; readonly stream: string }
  /** Nothing on the VM can tell any more how the job ends; it has written this much. */
  | { readonly kind: 'gone'; readonly out: number; readonly err: number }
  /** The shell that it ran in ended before it did. */
  | { readonly kind: 'left' }
  /** Its supervisor could not start the command. */
  | { readonly kind: 'void' };

/** Parses a line of the journal without its key; undefined for one that does not matter here. */
export function parseEntry(line: string): JournalEntry | undefined {
  const [word, ...rest] = line.trim().split(' ');
  if (word === 'void' || word === 'left') return { kind: word };
  if (word === 'gone') return { kind: word, out: Number(rest[0] ?? 0), err: Number(rest[1] ?? 0) };
  if (word === 'cut') return { kind: 'cut', stream: rest[0] ?? '' };
  if (word === 'now') return { kind: 'now', out: Number(rest[0]), err: Number(rest[1]) };
  const end = parseEnd(line);
  return end && { kind: 'end', end };
}

/** Parses `exited 0 12 34` and the like; undefined for anything else. */
export function parseEnd(text: string): JobEnd | undefined {
  const match = /^(exited|signaled) ([\w+-]*) (\d+) (\d+)$|^(timed-out|cancelled) (\d+) (\d+)$/.exec(text.trim());
  if (!match) return undefined;
  const kind = (match[1] ?? match[5]) as JobEnd['kind'];
  return { kind, detail: match[2] ?? '', out: Number(match[3] ?? match[6]), err: Number(match[4] ?? match[7]) };
}

/** Takes the lines of the journal out of a command's output, where they can appear anywhere. */
export function journalFilter(key: string, onLine: (line: string) => void): (chunk: Buffer) => readonly Buffer[] {
  const mark = Buffer.from(`${key} `);
  let held: Buffer = Buffer.alloc(0);
  return (chunk) => {
    let rest = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    held = Buffer.alloc(0);
    const parts: Buffer[] = [];
    for (;;) {
      const at = rest.indexOf(mark);
      const until = at < 0 ? rest.length - partialMark(rest, mark) : at;
      if (until > 0) parts.push(rest.subarray(0, until));
      rest = rest.subarray(until);
      const end = at < 0 ? -1 : rest.indexOf('\n');
      if (end < 0) break;
      onLine(rest.toString('utf8', mark.length, end));
      rest = rest.subarray(end + 1);
    }
    held = rest;
    return parts;
  };
}

/** How many bytes at the end may be the beginning of the mark. */
function partialMark(data: Buffer, mark: Buffer): number {
  for (let length = Math.min(mark.length - 1, data.length); length > 0; length--)
    if (data.subarray(data.length - length).equals(mark.subarray(0, length))) return length;
  return 0;
}
