import { lookup } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import type { Clock } from '../domain/clock.ts';
import { orAborted } from '../domain/deadline.ts';
import { messageOf } from '../domain/errors.ts';

export interface TcpAddress {
  readonly host: string;
  readonly port: number;
  /** 0 allows both IPv4 and IPv6. */
  readonly family: 0 | 4 | 6;
}

export interface TcpSettings {
  readonly clock: Clock;
  /** The addresses of a name, the preferred one first. */
  readonly lookup: (host: string, family: 0 | 4 | 6) => Promise<readonly Resolved[]>;
}

export interface Resolved {
  readonly address: string;
  readonly family: number;
}

/** Milliseconds after which the next address is tried as well (RFC 8305). */
const HEAD_START = 250;

/** The addresses of a name as the system knows them. */
export function systemLookup(host: string, family: 0 | 4 | 6): Promise<readonly Resolved[]> {
  return lookup(host, { all: true, family });
}

/**
 * A connected socket. All addresses of a name are tried, one after the other, each with a head start; the first that answers wins, however long the
 * others take. Rejects with the error of the system, or with the reason of `signal`.
 */
export async function connectTcp(
  { clock, lookup: resolve }: TcpSettings,
  { host, port, family }: TcpAddress,
  signal: AbortSignal,
): Promise<Socket> {
  const literal = isIP(host);
  const found = literal ? [{ address: host, family: literal }] : await orAborted(resolve(host, family), signal);
  signal.throwIfAborted();
  return race(interleaved(found), { clock, port, signal });
}

/** Alternates between the two families. If one of them leads nowhere, that costs only one head start. */
function interleaved(found: readonly Resolved[]): readonly string[] {
  const first = found.filter(({ family }) => family === found[0]?.family);
  const second = found.filter(({ family }) => family !== found[0]?.family);
  const longest = Math.max(first.length, second.length);
  return Array.from({ length: longest }, (_, index) => [first[index], second[index]])
    .flat()
    .flatMap((one) => (one ? [one.address] : []));
}

interface Race {
  readonly clock: Clock;
  readonly port: number;
  readonly signal: AbortSignal;
}

function race(addresses: readonly string[], { clock, port, signal }: Race): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const sockets = new Set<Socket>();
    const errors: { readonly address: string; readonly error: NodeJS.ErrnoException }[] = [];
    const waiting = [...addresses];
    let cancelNext = () => {};
    const settle = (winner: Socket | undefined) => {
      cancelNext();
      signal.removeEventListener('abort', onAbort);
      for (const socket of sockets) if (socket !== winner) socket.destroy();
    };
    const onAbort = () => {
      settle(undefined);
      reject(signal.reason);
    };
    const tryNext = () => {
      cancelNext();
      const address = waiting.shift();
      if (address === undefined) return;
      const socket = connect({ host: address, port, noDelay: true });
      sockets.add(socket);
      const onError = (error: NodeJS.ErrnoException) => {
        sockets.delete(socket);
        errors.push({ address, error });
        if (waiting.length > 0) return tryNext();
        if (sockets.size > 0) return;
        settle(undefined);
        reject(errorOf(errors));
      };
      socket.once('error', onError);
      socket.once('connect', () => {
        socket.off('error', onError);
        settle(socket);
        resolve(socket);
      });
      if (waiting.length > 0) cancelNext = clock.schedule(HEAD_START, tryNext);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    tryNext();
    if (addresses.length === 0) reject(Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' }));
  });
}

/** One error for all addresses; where they failed differently, each is named. */
function errorOf(errors: readonly { readonly address: string; readonly error: NodeJS.ErrnoException }[]): Error {
  const [first] = errors;
  const codes = new Set(errors.map(({ error }) => error.code));
  if (first && codes.size === 1) return first.error;
  return new Error(errors.map(({ address, error }) => `${address}: ${messageOf(error)}`).join('; '));
}
