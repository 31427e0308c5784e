import type { Clock } from '../domain/clock.ts';
import { messageOf } from '../domain/errors.ts';
import { shorten } from '../domain/text.ts';
import { endedJobs, firstEnds } from '../jobs/ended-jobs.ts';
import type { HistoryNote } from '../registry/history.ts';
import { remoteScript } from '../remote/remote-script.ts';
import { keyOfEndpoint } from '../targets/survey.ts';
import type { Remembered } from '../targets/survey-memory.ts';
import { takeStatus } from '../tmux/status.ts';
import { changes, type SessionEvent, type WatchReport, watchReader } from '../tmux/watch.ts';
import type { Endpoint } from '../transport/endpoint.ts';
import type { Connection, RemoteProcess } from '../transport/transport.ts';

/** A change on a VM. */
export interface VmEvent extends SessionEvent {
  /** Milliseconds since 1970, by the clock of this machine. */
  readonly at: number;
  readonly hostname: string;
  /** The name that the VM's host keys are kept under. */
  readonly vm: string;
}

/** What the daemon knows about the sessions of the VMs that it watches, without asking. */
export interface Knowledge {
  /** Watches a VM until the returned watch is stopped. */
  watch(endpoint: Endpoint, watched: WatchedServer): Watch;
  /** What is known for certain, by the keys of a survey. */
  of(keys: readonly string[]): ReadonlyMap<string, Remembered>;
  /** The same for every VM that is watched, by the name that its host keys are kept under. */
  all(): ReadonlyMap<string, Remembered>;
  /** The changes since a time, in milliseconds since 1970, as far as they are kept. */
  since(time: number): readonly VmEvent[];
  /** Calls `hear` with each change until the returned function is called. */
  follow(hear: (event: VmEvent) => void): () => void;
  /** How many VMs are watched. */
  watched(): number;
}

/** A VM that is watched. */
export interface WatchedServer {
  readonly connect: () => Promise<Connection>;
  /** Called with each change there, and when it begins and ends to be seen. */
  readonly note: (note: Omit<HistoryNote, 'hostname' | 'vm' | 'user'>) => void;
}

export interface Watch {
  /** Whether it has ended with its connection; another connection can watch again. */
  isOver(): boolean;
  /** Whether it tells what happens there. */
  isSeeing(): boolean;
  /** Something runs on the VM that may change its sessions. Until some seconds after the returned function is called, nothing is known for certain. */
  disturb(): () => void;
  stop(): void;
}

/** Milliseconds after which the watching script has certainly looked once more and reported what it found. */
const BEHIND = 4_000;
/** Milliseconds after which a VM that is watched must have said something: nothing is known of one that is silent. */
const SILENT = 20_000;
/** Milliseconds before a watch that has ended is begun again. */
const AGAIN = 10_000;
/** The most changes that are kept, and for how many milliseconds. */
const KEPT = 20_000;
const KEPT_FOR = 24 * 3_600_000;

interface State {
  readonly endpoint: Endpoint;
  readonly note: WatchedServer['note'];
  report: WatchReport | undefined;
  heardAt: number;
  /** How much is running that may change something, and until when what has ended may have done so. */
  disturbing: number;
  certainFrom: number;
}

