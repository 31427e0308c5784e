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
  /** It is the user's own: where the SSH agent is to be forwarded, this command gets it. */
  readonly isUsers?: boolean;
  /** Hears what the server does not allow it. */
  readonly warn?: Caller['warn'];
  /** Called when the script leaves for the VM: before that it has certainly not run, from then on it may have. */
  readonly onSent?: () => void;
  /** Milliseconds after which nobody waits for it to begin, and it does not. */
  readonly patience?: number | undefined;
  readonly signal: AbortSignal;
}

/** `lost`: nobody can say how the process ended. */
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
  /** Gives the link up when nothing at all is heard from the server within `ms`. */
  check(ms: number): void;
  /** Ends the channel without waiting for the process, which may go on. */
  close(): void;
}

export interface Connection {
  /** Runs a script on the VM. Rejects with an AppError when nothing is known of it. */
  spawn(script: RemoteScript, options: SpawnOptions): Promise<RemoteProcess>;
  /** A stream to an address that the VM reaches. Rejects with an AppError that says why it does not. */
  forward(to: HostAndPort, signal: AbortSignal): Promise<Duplex>;
}

export interface Transport {
  /** A connection to the endpoint, shared within this process; `onStep` hears of one that is opened for it. Rejects with an AppError. */
  connect(endpoint: Endpoint, caller: Caller, onStep?: (step: Step) => void): Promise<Connection>;
  /** A connection of one's own, which the caller closes. Rejects with an AppError. */
  readonly dial: Dial;
  /** What would be offered to the endpoint's server, in order. Rejects with an AppError. */
  identitiesFor(endpoint: Endpoint, caller: Caller): Promise<IdentityList>;
  /** Resolves when the server of an endpoint that is reached directly says something to a new connection, which is closed then. Rejects with an AppError. */
  knock(endpoint: Endpoint, caller: Caller): Promise<void>;
  close(): void;
}

/** One SSH connection, with as many channels as its server allows. */
export interface Link {
  readonly alive: boolean;
  /** `'no-channel'`: the server refuses another channel on this connection. */
  spawn(script: RemoteScript, options: SpawnOptions): Promise<RemoteProcess | 'no-channel'>;
  /** A stream to an address that the server reaches. Rejects with an AppError that says why it does not. */
  forward(to: HostAndPort, signal: AbortSignal): Promise<Duplex>;
  close(): void;
}

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** How far dialling has come; `detail` is for people. */
export interface Step {
  readonly kind: 'reached' | 'answered' | 'verified' | 'signed-in';
  readonly detail: string;
}

/** Opens one SSH connection: authenticated, host key checked. Rejects with an AppError. */
export type Dial = (endpoint: Endpoint, caller: Caller, onStep?: (step: Step) => void) => Promise<Link>;

/** Names of identities, and why others cannot be tried. */
export interface IdentityList {
  readonly names: readonly string[];
  readonly notes: readonly string[];
}

/** What an adapter does. */
export interface Dialer {
  readonly dial: Dial;
  identitiesFor(endpoint: Endpoint, caller: Caller): Promise<IdentityList>;
  knock(endpoint: Endpoint, caller: Caller): Promise<void>;
  /** Ends what links run over: connections to jump hosts, local commands. */
  close(): void;
}
