import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../domain/clock.ts';
import type { RemoteProcess } from '../transport/transport.ts';
import { type JobEnd, type JournalEntry, journalFilter, parseEntry } from './journal.ts';

/** A follower of a job that is running on the VM. It sends the job's output from these bytes on. */
export interface Follower {
  readonly remote: RemoteProcess;
  /** What it puts before each line of the journal. */
  readonly wire: string;
  /** Where it starts. `lost`: a start-up file redirects this stream. */
  readonly out: Start;
  readonly err: Start;
}

type Start = number | 'none' | 'lost';

/** Where the output of a job goes. */
export interface Sinks {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** How many bytes of each stream have been passed on. */
export interface Position {
  out: number;
  err: number;
}

export type Followed =
  | { readonly kind: 'ended'; readonly end: JobEnd; readonly cut: readonly string[] }
  /** Everything that was there when following began has been passed on. */
  | { readonly kind: 'read'; readonly cut: readonly string[] }
  | { readonly kind: 'gone' }
  | { readonly kind: 'void' }
  | { readonly kind: 'left' }
  /** The link is lost, or the follower was ended: go on from the position. `how`: how the job ended, if that is known even so. */
  | { readonly kind: 'broken'; readonly cause: unknown; readonly how: JobEnd | undefined };

export interface JobTail {
  readonly follower: Follower;
  readonly sinks: Sinks;
  readonly position: Position;
  readonly clock: Clock;
  /** Milliseconds between signs of life for the VM; undefined for none. */
  readonly heartbeat: number | undefined;
  /** Milliseconds to wait for output that must be there. */
  readonly patience: number;
  /** Stops following when it aborts. */
  readonly signal: AbortSignal;
}

/** Passes on all output of a job, each byte once, until the job has ended or the follower ends. Never rejects. */
export async function followJob(following: JobTail): Promise<Followed> {
  const { follower, sinks, position, clock, signal } = following;
  const { remote } = follower;
  const wanted = { out: typeof follower.out === 'number', err: typeof follower.err === 'number' };
  if (typeof follower.out === 'number') position.out = follower.out;
  if (typeof follower.err === 'number') position.err = follower.err;
  let settle = (_followed: Followed) => {};
  const done = new Promise<Followed>((resolve) => {
    settle = resolve;
  });
  const goal = goalOf(position, wanted, settle);
  const broken = (cause: unknown): Followed => ({ kind: 'broken', cause, how: goal.how() });
  const filter = journalFilter(follower.wire, (line) => goal.hear(parseEntry(line)));
  const watch = watchProgress(following, goal, settle);
  const heart = beat(following);
  const passing = (stream: 'out' | 'err', take: Pumping['take']): Pumping => ({
    take,
    room: () => goal.room(stream),
    passed(bytes) {
      position[stream] += bytes;
      goal.check();
    },
  });
  const pumps = [
    // If only stderr is wanted, it comes on stdout, along with the journal.
    wanted.out || !wanted.err
      ? pump(remote.stdout, sinks.stdout, passing('out', filter))
      : pump(remote.stdout, sinks.stderr, passing('err', filter)),
    pump(
      remote.stderr,
      sinks.stderr,
      passing('err', (chunk) => [chunk]),
    ),
  ];
  // Pass on everything that came over a lost link before output comes over another one.
  const lost = Promise.all([remote.exit, ...pumps]).then(
    ([exit]): Followed => broken(exit.kind === 'lost' ? exit.cause : undefined),
  );
  const onAbort = () => settle(broken(signal.reason));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const followed = await Promise.race([done, lost]);
  goal.stop();
  signal.removeEventListener('abort', onAbort);
  watch();
  heart();
  remote.stdin.end();
  remote.close();
  return followed;

  /** Gives up when output that must be there does not come: it may come over another connection. */
  function watchProgress({ patience }: JobTail, { isDue }: Goal, give: (followed: Followed) => void) {
    let last = -1;
    const look = () => {
      const now = position.out + position.err + sinks.stdout.writableLength + sinks.stderr.writableLength;
      if (isDue() && now === last && !sinks.stdout.writableNeedDrain && !sinks.stderr.writableNeedDrain)
        return give(broken(undefined));
      last = now;
      cancel = clock.schedule(patience, look);
    };
    let cancel = clock.schedule(patience, look);
    return () => cancel();
  }
}

/** Tells the VM again and again that azlin is still there. */
function beat({ follower, clock, heartbeat }: JobTail): () => void {
  if (heartbeat === undefined) return () => {};
  let cancel = () => {};
  const again = () => {
    if (follower.remote.stdin.writable) follower.remote.stdin.write('\n');
    cancel = clock.schedule(heartbeat, again);
  };
  again();
  return () => cancel();
}

interface Goal {
  /** Takes a line of the journal. */
  hear(entry: JournalEntry | undefined): void;
  /** Settles if everything has come by now. */
  check(): void;
  /** Whether the end is known, and something is still to come. */
  readonly isDue: () => boolean;
  /** How the job ended, as far as that is known. */
  readonly how: () => JobEnd | undefined;
  /** How many more bytes of a stream may be passed on. */
  room(stream: 'out' | 'err'): number;
  /** Passes on nothing from now on: the reader may have gone. */
  stop(): void;
}

function goalOf(
  position: Position,
  wanted: { readonly out: boolean; readonly err: boolean },
  settle: (followed: Followed) => void,
): Goal {
  let size: { readonly out: number; readonly err: number } | undefined;
  let result: Followed | undefined;
  const cut: string[] = [];
  let isOver = false;
  const check = () => {
    if (!size || !result) return;
    if ((wanted.out && position.out < size.out) || (wanted.err && position.err < size.err)) return;
    settle(result);
  };
  return {
    check,
    isDue: () => size !== undefined,
    how: () => (result?.kind === 'ended' ? result.end : undefined),
    stop() {
      isOver = true;
    },
    room(stream) {
      if (isOver) return 0;
      // What comes after the end of a job is not its output.
      return result?.kind === 'ended' && size ? size[stream] - position[stream] : Number.POSITIVE_INFINITY;
    },
    hear(entry) {
      if (entry?.kind === 'cut') cut.push(entry.stream);
      const isGone = entry?.kind === 'gone';
      if (!entry || entry.kind === 'cut' || (result && !isGone) || result?.kind === 'read') return;
      if (entry.kind === 'void' || entry.kind === 'left') return settle({ kind: entry.kind });
      size = entry.kind === 'end' ? entry.end : entry;
      if (entry.kind === 'end') result = { kind: 'ended', end: entry.end, cut };
      else result = isGone ? { kind: 'gone' } : { kind: 'read', cut };
      check();
    },
  };
}

interface Pumping {
  /** Which parts of a chunk to pass on. */
  readonly take: (chunk: Buffer) => readonly Buffer[];
  /** How many more bytes to pass on at most. */
  readonly room: () => number;
  readonly passed: (bytes: number) => void;
}

/** Never rejects: a stream that breaks off has ended. */
async function pump(from: Readable, to: Writable, { take, room, passed }: Pumping): Promise<void> {
  try {
    for await (const chunk of from)
      for (const whole of take(chunk as Buffer)) {
        const part = whole.subarray(0, Math.max(0, room()));
        if (part.length === 0) continue;
        const isTaken = to.write(part);
        passed(part.length);
        if (!isTaken) await drained(to);
      }
  } catch {
    // The exit status says how it ended.
  }
}

function drained(to: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (to.destroyed) return resolve();
    const settle = () => {
      to.off('drain', settle).off('close', settle).off('error', settle);
      resolve();
    };
    to.once('drain', settle).once('close', settle).once('error', settle);
  });
}
