import { AppError } from '../domain/errors.ts';

/** What the owner of a record keeps in it: JSON. */
export type Metadata = Readonly<Record<string, unknown>>;

/** Why nobody is there any more. */
export type DisconnectReason = 'timeout_no_activity' | 'client_disconnect' | 'error';

/** A session that somebody works with, as the registry knows it. Times are in milliseconds since 1970. */
export interface SessionRecord {
  readonly id: string;
  /** Grows by one with each change. */
  readonly version: number;
  readonly metadata: Metadata;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** When it was last used. Its time counts from then. */
  readonly accessedAt: number;
  /** Milliseconds after its last use when it expires; null: never. */
  readonly ttl: number | null;
  /** Undefined while somebody is there. */
  readonly disconnected?: { readonly at: number; readonly reason: DisconnectReason } | undefined;
  /** How often somebody came back with a token. */
  readonly reconnectCount: number;
}

export type RecordEventKind = 'created' | 'updated' | 'expired' | 'disconnected' | 'reconnected' | 'deleted';
export type RegistryEventKind = RecordEventKind | 'history';

/** What has happened, with a sequence that grows. */
export type RegistryEvent = RecordEvent | HistoryEvent;

interface Happened {
  readonly sequence: number;
  readonly at: number;
}

/** Something has happened to a record. */
export interface RecordEvent extends Happened {
  readonly kind: RecordEventKind;
  readonly id: string;
  /** The record after it, or the last one that there was. */
  readonly record: SessionRecord;
}

/** Something has happened on a VM, as azlin's daemon has seen it. */
export interface HistoryEvent extends Happened {
  readonly kind: 'history';
  readonly id: string;
  readonly entry: HistoryEntry;
}

/** What happened to a tmux session, or was done in it. */
export interface HistoryEntry {
  /** `missed`: something that could not be written. `ran`, `ended`: a command has begun, and is over; `sent`: keys were typed with `azlin send`. `watched`, `unwatched`: from here on, the daemon sees what happens on the VM, or does not see it. */
  readonly what:
    | 'created'
    | 'closed'
    | 'renamed'
    | 'attached'
    | 'detached'
    | 'active'
    | 'pane-ended'
    | 'ran'
    | 'ended'
    | 'sent'
    | 'missed'
    | 'watched'
    | 'unwatched';
  readonly hostname: string;
  /** The name that the VM's host keys are kept under: its Azure `vmId`, or its address. */
  readonly vm: string;
  /** Whose tmux server it is on the VM. */
  readonly user: string;
  readonly session?: string | undefined;
  /** tmux's own id: `$3`. */
  readonly tmuxId?: string | undefined;
  /** The label of whoever did it, as far as it is known. */
  readonly who?: string | undefined;
  /** What the session was called before. */
  readonly before?: string | undefined;
  /** The same for all that is told of one command. */
  readonly run?: string | undefined;
  /** The first word of the command; the others may be secret. */
  readonly program?: string | undefined;
  /** The id of the job that it became. */
  readonly job?: string | undefined;
  readonly exitCode?: number | undefined;
  /** How it ended without an exit code: the signal, or `timed out`, `cancelled`, `lost`. */
  readonly end?: string | undefined;
  /** Whose daemon saw it. */
  readonly seenBy: string;
  /** Tells it from all others. */
  readonly key: string;
}

/** Milliseconds without any use after which nobody is there any more. */
export const SILENT = 300_000;
/** Milliseconds by which the clocks of several processes may differ. */
export const SKEW = 60_000;
/** The most bytes of metadata, as JSON. */
export const MOST_METADATA = 64 * 1024;
/** Ten years: a longer time is a mistake, or means for ever. */
const LONGEST_TTL = 10 * 365 * 86_400_000;

/** The metadata as it will be kept. Throws `usage` for what is no JSON object, and for more than 64 KiB. */
export function checkMetadata(value: unknown): { readonly metadata: Metadata; readonly json: string } {
  let json: string;
  try {
    json = JSON.stringify(checkObject(value, 'Metadata')) ?? '';
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('usage', 'Metadata must be JSON: it refers to itself, or has a BigInt', { cause });
  }
  // PostgreSQL can keep neither this character nor half of one.
  if (/\\u(?:0000|d[89a-f])/i.test(json.replaceAll('\\\\', '')))
    throw new AppError('usage', 'Metadata must not contain the character U+0000 or half of a surrogate pair');
  const size = Buffer.byteLength(json);
  if (size > MOST_METADATA)
    throw new AppError('usage', `Metadata of ${size} bytes is too large: at most ${MOST_METADATA} are kept`);
  // What `toJSON` makes of an object may be something else.
  return { metadata: frozen(checkObject(JSON.parse(json === '' ? 'null' : json), 'Metadata')), json };
}

/** The value if it is an object of its own. Throws `usage` for anything else, a promise among it. */
export function checkObject<T>(value: T, what: string): T & Metadata {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isObject && typeof (value as { then?: unknown }).then !== 'function') return value as T & Metadata;
  throw new AppError('usage', `${what} must be an object`);
}

/** Nobody who gets it may change what is kept. */
export function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const one of Object.values(value)) frozen(one);
  return Object.freeze(value);
}

/** The time as it will be kept: whole milliseconds, or null for ever. Throws `usage` for anything else. */
export function checkTtl(value: unknown): number | null {
  if (value === null || value === Number.POSITIVE_INFINITY) return null;
  if (typeof value === 'number' && value >= 1 && value <= LONGEST_TTL) return Math.round(value);
  throw new AppError('usage', `"${String(value)}" is not a time to live`, {
    hint: 'milliseconds from 1 to ten years, or Infinity',
  });
}

export function checkId(value: unknown): string {
  if (typeof value === 'string' && /^[\w.:-]{1,128}$/.test(value)) return value;
  throw new AppError('usage', `"${String(value)}" cannot be the id of a session`, {
    hint: 'up to 128 letters, digits, and . : _ -',
  });
}

export function noSuchRecord(id: string): AppError {
  return new AppError('session-not-found', `There is no session "${id}" in the registry`, {
    hint: 'it was closed, or has expired',
  });
}

/** When it expires; `Infinity` if never. */
export function expiryOf({ accessedAt, ttl }: Pick<SessionRecord, 'accessedAt' | 'ttl'>): number {
  return ttl === null ? Number.POSITIVE_INFINITY : accessedAt + ttl;
}
