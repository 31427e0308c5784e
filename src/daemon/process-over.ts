import type { Socket } from 'node:net';
import { Duplex, Readable, Writable } from 'node:stream';
import type { Endpoint } from '../transport/endpoint.ts';
import { lost } from '../transport/ssh-errors.ts';
import type { ExitStatus, RemoteProcess } from '../transport/transport.ts';
import { type DaemonReply, statusFromWire, type Word } from './messages.ts';
import { sendFrame, sendMessage } from './wire.ts';

/** Bytes of input that may be on their way to the VM. The daemon never stops listening to this side, so it must not get more than it can pass on. */
const ON_THE_WAY = 1024 * 1024;

/** Bytes of output that wait for their reader in this process. */
const BUFFERED = 256 * 1024;

const NOTHING = Buffer.alloc(0);

/** What a running process sends and gets over a connection to the daemon. */
export interface ProcessOver {
  readonly remote: RemoteProcess;
  bytes(chunk: Buffer, isErrors: boolean): void;
  taken(bytes: number): void;
  ended(exit: Extract<DaemonReply, { readonly reply: 'exit' }>): void;
  /** The daemon has ended: how the process did is not known. */
  lost(): void;
}

export function processOver(socket: Socket, endpoint: Endpoint): ProcessOver {
  const say = (word: Word) => void (socket.writable && sendMessage(socket, word));
  const stdout = outputOver(socket);
  const stderr = outputOver(socket);
  const input = inputOver(socket);
  let noise = '';
  let settle: (status: ExitStatus) => void = () => {};
  const exit = new Promise<ExitStatus>((resolve) => {
    settle = resolve;
  });
  const end = (status: ExitStatus) => {
    stdout.push(null);
    stderr.push(null);
    input.over();
    settle(status);
  };
  const lose = () => end({ kind: 'lost', cause: lost(endpoint, new Error("azlin's daemon has ended")) });
  let isOver = false;
  return {
    bytes: (chunk, isErrors) => {
      if (!(isErrors ? stderr : stdout).push(chunk)) socket.pause();
    },
    taken: input.taken,
    ended(reply) {
      if (isOver) return;
      isOver = true;
      noise = reply.noise;
      end(statusFromWire(reply.status));
      socket.end();
    },
    lost() {
      if (isOver) return;
      isOver = true;
      lose();
    },
    remote: {
      stdin: input.stream,
      stdout,
      stderr,
      exit,
      noise: () => noise,
      resize: (columns, rows) => say({ say: 'resize', columns, rows }),
      check: (ms) => say({ say: 'check', ms }),
      close() {
        if (isOver) return;
        isOver = true;
        socket.destroy();
        lose();
      },
    },
  };
}

/** A stream that was forwarded. */
export interface StreamOver {
  readonly stream: Duplex;
  bytes(chunk: Buffer): void;
  taken(bytes: number): void;
  ended(): void;
}

export function streamOver(socket: Socket): StreamOver {
  const input = inputOver(socket);
  const stream = new Duplex({
    read: () => void socket.resume(),
    write: (chunk: Buffer, _encoding, done) => input.stream.write(chunk, done),
    final: (done) => void input.stream.end(done),
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  return {
    stream,
    bytes: (chunk) => {
      if (!stream.push(chunk)) socket.pause();
    },
    taken: input.taken,
    ended: () => void stream.push(null),
  };
}

function outputOver(socket: Socket): Readable {
  return new Readable({ highWaterMark: BUFFERED, read: () => void socket.resume() });
}

/** Input, of which no more is on its way than the daemon can pass on. */
function inputOver(socket: Socket) {
  let onTheWay = 0;
  let goOn: (() => void) | undefined;
  let isOver = false;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      // As with a closed channel, what nobody reads any more goes nowhere.
      if (isOver || !socket.writable) return done();
      onTheWay += chunk.length;
      sendFrame(socket, 'bytes', chunk);
      if (onTheWay < ON_THE_WAY) done();
      else goOn = done;
    },
    final(done) {
      if (!isOver && socket.writable) sendFrame(socket, 'end', NOTHING);
      done();
    },
  });
  const proceed = () => {
    const next = goOn;
    goOn = undefined;
    next?.();
  };
  return {
    stream,
    taken(bytes: number) {
      onTheWay -= bytes;
      if (onTheWay < ON_THE_WAY) proceed();
    },
    over() {
      isOver = true;
      proceed();
    },
  };
}
