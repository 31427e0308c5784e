import type { Duplex, Readable, Writable } from 'node:stream';
import type { Caller } from '../domain/caller.ts';
import type { AppError } from '../domain/errors.ts';
import type { RemoteScript } from '../domain/remote-script.ts';
import type { Endpoint } from './endpoint.ts';

export interface Terminal {
  readonly term: string;
  readonly columns: number;
  readonly rows: number;
}

export interface SpawnOptions {
  /** Ask for a pseudo-terminal of this kind and size; stderr then comes on stdout. */
  readonly terminal?: Terminal | undefined;
  /** Whether it is the user's own command. If the SSH agent is to be forwarded, this command gets it. */
  readonly isUsers?: boolean;
  /** Whether it may be sent before the server has let the user in. If that connection is lost, it may have run; a script that may be repeated runs again. */
  readonly early?: boolean;
  /** Called with what the server does not allow the command. */
  readonly warn?: Caller['warn'];
  /** Called with true when the script is sent to the VM, or may be from now on: before that it has certainly not run. With false when it is certain after all that it was not sent. */
  readonly onSent?: (isSent: boolean) => void;
  /** Milliseconds after which nobody waits for the script to begin, and it does not begin any more. */
  readonly patience?: number | undefined;
  readonly signal: AbortSignal;
}

/** `lost`: it is not known how the process ended. */
export type ExitStatus =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signaled'; readonly signal: string }
  | { readonly kind: 'lost'; readonly cause: AppError };

/** A process on a VM. Both outputs must be read, else it stalls. */
export interface RemoteProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Never rejects. Settles when the process has ended and all its output has arrived. */
  readonly exit: Promise<ExitStatus>;
  /** What the login shell printed before the script answered. */
  noise(): string;
  resize(columns: number, rows: number): void;
  /** Gives up the link if nothing at all is received from the server within `ms`. */
  check(ms: number): void;
  /**
   * Ends the channel without waiting for the process, which may go on. With `grace`, milliseconds, the process is asked to end first, and killed after that time, if
   * its server passes signals on: over a connection that stays, nothing else tells it that nobody waits.
   */
  close(grace?: number): void;
}

export interface Connection {
  /** Runs a script on the VM. Rejects with an AppError unless the server confirms the command. */
  spawn(script: RemoteScript, options: SpawnOptions): Promise<RemoteProcess>;
  /** Opens a stream to an address through the VM. Rejects with an error that says why the VM cannot reach it. */
  forward(to: HostAndPort, signal: AbortSignal): Promise<Duplex>;
}

export interface Transport {
  /** A connection to the endpoint, shared within this process. `onStep` hears how a new one is opened. Rejects with an AppError. */
  connect(endpoint: Endpoint, caller: Caller, onStep?: (step: Step) => void): Promise<Connection>;
  /** Opens a connection that is not shared, which the caller closes. Rejects with an AppError. */
  readonly dial: Dial;
  /** The identities that would be offered to the endpoint's server, in order. Rejects with an AppError. */
  identitiesFor(endpoint: Endpoint, caller: Caller): Promise<IdentityList>;
  /** For an endpoint that is reached directly: opens a connection, and closes it and resolves once the server says something. Rejects with an AppError. */
  knock(endpoint: Endpoint, caller: Caller): Promise<void>;
  /** Gives up the connections of this process to these servers, which are named as their host keys are: what runs over them goes on, and the next command makes a new one. */
  release(hosts: readonly string[]): void;
  close(): void;
}

/** One SSH connection, with as many channels as its server allows. */
export interface Link {
  readonly alive: boolean;
  spawn(script: RemoteScript, options: SpawnOptions): Promise<RemoteProcess | Refusal>;
  /** Opens a stream to an address through the server. Rejects with an error that says why the server cannot reach it. */
  forward(to: HostAndPort, signal: AbortSignal): Promise<Duplex>;
  /** Gives up the connection if nothing at all is received from the server within `ms`. */
  check(ms: number): void;
  /** Opens a channel for the next command, if there is none yet. */
  prepare(): void;
  /** Resolves when the connection has ended. */
  readonly over: Promise<unknown>;
  close(): void;
}

/** `no-channel`: the server refuses another channel on this connection. `again`: it refused a shortcut; nothing has run, and another connection takes none. */
export type Refusal = 'no-channel' | 'again';

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** A step of dialling that is done; `detail` is for people. */
export interface Step {
  readonly kind: 'proving' | 'certifying' | 'reached' | 'answered' | 'verified' | 'signed-in';
  readonly detail: string;
}

/** Opens one SSH connection: authenticated, host key checked. Rejects with an AppError. */
export type Dial = (endpoint: Endpoint, caller: Caller, onStep?: (step: Step) => void) => Promise<Link>;

/** Names of identities, and why others cannot be tried. */
export interface IdentityList {
  readonly names: readonly string[];
  readonly notes: readonly string[];
}

/** What an SSH adapter provides. */
export interface Dialer {
  readonly dial: Dial;
  /** Like `dial`, but may resolve before the server has let the user in: then whatever the link is used for waits for that, or is sent early. */
  readonly begin: Dial;
  identitiesFor(endpoint: Endpoint, caller: Caller): Promise<IdentityList>;
  knock(endpoint: Endpoint, caller: Caller): Promise<void>;
  /** Ends what links run over: connections to jump hosts, local commands. */
  close(): void;
}
