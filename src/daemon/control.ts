import { silentCaller } from '../domain/caller.ts';
import type { HistoryNote, HistoryTrouble, RegistryPlace } from '../registry/history.ts';
import type { RegistryEvent } from '../registry/record.ts';
import type { HistoryQuery } from '../registry/types.ts';
import type { Remembered } from '../targets/survey-memory.ts';
import type { Door } from './door.ts';
import type { VmEvent } from './knowledge.ts';
import { type Ask, type DaemonReply, errorFromWire } from './messages.ts';
import { talk } from './talk.ts';

/** What the daemon tells about one server. Times are milliseconds since 1970. */
export interface HeldStatus {
  readonly label: string;
  readonly place: string;
  readonly connections: number;
  /** What runs over them. */
  readonly running: number;
  readonly usedAt: number;
}

/** What `azlin daemon status` shows. Times are milliseconds since 1970. */
export interface DaemonStatus {
  readonly pid: number;
  readonly startedAt: number;
  /** Bytes of memory. */
  readonly memory: number;
  readonly servers: readonly HeldStatus[];
}

export interface Stopping {
  readonly pid: number;
  /** What runs over its connections; it ends when that has ended. */
  readonly running: number;
}

/** Undefined if no daemon runs. */
export function report(door: Door): Promise<DaemonStatus | undefined> {
  return tell(door, { ask: 'status' });
}

/** Resolves when the daemon has ended, or has said that it will. Undefined if no daemon runs. */
export async function stopDaemon(door: Door, isForced: boolean): Promise<Stopping | undefined> {
  return tell(door, { ask: 'stop', isForced });
}

export async function drop(door: Door, hosts: readonly string[]): Promise<void> {
  await tell(door, { ask: 'drop', hosts });
}

/** What the daemon knows about the sessions of VMs, by the keys of a survey. */
export async function knownThere(door: Door, keys: readonly string[]): Promise<ReadonlyMap<string, Remembered>> {
  return new Map(await tell<readonly [string, Remembered][]>(door, { ask: 'known', keys }));
}

/** The same for all VMs that are watched, by the names that their host keys are kept under; empty if no daemon runs. */
export async function allKnown(door: Door): Promise<ReadonlyMap<string, Remembered>> {
  return new Map(await tell<readonly [string, Remembered][]>(door, { ask: 'all-known' }));
}

/** Adds to the history. Resolves to whether a daemon has taken it. */
export async function noteThere(door: Door, place: RegistryPlace, note: HistoryNote): Promise<boolean> {
  const isTaken = await tell<boolean>(door, { ask: 'note', place, note }, true).catch(() => false);
  return isTaken === true;
}

/** Why the daemon cannot write the history; undefined if it can, or none runs. Rejects if it does not answer. */
export function troubleThere(door: Door, place: RegistryPlace): Promise<HistoryTrouble | undefined> {
  return tell(door, { ask: 'trouble', place }, true);
}

/** The history that only the daemon has; undefined if no daemon runs. Rejects with an AppError. */
export function pastThere(
  door: Door,
  place: RegistryPlace,
  query: HistoryQuery,
): Promise<readonly RegistryEvent[] | undefined> {
  return tell(door, { ask: 'past', place, query }, true);
}

export interface EventsWanted {
  /** Milliseconds since 1970; null for changes from now on. */
  readonly since: number | null;
  readonly signal: AbortSignal;
  readonly onEvent: (event: VmEvent) => void;
}

/** Calls `onEvent` with each change that the daemon sees. Resolves to false if no daemon runs, and to true when it has ended, or the signal has aborted. */
export async function followEvents(door: Door, { since, signal, onEvent }: EventsWanted): Promise<boolean> {
  const socket = await door.openIfThere();
  if (!socket) return false;
  const stop = () => socket.destroy();
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  await new Promise<void>((resolve) => {
    const onReply = (reply: DaemonReply) => {
      if (reply.reply === 'event') onEvent(reply.event);
    };
    talk(socket, { ask: 'events', since }, { caller: silentCaller(signal), onReply, onClose: resolve });
  });
  return true;
}

async function tell<T>(door: Door, request: Ask, isPatient = false): Promise<T | undefined> {
  const socket = await (isPatient ? door.openPatiently() : door.openIfThere());
  if (!socket) return undefined;
  return new Promise((resolve, reject) => {
    let value: T | undefined;
    const onReply = (reply: DaemonReply) => {
      if (reply.reply === 'failed') reject(errorFromWire(reply.error));
      if (reply.reply === 'done') value = reply.value as T;
      // What is asked to end at once closes the connection when it has ended.
      if (request.ask !== 'stop' || !request.isForced) socket.destroy();
    };
    const caller = silentCaller(new AbortController().signal);
    talk(socket, request, { caller, onReply, onClose: () => resolve(value) });
  });
}
