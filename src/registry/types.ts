import type {
  DisconnectReason,
  Metadata,
  RecordEvent,
  RegistryEvent,
  RegistryEventKind,
  SessionRecord,
} from './record.ts';

export type {
  DisconnectReason,
  HistoryEntry,
  HistoryEvent,
  Metadata,
  RecordEvent,
  RecordEventKind,
  RegistryEvent,
  RegistryEventKind,
  SessionRecord,
} from './record.ts';

/** Records of sessions, with a life of their own. All methods reject with an AppError. */
export interface Registry extends Records, Comings, Watching {
  /** The backend: `memory` and the like. */
  readonly backend: string;
  /** Writes down what is not written yet, and ends. */
  close(): Promise<void>;
}

export interface NewRecord {
  /** By default a random one. */
  readonly id?: string | undefined;
  readonly metadata?: Metadata | undefined;
  /** Milliseconds after the last use when it expires; null or Infinity for never. By default that of the registry. */
  readonly ttl?: number | null | undefined;
}

/** What a record becomes; called again if somebody else has changed it meanwhile. What it throws goes to whoever called `update`, and nothing is changed. */
export type Change = (metadata: Metadata) => Metadata;

export interface Records {
  create(given?: NewRecord): Promise<SessionRecord>;
  /** Undefined if there is none, or it has expired. Counts as a use. */
  get(id: string): Promise<SessionRecord | undefined>;
  /** The same, but this is no use: it does not live longer for it. */
  peek(id: string): Promise<SessionRecord | undefined>;
  /** Changes its metadata, and nobody else's change is lost. Counts as a use. */
  update(id: string, change: Change): Promise<SessionRecord>;
  /** Whether there was one. */
  delete(id: string): Promise<boolean>;
  list(query?: RecordQuery): Promise<RecordPage>;
  setTtl(id: string, ttl: number | null): Promise<SessionRecord>;
  /** Notes that it is used. Whether there is one. */
  touch(id: string): Promise<boolean>;
  /** Does several things together: all of them or nothing. `work` may run several times, so it must only use what it is given. */
  transaction<T>(work: (records: RecordsTogether) => Promise<T>): Promise<T>;
  /** Whether one more call is within the rate of the registry, and counts it. */
  allow(id: string): Promise<Allowance>;
}

export type RecordsTogether = Pick<Records, 'create' | 'get' | 'update' | 'delete' | 'setTtl'>;

export type Allowance = { readonly allowed: true } | { readonly allowed: false; readonly retryAfterMs: number };

export interface RecordQuery {
  /** Metadata that the records must have: `{ user_id: 'alice' }`. */
  readonly where?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** Whether somebody is there. */
  readonly isConnected?: boolean | undefined;
  /** At most as many; by default 100. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly after?: string | undefined;
}

/** In the order of their creation. */
export interface RecordPage {
  readonly records: readonly SessionRecord[];
  /** For the next page; undefined on the last one. */
  readonly next: string | undefined;
}

/** How a session loses its client, and gets it back. */
export interface Comings {
  /** Says that nobody is there any more. */
  disconnect(id: string, reason: DisconnectReason): Promise<SessionRecord>;
  /** A new token, with which somebody may come back within `ms`. It is shown once: only its SHA-256 is kept. */
  token(id: string, ms?: number): Promise<ReconnectToken>;
  /** Takes the place of whoever had the token, which is replaced by a new one. */
  reconnect(id: string, token: string): Promise<Reconnection>;
}

export interface ReconnectToken {
  readonly token: string;
  readonly expiresAt: number;
}

export type Reconnection =
  | ({ readonly record: SessionRecord; readonly refused?: never } & ReconnectToken)
  | {
      readonly refused:
        | 'token_expired'
        | 'token_mismatch'
        | 'session_closed'
        | 'session_not_found'
        | 'too_many_attempts';
      readonly record?: never;
    };

export interface Watching {
  /** Removes what has expired, and disconnects whoever has been silent. How many expired. */
  expire(): Promise<number>;
  stats(): Promise<RegistryStats>;
  health(): Promise<RegistryHealth>;
  /** What has happened, oldest first. */
  history(query?: HistoryQuery): Promise<readonly RegistryEvent[]>;
  /** What happens from now on, or behind a sequence: each event once, in order. Ends with `signal`. */
  events(options?: EventsFrom): AsyncIterable<RegistryEvent>;
}

export interface HistoryQuery {
  /** Only what happened to this session. */
  readonly id?: string | undefined;
  readonly kinds?: readonly RegistryEventKind[] | undefined;
  /** Milliseconds since 1970. */
  readonly since?: number | undefined;
  /** Events up to this one are known already: the next page begins there. */
  readonly after?: number | undefined;
  /** The latest ones if there are more, or the first ones behind `after`; by default 1,000. */
  readonly limit?: number | undefined;
}

export interface EventsFrom {
  /** Events up to this one are known already. */
  readonly after?: number | undefined;
  readonly kinds?: readonly RegistryEventKind[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RegistryStats {
  readonly total: number;
  readonly expiredLast: number;
  readonly expiredInAll: number;
  /** Milliseconds. */
  readonly meanAge: number;
  readonly bytesPerRecord: number;
  /** Milliseconds for which the oldest use is not written down yet. */
  readonly lag: number;
}

/** How the sessions are. Times are in milliseconds. */
export interface RegistryHealth {
  readonly active: number;
  readonly disconnected: number;
  readonly total: number;
  /** Of those where somebody is there, by when they were last used: less than 5 minutes ago, less than 10, longer. */
  readonly ages: { readonly healthy: number; readonly aging: number; readonly stale: number };
  readonly lastDay: {
    readonly created: number;
    readonly perHour: number;
    /** Of those that ended. */
    readonly meanDuration: number;
    /** Disconnections for each session that was created. */
    readonly disconnectRate: number;
  };
  /** The latest, newest first. */
  readonly recent: readonly RecordEvent[];
}

/** What a registry is to be. Times are in milliseconds. */
export interface RegistryOptions {
  /** `development`: in memory, 5 min, cleaned up every minute; `single`: on disk, an hour, every two minutes; `team`: in PostgreSQL, the same. By default `development`. */
  readonly preset?: 'development' | 'single' | 'team' | undefined;
  readonly backend?: 'memory' | 'disk' | 'cluster' | undefined;
  /** The file of the backend `disk`. */
  readonly path?: string | undefined;
  /** The database of the backend `cluster`: `postgres://user:password@host-1,host-2/database`. */
  readonly url?: string | undefined;
  /** How long a record stays after its last use; Infinity for ever. */
  readonly ttl?: number | undefined;
  /** How often what has expired is removed; Infinity: only by `expire`. */
  readonly cleanUpEvery?: number | undefined;
  /** For how long events are kept; by default a week. */
  readonly keepEvents?: number | undefined;
  /** How many calls a session may make in how many milliseconds; by default 600 in a minute. */
  readonly rate?: { readonly calls: number; readonly per: number } | undefined;
  /** Told about a file that was damaged. By default `process.emitWarning`. */
  readonly onWarning?: ((line: string) => void) | undefined;
}
