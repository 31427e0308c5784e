import type { Agent } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import WebSocket, { createWebSocketStream } from 'ws';
import type { Bastion } from '../../domain/route.ts';
import { nodeTrouble, refusedBy } from './bastion-errors.ts';
import type { BastionSession } from './bastion-session.ts';

/** Bytes of a frame: no node is known to take more, and none takes a message in several frames. */
const FRAME = 8 * 1024;
const BUFFER = 256 * 1024;
/** Bytes of a frame that is received. */
const MOST = 16 * 1024 * 1024;

export interface StreamRequest {
  readonly bastion: Bastion;
  readonly session: BastionSession;
  readonly agent: Agent;
  readonly signal: AbortSignal;
}

/** A stream over the WebSocket of a session, which has said something: a node in trouble accepts a WebSocket and then says nothing, or something else. */
export function openStream({ bastion, session, agent, signal }: StreamRequest): Promise<Duplex> {
  const socket = new WebSocket(session.url, {
    agent,
    perMessageDeflate: false,
    skipUTF8Validation: true,
    maxPayload: MOST,
  });
  // Made before it is open, or what goes wrong right after that would be lost.
  const stream = inFrames(createWebSocketStream(socket, { highWaterMark: BUFFER }));
  stream.on('error', () => {});
  return new Promise((resolve, reject) => {
    const onAbort = () => fail(signal.reason);
    const over = () => {
      signal.removeEventListener('abort', onAbort);
      stream.off('readable', onReadable).off('error', onTrouble).off('end', onClose).off('close', onClose);
    };
    const fail = (error: unknown) => {
      over();
      socket.on('error', () => {});
      socket.terminate();
      stream.destroy();
      reject(error);
    };
    const onTrouble = (error: Error) => fail(nodeTrouble(error.message, error));
    const onClose = () => fail(nodeTrouble('it closed the connection'));
    const onReadable = () => {
      const first = stream.read() as Buffer | null;
      if (first === null) return;
      over();
      stream.unshift(first);
      resolve(stream);
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('upgrade', (response) => (response.socket as Socket).setNoDelay(true));
    socket.once('unexpected-response', (_request, { statusCode = 0 }) => fail(asTrouble(bastion, statusCode)));
    stream.on('readable', onReadable).once('error', onTrouble).once('end', onClose).once('close', onClose);
  });
}

/** A session that is not known any more, and a reply that is none, are not the user's fault. */
function asTrouble(bastion: Bastion, status: number): Error {
  return status === 404 || status < 200 ? nodeTrouble(`HTTP status ${status}`) : refusedBy(bastion, status, '');
}

/** Writes in frames of a size that every node takes. */
function inFrames(stream: Duplex): Duplex {
  const write = stream._write.bind(stream);
  stream._write = (chunk: Buffer, encoding, done) => {
    const next = (at: number) => {
      const end = at + FRAME;
      if (end >= chunk.length) return write(chunk.subarray(at), encoding, done);
      write(chunk.subarray(at, end), encoding, (error) => (error ? done(error) : next(end)));
    };
    next(0);
  };
  return stream;
}
