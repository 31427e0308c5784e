import type { Client, ParsedKey } from 'ssh2';

/* The internals of ssh2 1.17 that the shortcuts and foreign signatures use. */

export type Handler = (...args: never[]) => void;

/** `internalsOf` checks that they are there. */
export interface Protocol {
  start?: () => void;
  parse(chunk: Buffer, at: number, length: number): void;
  readonly _handlers: Record<(typeof HANDLERS)[number], Handler>;
  readonly _kex?: { _remoteKexinit?: Buffer };
  service(name: string): void;
  authPK(user: string, key: ParsedKey, algorithm?: string | SignCallback, sign?: SignCallback): void;
  session(channel: number, ...rest: unknown[]): void;
  pty(channel: number, ...rest: unknown[]): void;
}

export type SignCallback = (data: Buffer, done: (signature: Buffer) => void) => void;

const HANDLERS = [
  'GLOBAL_REQUEST',
  'SERVICE_ACCEPT',
  'USERAUTH_PK_OK',
  'USERAUTH_FAILURE',
  'CHANNEL_OPEN_CONFIRMATION',
  'CHANNEL_OPEN_FAILURE',
  'CHANNEL_WINDOW_ADJUST',
  'CHANNEL_SUCCESS',
] as const;

/** The protocol of a client; undefined if this ssh2 has other internals than the one that the shortcuts were made for. */
export function internalsOf(client: Client): Protocol | undefined {
  const { _protocol: protocol } = client as Client & { readonly _protocol?: Protocol };
  const methods = ['parse', 'service', 'authPK', 'session', 'pty'] as const;
  const isThere =
    protocol !== undefined &&
    methods.every((name) => typeof protocol[name] === 'function') &&
    HANDLERS.every((name) => typeof protocol._handlers?.[name] === 'function');
  return isThere ? protocol : undefined;
}

/** Makes packets: the payload is put at `allocStart` of what `alloc` gives, and `finalize` makes it ready to be sent. */
export interface PacketWriter {
  alloc(size: number): Buffer;
  readonly allocStart: number;
  finalize(packet: Buffer): Buffer;
}

/** Undefined if this ssh2 has another one. */
export function packetWriterOf(client: Client): PacketWriter | undefined {
  const { _protocol: protocol } = client as Client & {
    readonly _protocol?: { readonly _packetRW?: { readonly write?: PacketWriter } };
  };
  const writer = protocol?._packetRW?.write;
  const isThere =
    typeof writer?.alloc === 'function' &&
    typeof writer.finalize === 'function' &&
    typeof writer.allocStart === 'number';
  return isThere ? writer : undefined;
}