export function knowledge({ clock, log }: { readonly clock: Clock; readonly log: (line: string) => void }): Knowledge {
  const states = new Map<string, Set<State>>();
  const events: VmEvent[] = [];
  const followers = new Set<(event: VmEvent) => void>();
  const isNew = firstEnds(clock.now);
  const tell = ({ endpoint, note }: State, event: SessionEvent) => {
    const session = shorten(event.session, 100);
    note(noteOf({ ...event, session }));
    const whole = { at: clock.now(), hostname: endpoint.label, vm: endpoint.hostKeyAlias, ...event, session };
    events.push(whole);
    const limit = clock.now() - KEPT_FOR;
    while (events.length > KEPT || (events[0]?.at ?? limit) < limit) events.shift();
    for (const hear of followers) hear(whole);
  };
  /** Several connections to one VM see the same: the first of those that see anything tells it. */
  const isFirst = (state: State) =>
    [...(states.get(keyOfEndpoint(state.endpoint)) ?? [])].find(({ report }) => report) === state;
  const isTold = ({ endpoint }: State) =>
    [...(states.get(keyOfEndpoint(endpoint)) ?? [])].some(({ report }) => report !== undefined);
  /** Nothing that is said there after this counts. */
  const end = (state: State) => {
    if (!state.report) return;
    state.report = undefined;
    if (!isTold(state)) state.note({ what: 'unwatched', isSeen: false });
  };
  const onReport = (state: State, report: WatchReport | undefined) => {
    state.heardAt = clock.now();
    if (!report) return;
    const before = state.report;
    if (!before && !isTold(state)) state.note({ what: 'watched', isSeen: false });
    state.report = report;
    if (before && isFirst(state)) for (const event of changes(before, report)) tell(state, event);
    for (const event of endedJobs(report)) if (isNew(keyOfEndpoint(state.endpoint), event)) tell(state, event);
  };
  const certain = (state: State) =>
    state.report !== undefined &&
    state.disturbing === 0 &&
    clock.now() >= state.certainFrom &&
    clock.now() - state.heardAt < SILENT;

  return {
    watch(endpoint, { connect, note }) {
      const key = keyOfEndpoint(endpoint);
      const state: State = { endpoint, note, report: undefined, heardAt: 0, disturbing: 0, certainFrom: 0 };
      const same = states.get(key) ?? new Set();
      states.set(key, same.add(state));
      const stopping = new AbortController();
      let isOver = false;
      watching({ clock, connect, signal: stopping.signal, onReport: (report) => onReport(state, report) })
        .then((end) => {
          isOver = end === 'lost';
        })
        .catch((error: unknown) => {
          isOver = true;
          log(`${endpoint.label}: not watched: ${messageOf(error)}`);
        })
        .finally(() => end(state));
      return {
        isOver: () => isOver,
        isSeeing: () => state.report !== undefined,
        disturb() {
          // Whoever else is watched under this key is on the same VM.
          for (const one of same) one.disturbing++;
          let isCalm = false;
          return () => {
            if (isCalm) return;
            isCalm = true;
            for (const one of same) {
              one.disturbing = Math.max(0, one.disturbing - 1);
              one.certainFrom = clock.now() + BEHIND;
            }
          };
        },
        stop() {
          end(state);
          stopping.abort();
          same.delete(state);
          if (same.size === 0) states.delete(key);
        },
      };
    },
    of(keys) {
      return new Map(
        keys.flatMap((key) => {
          const state = [...(states.get(key) ?? [])].find(certain);
          return state ? [[key, rememberedOf(state)] as const] : [];
        }),
      );
    },
    all() {
      const known = [...states.values()].flatMap((same) => [...same].filter(certain).slice(0, 1));
      return new Map(known.map((state) => [state.endpoint.hostKeyAlias, rememberedOf(state)]));
    },
    since: (time) => events.filter(({ at }) => at >= Math.max(time, clock.now() - KEPT_FOR)),
    follow(hear) {
      followers.add(hear);
      return () => followers.delete(hear);
    },
    watched: () => [...states.values()].filter((same) => [...same].some(({ report }) => report)).length,
  };
}

function noteOf({ kind, session, id, who, before, ...ended }: SessionEvent): Parameters<WatchedServer['note']>[0] {
  if (kind !== 'job-ended') return { what: kind, session, tmuxId: id, who, before, isSeen: true };
  return { what: 'ended', session: session === '' ? undefined : session, run: ended.job, ...ended, isSeen: true };
}

function rememberedOf({ heardAt, report }: State): Remembered {
  return { askedAt: heardAt, answer: { probe: 'ok', sessions: report?.sessions ?? [] } };
}

interface Watching {
  readonly clock: Clock;
  readonly connect: () => Promise<Connection>;
  readonly signal: AbortSignal;
  /** Undefined: nothing has changed. */
  readonly onReport: (report: WatchReport | undefined) => void;
}

/** Watches until the connection is lost, or as long as the VM can be watched. */
async function watching({ clock, connect, signal, onReport }: Watching): Promise<'lost' | 'futile'> {
  let seenAt = '';
  const hear = (report: WatchReport | undefined) => {
    if (report) seenAt = `${report.now}`;
    onReport(report);
  };
  while (!signal.aborted) {
    const connection = await connect();
    const remote = await connection.spawn(remoteScript('tmux/watch', { seen_at: seenAt }), { signal });
    const close = () => remote.close();
    signal.addEventListener('abort', close, { once: true });
    const end = await reportsOf(remote, hear).finally(() => signal.removeEventListener('abort', close));
    if (end !== 'again') return end;
    await new Promise<void>((resolve) => {
      const cancel = clock.schedule(AGAIN, resolve);
      const stop = () => {
        cancel();
        resolve();
      };
      signal.addEventListener('abort', stop, { once: true });
    });
  }
  return 'futile';
}

/** Resolves when it has ended. `futile`: the VM has nothing that can be watched. */
async function reportsOf(remote: RemoteProcess, onReport: Watching['onReport']): Promise<'lost' | 'futile' | 'again'> {
  remote.stderr.resume();
  const status = await takeStatus(remote.stdout);
  if (status?.kind !== 'ok') {
    remote.stdout.resume();
    remote.close();
    return status ? 'futile' : 'lost';
  }
  const read = watchReader(onReport);
  const onData = (chunk: Buffer) => {
    try {
      read(chunk);
    } catch {
      remote.stdout.off('data', onData).resume();
      remote.close();
    }
  };
  remote.stdout.on('data', onData);
  const exit = await remote.exit;
  return exit.kind === 'lost' ? 'lost' : 'again';
}
