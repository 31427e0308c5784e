import { AppError, type ErrorCode, messageOf, toAppError } from '../domain/errors.ts';
import type { HistoryNote, RegistryPlace } from '../registry/history.ts';
import type { HistoryQuery } from '../registry/types.ts';
import type { Endpoint } from '../transport/endpoint.ts';
import type { ExitStatus, SpawnOptions, Step } from '../transport/transport.ts';
import type { VmEvent } from './knowledge.ts';

/** Where a call goes, and what decides whether it may share a connection. */
export interface Destination {
  readonly endpoint: Endpoint;
  /** The endpoints of its jump hosts, and of theirs, by `hopKey`. */
  readonly hops: readonly (readonly [key: string, Endpoint])[];
  /** azlin's file of host keys. */
  readonly knownHosts: string;
  /** The settings file. */
  readonly settings: string;
  /** Milliseconds that the connection stays after its last use. */
  readonly persist: number;
  readonly watch: WatchChoice;
  /** Where the history of what happens there is kept. */
  readonly history: RegistryPlace;
  /** Where it goes through a Bastion: the caller's variables for proxies and authorities. */
  readonly web?: Readonly<Record<string, string | undefined>> | undefined;
}

export function hopKey(hop: string, inFleet: boolean): string {
  return `${inFleet} ${hop}`;
}

/** Which VMs the daemon keeps the sessions of: those that it has a connection to, all that a command asks for, none. */
export type WatchChoice = 'used' | 'all' | 'none';

/** What a client asks first. `canAsk`: somebody is there for questions. */
export type Ask =
  | { readonly ask: 'connect'; readonly to: Destination; readonly canAsk: boolean }
  | {
      readonly ask: 'spawn';
      readonly to: Destination;
      readonly canAsk: boolean;
      readonly script: { readonly text: string; readonly mayRepeat: boolean };
      readonly options: Pick<SpawnOptions, 'terminal' | 'isUsers' | 'early' | 'patience'>;
    }
  | {
      readonly ask: 'forward';
      readonly to: Destination;
      readonly canAsk: boolean;
      readonly host: string;
      readonly port: number;
    }
  | LineAsk
  | { readonly ask: 'status' }
  /** What is known about sessions without asking, by the keys of a survey. */
  | { readonly ask: 'known'; readonly keys: readonly string[] }
  /** The same for all that are watched, by the names that their host keys are kept under. */
  | { readonly ask: 'all-known' }
  /** Changes, since a time in milliseconds since 1970 if there is one, and from now on. */
  | { readonly ask: 'events'; readonly since: number | null }
  /** Adds to the history. */
  | { readonly ask: 'note'; readonly place: RegistryPlace; readonly note: HistoryNote }
  /** Whether the history cannot be written. */
  | { readonly ask: 'trouble'; readonly place: RegistryPlace }
  /** The history, where only the daemon has it. */
  | { readonly ask: 'past'; readonly place: RegistryPlace; readonly query: HistoryQuery }
  /** Closes connections to hosts by the name that their keys are kept under, at once. */
  | { readonly ask: 'drop'; readonly hosts: readonly string[] }
  /** Ends the daemon: at once, or when nothing runs over its connections any more. */
  | { readonly ask: 'stop'; readonly isForced: boolean };

/** A whole command line, to be run in the daemon for a client who only passes on what comes and goes. */
export interface LineAsk {
  readonly ask: 'line';
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Which streams are terminals, and how many columns they have. */
  readonly terminals: { readonly stdin: boolean; readonly stdout: number | null; readonly stderr: number | null };
}

export type AskOf<Kind extends Ask['ask']> = Extract<Ask, { readonly ask: Kind }>;

/** What a client says later. */
export type Word =
  | { readonly say: 'answer'; readonly id: number; readonly value: string | boolean }
  | { readonly say: 'no-answer'; readonly id: number; readonly error: WireError }
  /** The client has received a signal. */
  | { readonly say: 'signal'; readonly signal: string }
  /** So many bytes of the output have been written; `error`: or could not be, because nobody reads it any more, or a disk is full. */
  | {
      readonly say: 'written';
      readonly output: 'stdout' | 'stderr';
      readonly bytes: number;
      readonly error?: { readonly code: string; readonly message: string } | undefined;
    }
  | { readonly say: 'resize'; readonly columns: number; readonly rows: number }
  | { readonly say: 'check'; readonly ms: number };

/** What the daemon says. */
export type DaemonReply =
  /** The greeting: it listens. */
  | { readonly reply: 'here' }
  | { readonly reply: 'step'; readonly step: Step }
  | { readonly reply: 'progress'; readonly text: string | null }
  | { readonly reply: 'aside'; readonly text: string | null }
  | { readonly reply: 'warn'; readonly line: string }
  | { readonly reply: 'trace'; readonly line: string }
  | {
      readonly reply: 'question';
      readonly id: number;
      /** `signed-in`: an AzureQuestion as JSON. Nobody is asked, but only the client is signed in to Azure. */
      readonly kind: 'passphrase' | 'confirm' | 'signed-in';
      readonly question: string;
    }
  | { readonly reply: 'done'; readonly value?: unknown }
  /** `isSent`: whether the script was sent to the VM. */
  | { readonly reply: 'failed'; readonly error: WireError; readonly isSent: boolean }
  /** Something that must not run twice has left. */
  | { readonly reply: 'begun' }
  | { readonly reply: 'event'; readonly event: VmEvent }
  | { readonly reply: 'over'; readonly exitCode: number }
  /** The client has to run the line itself. Nothing has happened yet. */
  | { readonly reply: 'not-here'; readonly why: string }
  /** `noise`: what the login shell printed before the script answered. */
  | { readonly reply: 'exit'; readonly status: WireStatus; readonly noise: string };

export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly candidates?: AppError['candidates'];
  readonly mayHaveRun: boolean;
  readonly cause?: string | undefined;
}

type WireStatus = Exclude<ExitStatus, { readonly kind: 'lost' }> | { readonly kind: 'lost'; readonly cause: WireError };

export function errorToWire(thrown: unknown): WireError {
  const { code, message, hint, candidates, mayHaveRun, cause } = toAppError(thrown);
  return { code, message, hint, candidates, mayHaveRun, cause: cause === undefined ? undefined : messageOf(cause) };
}

export function errorFromWire({ code, message, hint, candidates, mayHaveRun, cause }: WireError): AppError {
  const details = { hint, candidates, mayHaveRun };
  return new AppError(code, message, cause === undefined ? details : { ...details, cause: new Error(cause) });
}

export function statusToWire(status: ExitStatus): WireStatus {
  return status.kind === 'lost' ? { kind: 'lost', cause: errorToWire(status.cause) } : status;
}

export function statusFromWire(status: WireStatus): ExitStatus {
  return status.kind === 'lost' ? { kind: 'lost', cause: errorFromWire(status.cause) } : status;
}
