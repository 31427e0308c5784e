import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../domain/clock.ts';
import type { Known } from '../operations/access/completion-knowledge.ts';
import type { FleetAccess, StartPolicy } from '../operations/access/fleet-access.ts';
import type { Config, Overrides } from '../settings/config.ts';
import type { Picked, Picking } from '../terminal/picker.ts';
import type { TextQuestion } from '../terminal/prompts.ts';
import type { TerminalStreams } from '../terminal/terminal.ts';

/** The streams of this process, or a test's. */
export interface IoStreams {
  /** Not touched before it is needed: whoever called us may want it. */
  readonly stdin: () => Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean };
}

/** Ctrl-C and the like. */
export interface Interrupts {
  /** Aborts with an AppError `interrupted`. */
  readonly signal: AbortSignal;
  /** What the signal that aborted makes of the exit code; undefined where none did. */
  exitCode(): number | undefined;
  /** Until the returned function is called, Ctrl-C calls `handler` and aborts nothing. */
  takeOver(handler: () => void): () => void;
  /** Until the returned function is called, `restore` runs when this process ends, however that happens. */
  onExit(restore: () => void): () => void;
  /** Until the returned function is called, `back` runs when this process was stopped and goes on. */
  onContinue(back: () => void): () => void;
}

/** What a run of the program lives in; `app.ts` makes the real one. */
export interface App {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The home directory of the user. */
  readonly home: string;
  readonly clock: Clock;
  readonly version: () => string;
  /** The arguments as they were given, whatever they mean; undefined where the system does not tell. */
  givenArguments(): readonly Buffer[] | undefined;
  /** Takes the arguments out of the list of processes. */
  hideArguments(): void;
  /** `isMending`: what has a mistake is as by default. */
  config(overrides: Overrides, isMending?: boolean): Promise<Config>;
  /** What the caches know, for completion. */
  known(config: Config): Promise<Known>;
  /** What this machine has that settings may name. */
  detect(): Promise<Detected>;
  /** Lets the user edit a file. Rejects with `config` when that fails. */
  openEditor(path: string): Promise<void>;
  /** A file of this package. */
  resource(path: string): Promise<string>;
  access(request: AccessRequest): Promise<FleetAccess>;
  /** The terminal of this process; undefined when input or output is something else. */
  terminal(): TerminalStreams | undefined;
  /** Whether somebody sits at a terminal. */
  canAsk(): boolean;
  /** Undefined where nobody can be asked. */
  confirm(question: string, signal: AbortSignal): Promise<boolean | undefined>;
  pick(picking: Picking, signal: AbortSignal): Promise<Picked>;
  askText(question: TextQuestion, signal: AbortSignal): Promise<string>;
  demo(request: DemoRequest, signal: AbortSignal): Promise<number>;
  /** Ends connections. */
  close(): void;
}

export interface Detected {
  /** Those that az knows, the one that is set first. */
  readonly subscriptions: readonly KnownSubscription[];
  /** Private key files at the usual places, shortened to `~`. */
  readonly keys: readonly string[];
  readonly hasAgent: boolean;
}

export interface KnownSubscription {
  readonly id: string;
  readonly name: string | undefined;
  readonly tenant: string | undefined;
}

export interface DemoRequest {
  /** Runs the tour even on a terminal. */
  readonly tour: boolean;
  readonly stdout: Writable;
  readonly note: (line: string) => void;
  readonly onExit: Interrupts['onExit'];
}

export interface AccessRequest {
  readonly config: Config;
  readonly user: string | undefined;
  readonly port: number | undefined;
  /** `--forward-agent`; undefined where it was not given. */
  readonly forwardAgent: boolean | undefined;
  readonly start: StartPolicy;
  readonly progress: (text: string | undefined) => void;
  /** What holds it up; undefined when that is over. */
  readonly aside: (text: string | undefined) => void;
  readonly warn: (line: string) => void;
  readonly trace: (line: string) => void;
}
