import type { Readable, Writable } from 'node:stream';
import type { AppError } from '../domain/errors.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { SessionRow } from '../domain/session.ts';

/** Options for every call. What is left out comes from the environment and the settings file, as for the command line. */
export interface AzlinOptions {
  /** A context of the settings file. */
  readonly context?: string;
  /** By id or by the name that az knows. */
  readonly subscriptions?: readonly string[];
  readonly resourceGroup?: string;
  /** `azure`, `resource-graph`, or the path of a file of VMs. */
  readonly inventory?: string;
  /** The user on the VMs. */
  readonly user?: string;
  readonly port?: number;
  /** Private key files. */
  readonly identities?: readonly string[];
  /** Jump hosts: `[user@]host[:port]`, comma-separated. */
  readonly jump?: string;
  /** A file of SSH settings, or `none`. */
  readonly sshConfig?: string;
  /** Instead of the environment of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Gets warnings, one line at a time: what could not be checked, for example. */
  readonly onWarning?: (line: string) => void;
  /** Gets a line for each step. */
  readonly onTrace?: (line: string) => void;
}

export interface CallOptions {
  /** Ends the call with an error `interrupted`; a command that is already running is sent SIGTERM. */
  readonly signal?: AbortSignal;
}

/** A VM and a session on it. */
export interface ResolvedTarget {
  /** Names exactly this one from now on: `myvm:dev`. */
  readonly identifier: string;
  readonly hostname: string;
  readonly session: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** Azure's `vmId`; null for a bare address. */
  readonly vmId: string | null;
}

export interface ListOptions extends CallOptions {
  /** Include VMs that are not running. */
  readonly all?: boolean;
  /** Skip caches. */
  readonly refresh?: boolean;
  /** `KEY` or `KEY=VALUE`; all must hold. */
  readonly tags?: readonly string[];
  /** A pattern of VM names. */
  readonly host?: string;
  /** Milliseconds for each VM. */
  readonly deadline?: number;
}

export interface ExecOptions extends CallOptions {
  /** Make the session if it is missing. */
  readonly create?: boolean;
  /** Start the VM if it is stopped. */
  readonly start?: boolean;
  /** Milliseconds, enforced on the VM. */
  readonly timeout?: number;
  /** What the command reads; nothing if it is left out. */
  readonly stdin?: Readable;
  /** Where to run instead of the session's directory. */
  readonly cwd?: string;
  /** Variables that are set in addition to the session's, and override them. */
  readonly env?: Readonly<Record<string, string>>;
  /** Run it as a job with this id. It runs once, however often it is asked for, and outlives the connection. */
  readonly job?: string;
}

export type RunOptions = Pick<ExecOptions, 'signal' | 'create' | 'start' | 'timeout'>;

/** A command that has started. Read both outputs, or call `output`. */
export interface Command {
  /** `myvm:dev`. */
  readonly target: string;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Never rejects. Settles when the command has ended and its output has been read. */
  readonly outcome: Promise<Outcome>;
  /** Signals the command's whole process group. Never rejects. */
  kill(signal: 'INT' | 'TERM' | 'KILL'): Promise<void>;
  /** Reads everything. Never rejects: `outcome` says what happened. */
  output(): Promise<Output>;
}

export interface Output {
  readonly target: string;
  /** As UTF-8. */
  readonly stdout: string;
  readonly stderr: string;
  readonly outcome: Outcome;
  /** The same as for `azlin exec`: 124 for a timeout, 128 + n for signal n, 255 if azlin failed. */
  readonly exitCode: number;
}

export interface ConnectOptions extends CallOptions {
  /** The size of the terminal that shows it. */
  readonly columns: number;
  readonly rows: number;
  /** The kind of that terminal; `xterm-256color` if it is left out. */
  readonly term?: string;
  readonly create?: boolean;
  readonly start?: boolean;
  readonly readOnly?: boolean;
  /** With its own current window. */
  readonly independent?: boolean;
  /** Detach everybody else. */
  readonly takeOver?: boolean;
}

/** A tmux client for a terminal of yours: connect both streams to it. */
export interface AttachedClient {
  readonly target: string;
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** The labels of the others who have the session open. */
  readonly others: readonly (string | null)[];
  /** Never rejects. Settles when stdout has been read to its end. */
  readonly end: Promise<SessionEnd>;
  resize(columns: number, rows: number): void;
  /** Detaches; the session goes on. Never rejects. */
  detach(): Promise<void>;
}

export type SessionEnd =
  /** `by`: who did it, if that is known. */
  | { readonly kind: 'detached' | 'ended'; readonly by?: string }
  | { readonly kind: 'failed' | 'lost'; readonly cause: AppError };

export interface SessionList {
  readonly rows: readonly SessionRow[];
  /** Lines for people about what the list leaves out. */
  readonly notes: readonly string[];
}

/** The operations of azlin. Connections stay open between calls. Whatever rejects does so with an `AzlinError`. */
export interface Azlin {
  /** The one VM and session that an identifier means. */
  resolve(identifier: string, options?: CallOptions): Promise<ResolvedTarget>;
  /** The sessions of the fleet; VMs that cannot be asked are rows whose `probe` says why. */
  listSessions(options?: ListOptions): Promise<SessionList>;
  /** Starts a command in a session's context. A string is read by the login shell; words in a list arrive as they are. */
  exec(identifier: string, command: string | readonly string[], options?: ExecOptions): Promise<Command>;
  /** Runs a command in the session's own shell, where `cd` and `export` stay. */
  run(identifier: string, command: string | readonly string[], options?: RunOptions): Promise<Command>;
  /** Attaches to a session. */
  connect(identifier: string, options: ConnectOptions): Promise<AttachedClient>;
  /** Ends all connections. Until then they keep the process alive. */
  close(): void;
}
