import type { Caller } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import type { HistoryKeeper, RegistryPlace } from '../registry/history.ts';
import type { KnownHosts } from '../transport/host-keys/known-hosts.ts';
import type { Connection, Dialer, Link, Step, Transport } from '../transport/transport.ts';
import type { HeldStatus } from './control.ts';
import type { Knowledge, Watch, WatchedServer } from './knowledge.ts';
import type { Destination } from './messages.ts';

/* What holds connections, as others in the daemon see it. */

/** What connects to servers: one for each file of host keys and each way over jump hosts. */
export interface Realm {
  readonly dialer: Dialer;
  readonly knownHosts: KnownHosts;
  /** Called for each server that is reached by it, and when that has no connection any more. */
  use(): void;
  leave(): void;
}

/** One server as one login. */
interface HeldPlace {
  readonly key: string;
  readonly to: Destination;
  readonly realm: Realm;
  readonly transport: Transport;
  readonly links: Set<Link>;
  readonly files: string;
}
export interface Held extends HeldPlace {
  /** The fingerprint of the host key that was checked. */
  hostKey: string | undefined;
  running: number;
  /** Of these, what will not end before the connection does. */
  leftBehind: number;
  isClosed: boolean;
  /** Whether something has run over it. */
  hasRun: boolean;
  usedAt: number;
  persist: number;
  cancel: () => void;
  watch: Watch | undefined;
  /** Where those who used it keep their histories, each once. */
  readonly histories: Map<string, RegistryPlace>;
}

export interface HeldSettings {
  readonly clock: Clock;
  readonly realmOf: (to: Destination) => Realm;
  readonly log: (line: string) => void;
  readonly knowledge: Knowledge;
  readonly history: Pick<HistoryKeeper, 'note'>;
  /** Called when the first connection is wanted, and when the last one is gone. */
  readonly onUsed: () => void;
  readonly onEmpty: () => void;
  /** Called with the files that decide whether a connection may stay. */
  readonly onFiles: (paths: readonly string[]) => void;
}

/** The connections that are kept. */
export interface HeldLinks {
  /** A connection for one caller. Until `leave` is called, its server counts as being used. */
  use(
    to: Destination,
    caller: Caller,
    onStep?: (step: Step) => void,
  ): Promise<{ readonly connection: Connection; leave(): void }>;
  status(): readonly HeldStatus[];
  running(): number;
  /** Lets go of what leads to these hosts, by the names that their keys are kept under, because they were stopped. */
  drop(hosts: readonly string[]): void;
  /** Closes what has not been used for longest and is reached through this Bastion, to make room there. Returns whether there was something to close. */
  makeRoom(bastion: string): boolean;
  /** Looks at whether host keys and key files are still what they were, and lets go of connections for which they are not. */
  recheck(path: string): Promise<void>;
  /** Gives up every connection over which nothing arrives within `ms`. */
  check(ms: number): void;
  /** Closes what nobody uses, and the rest as soon as nobody does. */
  retire(): void;
  close(): void;
}

type History = Pick<HistoryKeeper, 'note'>;
type Told = Parameters<WatchedServer['note']>[0];

/** Tells what is seen at a server to all who used it. */
export function tellHistories(history: History, { to, histories }: Held, told: Told): void {
  const { label: hostname, hostKeyAlias: vm, user } = to.endpoint;
  for (const place of histories.values()) history.note(place, { ...told, hostname, vm, user });
}

/** Whoever uses a server finds in their history what is seen there from then on. */
export function joinHistory(history: History, one: Held, place: RegistryPlace): void {
  const key = JSON.stringify(place);
  if (one.histories.has(key)) return;
  one.histories.set(key, place);
  if (!one.watch?.isSeeing()) return;
  const { label: hostname, hostKeyAlias: vm, user } = one.to.endpoint;
  history.note(place, { what: 'watched', hostname, vm, user, isSeen: false });
}
