import type { Readable, Writable } from 'node:stream';
import type { Questions } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import type { AccessRequest } from '../operations/access/access-request.ts';
import type { CachedKnowledge } from '../operations/access/completion-knowledge.ts';
import type { FleetAccess } from '../operations/access/fleet-access.ts';
import type { Examined } from '../registry/backend.ts';
import type { HistoryTrouble } from '../registry/history.ts';
import type { HistoryQuery, Registry, RegistryEvent } from '../registry/types.ts';
import type { Config, Overrides } from '../settings/config.ts';
import type { Detected } from '../settings/detected.ts';
import type { Picked, Picking } from '../terminal/picker.ts';
import type { TextQuestion } from '../terminal/prompts.ts';
import type { TerminalStreams } from '../terminal/terminal.ts';

/** The streams of this process, or a test's. */
export interface IoStreams {
  /** Not touched before it is needed: the program that called azlin may want to read it. */
  readonly stdin: () => Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean };
}

/** Ctrl-C and the like. */
export interface Interrupts {
  /** Aborts with an AppError `interrupted`. */
  readonly signal: AbortSignal;
  /** The exit code for the signal that aborted; undefined if none did. */
  exitCode(): number | undefined;
  /** Until the returned function is called, Ctrl-C calls `handler` and aborts nothing. */
  takeOver(handler: () => void): () => void;
  /** Until the returned function is called, `restore` runs when this process ends, however that happens. */
  onExit(restore: () => void): () => void;
  /** Until the returned function is called, `back` runs whenever this process continues after it was stopped. */
  onContinue(back: () => void): () => void;
}

/** The machine that the program runs on. */
export interface LocalMachine {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The home directory of the user. */
  readonly home: string;
  readonly clock: Clock;
  /** The bytes of the arguments as they were given; undefined if the system does not tell. */
  givenArguments(): readonly Buffer[] | undefined;
  /** Hides the arguments in the list of processes. */
  hideArguments(): void;
  /** What this machine has that settings may name. */
  detect(): Promise<Detected>;
  /** Lets the user edit a file. Rejects with `config` when that fails. */
  openEditor(path: string): Promise<void>;
}

/** The person who may be at the terminal. */
export interface Person {
  /** The terminal of this process; undefined when input or output is something else. */
  terminal(): TerminalStreams | undefined;
  /** Whether somebody is at a terminal. */
  canAsk(): boolean;
  /** Undefined where nobody can be asked. */
  confirm(question: string, signal: AbortSignal): Promise<boolean | undefined>;
  pick(picking: Picking, signal: AbortSignal): Promise<Picked>;
  askText(question: TextQuestion, signal: AbortSignal): Promise<string>;
  /** What operations may ask; undefined if nobody can be asked. `before` clears the line for each question. */
  questions(before: () => void): Questions | undefined;
}

/** Everything around one run of the program; `app/create-app.ts` makes the real one. */
export interface App extends LocalMachine, Person {
  version(): string;
  /** `isMending`: a setting with a mistake gets its default. */
  config(overrides: Overrides, isMending?: boolean): Promise<Config>;
  daemon(config: Config): Promise<DaemonControl>;
  /** Nothing is opened yet. */
  registry(config: Config, warn: (line: string) => void): Promise<RegistryReader>;
  /** What the caches know, for completion. */
  known(config: Config): Promise<CachedKnowledge>;
  /** A file of this package. */
  resource(path: string): Promise<string>;
  access(request: AccessRequest): Promise<FleetAccess>;
  demo(request: DemoRequest, signal: AbortSignal): Promise<number>;
  /** Where the calls of agents are written down. */
  auditFile(config: Config): string;
  /** Serves an agent until it has gone. */
  mcp(request: McpRequest): Promise<void>;
  /** Ends connections, and writes what is still to be written; `warn` is told what is lost. Never rejects. */
  close(warn: (line: string) => void): Promise<void>;
}

/** The registry that the settings describe. Methods reject with an AppError. */
export interface RegistryReader {
  readonly backend: 'memory' | 'disk' | 'cluster';
  /** The file, or the database without its password. */
  readonly where: string;
  /** It is closed by `close`. */
  open(): Promise<Pick<Registry, 'stats' | 'health' | 'list' | 'peek' | 'history' | 'expire'>>;
  /** What has happened. A registry that is not there yet is not made for this. */
  past(query: HistoryQuery): Promise<readonly RegistryEvent[]>;
  /** Why azlin's daemon cannot write the history; undefined if it can. */
  trouble(): Promise<HistoryTrouble | undefined>;
  /** Looks whether all is well. Never rejects. */
  examine(): Promise<readonly Examined[]>;
  close(): Promise<void>;
}

/** azlin's daemon, which keeps connections open. */
export interface DaemonControl {
  /** Undefined if none is running. */
  status(): Promise<DaemonReport | undefined>;
  /** Ends it, at once or when nothing runs over its connections. Undefined if none is running. */
  stop(isForced: boolean): Promise<{ readonly running: number } | undefined>;
  /** Calls `onEvent` with each change that it sees. Resolves to false if none is running, else when it has ended or the signal has aborted. */
  events(following: FollowingEvents): Promise<boolean>;
  /** Where its log is. */
  readonly log: string;
  /** Empty if it has written none. */
  readLog(): Promise<string>;
}

export interface FollowingEvents {
  /** Milliseconds since 1970; null for changes from now on. */
  readonly since: number | null;
  readonly signal: AbortSignal;
  readonly onEvent: (event: SeenEvent) => void;
}

/** A change of a session, or the end of a job. */
export interface SeenEvent {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly hostname: string;
  /** The name that the VM's host keys are kept under: its Azure `vmId`, or its address. */
  readonly vm: string;
  readonly kind: string;
  /** Empty for a job without one. */
  readonly session: string;
  /** tmux's own id: `$3`. */
  readonly id: string;
  /** Who attached or detached. */
  readonly who?: string;
  /** What it was called before. */
  readonly before?: string;
  /** Of a job that has ended. */
  readonly job?: string;
  readonly exitCode?: number;
  /** How it ended without an exit code. */
  readonly end?: string;
}

/** Times are milliseconds since 1970. */
export interface DaemonReport {
  readonly pid: number;
  readonly startedAt: number;
  /** Bytes. */
  readonly memory: number;
  readonly servers: readonly {
    readonly label: string;
    readonly place: string;
    readonly connections: number;
    /** What runs over them. */
    readonly running: number;
    readonly usedAt: number;
  }[];
}

export interface McpRequest {
  /** Over HTTP instead, on this machine only. `onReady` gets the address, and where the token is. */
  readonly listen?:
    | { readonly host: string; readonly port: number; onReady(url: string, token: string): void }
    | undefined;
  readonly config: Config;
  access(): Promise<FleetAccess>;
  readonly stdin: Readable;
  /** Nothing but the protocol is written there. */
  readonly stdout: Writable;
  readonly signal: AbortSignal;
  readonly warn: (line: string) => void;
}

export interface DemoRequest {
  /** Runs the tour even on a terminal. */
  readonly tour: boolean;
  readonly stdout: Writable;
  readonly note: (line: string) => void;
  readonly onExit: Interrupts['onExit'];
}
