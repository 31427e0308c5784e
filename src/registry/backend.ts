import type { HistoryEntry, HistoryEvent, RegistryEvent, RegistryEventKind, SessionRecord } from './record.ts';

/** A record as it is kept, with what only the registry itself may see. */
export interface KeptRecord extends SessionRecord {
  readonly token: KeptToken | null;
  /** When the next call would be allowed at the average rate, in milliseconds since 1970; 0 before the first one. */
  readonly nextCall: number;
}

/** A reconnection token: never itself, only its SHA-256. */
export interface KeptToken {
  readonly hash: string;
  readonly expires: number;
  /** Wrong tokens since the last right one. */
  readonly failed: number;
  /** The one before, which those who have just lost a race still show, and until when that is no guess. */
  readonly previous: { readonly hash: string; readonly until: number } | null;
}

export interface ListQuery {
  /** Metadata that the record must have, by its keys. */
  readonly where: Readonly<Record<string, string | number | boolean>>;
  /** Whether somebody is there; undefined for both. */
  readonly isConnected: boolean | undefined;
  /** Those behind this one, in the order of their creation. */
  readonly after: Pick<SessionRecord, 'createdAt' | 'id'> | undefined;
  readonly limit: number;
}

export interface NewEvent {
  readonly at: number;
  readonly kind: RegistryEventKind;
  readonly id: string;
  /** The record, or for `history` the entry. */
  readonly value: SessionRecord | HistoryEntry;
}

export function eventOf(sequence: number, { at, kind, id, value }: NewEvent): RegistryEvent {
  if (kind === 'history') return { sequence, at, kind, id, entry: value as HistoryEntry };
  return { sequence, at, kind, id, record: value as SessionRecord };
}

export interface EventQuery {
  /** Those behind this sequence. */
  readonly after: number;
  readonly limit: number;
  /** Only those of these kinds, of a session, and since a time in milliseconds since 1970; undefined for all. */
  readonly kinds?: readonly RegistryEventKind[] | undefined;
  readonly id?: string | undefined;
  readonly since?: number | undefined;
  /** Those at the end, if there are more. */
  readonly isLatest?: boolean | undefined;
}

/** Milliseconds since 1970. */
export interface Between {
  readonly since: number;
  readonly until: number;
}

/** Milliseconds since 1970. */
export interface DueTimes {
  /** Whoever was used long after this counts as used then: the clock was set back. */
  readonly now: number;
  readonly expiredBy: number;
  readonly silentSince: number;
}

/** What is done together: all of it or nothing. */
export interface Transaction {
  /** What is read stays as it is until the end. */
  get(id: string): Promise<KeptRecord | undefined>;
  /** Fails with `AlreadyThere` if the id is taken. */
  insert(record: KeptRecord): Promise<void>;
  replace(record: KeptRecord): Promise<void>;
  remove(id: string): Promise<void>;
  append(event: NewEvent): Promise<void>;
  /** Some of those that have expired, and of those that nobody has used for long but that are still taken for connected. */
  due(times: DueTimes): Promise<readonly KeptRecord[]>;
  /** What the history has under this id between two times. */
  historyOf(id: string, between: Between): Promise<readonly HistoryEvent[]>;
  /** Whether events tell that there was one that has ended. */
  hasEnded(id: string): Promise<boolean>;
}

export interface Size {
  readonly records: number;
  readonly bytes: number;
  /** Milliseconds since 1970; 0 where there are none. */
  readonly meanCreatedAt: number;
}

/** What a look at the place where records are kept has found. */
export interface Examined {
  readonly status: 'ok' | 'warning' | 'failed';
  readonly found: string;
  /** What to do about it. */
  readonly advice?: string | undefined;
}

/** What a backend tells by itself. */
export interface News {
  /** Calls `hear` when there may be new events, also those of other processes, with the ids if they are known, until the returned function is called. */
  on(hear: (ids: readonly string[] | undefined) => void): () => void;
  /** Whether this certainly hears of what others do now. */
  isTelling(): boolean;
}

/** Where records are kept. All methods reject with an AppError. */
export interface Backend {
  readonly name: string;
  /** Runs `work` so that all of it happens or nothing. It may run several times; only the last one counts. */
  transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /** `isFresh`: as it is now; else as it was a moment ago. */
  get(id: string, isFresh: boolean): Promise<KeptRecord | undefined>;
  list(query: ListQuery): Promise<readonly KeptRecord[]>;
  /** Notes when records were last used, by their ids. Earlier times than those that are known do not count. */
  touch(times: ReadonlyMap<string, number>): Promise<void>;
  /** Oldest first. */
  events(query: EventQuery): Promise<readonly RegistryEvent[]>;
  /** The first sequence that is kept, and the last one that there was; 0 before the first event. */
  range(): Promise<{ readonly first: number; readonly last: number }>;
  /** Forgets events from before a time. */
  forget(before: number): Promise<void>;
  /** Looks whether all is well with it. */
  examine(): Promise<readonly Examined[]>;
  /** How many records there are, how many bytes they take, and when they were created on average. */
  size(): Promise<Size>;
  readonly news: News;
  close(): Promise<void>;
}
