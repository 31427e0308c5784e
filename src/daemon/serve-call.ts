import type { Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import { isForWantOfRoom } from '../domain/errors.ts';
import type { Connection, RemoteProcess } from '../transport/transport.ts';
import { type CallerThere, callerThere } from './caller-there.ts';
import type { HeldLinks } from './holding.ts';
import { type AskOf, type DaemonReply, errorToWire, statusToWire, type Word } from './messages.ts';
import { sendFrame, sendMessage, takenFrame } from './wire.ts';

/** The other side of a call, as far as it concerns what runs for it. */
export interface Serving {
  heard(word: Word): void;
  bytes(chunk: Buffer): void;
  inputEnded(): void;
  /** The client is gone. */
  left(): void;
}

type Call = AskOf<'connect'> | AskOf<'spawn'> | AskOf<'forward'>;

/** Does what a client asks for with a connection to a VM. */
export function serveCall(held: HeldLinks, socket: Socket, call: Call): Serving {
  const there = callerThere(socket, call.canAsk);
  const serve = { connect: serveConnect, spawn: serveSpawn, forward: serveForward }[call.ask] as Serve<Call>;
  let working: Working | undefined;
  const onWorking = (now: Working) => {
    working = now;
    if (there.caller.signal.aborted) now.left();
  };
  // What is asked may make no sense at all.
  serve({ held, socket, there, call, onWorking }).catch(() => socket.destroy());
  return {
    heard(word) {
      there.heard(word);
      working?.heard?.(word);
    },
    bytes: (chunk) => working?.bytes?.(chunk),
    inputEnded: () => working?.inputEnded?.(),
    left() {
      there.left();
      working?.left();
    },
  };
}

type Working = Partial<Serving> & Pick<Serving, 'left'>;

interface Work<C> {
  readonly held: HeldLinks;
  readonly socket: Socket;
  readonly there: CallerThere;
  readonly call: C;
  /** Called when there is something that hears what comes. */
  readonly onWorking: (working: Working) => void;
}

type Serve<C> = (work: Work<C>) => Promise<void>;

const say = (socket: Socket, reply: DaemonReply) => void sendMessage(socket, reply);

async function serveConnect({ held, socket, there, call }: Work<AskOf<'connect'>>): Promise<void> {
  try {
    const { leave } = await held.use(call.to, there.caller, there.onStep);
    leave();
    say(socket, { reply: 'done' });
  } catch (error) {
    // The client's own process may have what this one is out of.
    if (isForWantOfRoom(error)) return void socket.destroy();
    say(socket, { reply: 'failed', error: errorToWire(error), isSent: false });
  }
}

/** Gets a connection and uses it. What fails is told to the client. */
async function withConnection<T>(
  { held, socket, there, call }: Work<Call>,
  { use, wasSent }: { readonly use: (connection: Connection) => Promise<T>; readonly wasSent: () => boolean },
): Promise<{ readonly value: T; leave(): void } | undefined> {
  let leave = () => {};
  try {
    const used = await held.use(call.to, there.caller, there.onStep);
    leave = used.leave;
    return { value: await use(used.connection), leave };
  } catch (error) {
    leave();
    say(socket, { reply: 'failed', error: errorToWire(error), isSent: wasSent() });
    return undefined;
  }
}

async function serveSpawn(work: Work<AskOf<'spawn'>>): Promise<void> {
  const { socket, there, call, onWorking } = work;
  const { signal, warn } = there.caller;
  const { script, options } = call;
  let isSent = false;
  const onSent = (sent: boolean) => {
    isSent = sent;
  };
  const text = Buffer.from(script.text, 'latin1');
  const started = await withConnection(work, {
    use: (connection) => connection.spawn({ ...script, text }, { ...options, signal, warn, onSent }),
    wasSent: () => isSent,
  });
  if (!started) return;
  const { value: remote, leave } = started;
  void remote.exit.then(leave);
  onWorking(processFor(socket, remote, script.mayRepeat ? undefined : GRACE));
  say(socket, { reply: 'done' });
  const outputs = [pump(remote.stdout, socket, 'bytes'), pump(remote.stderr, socket, 'errors')];
  const status = await remote.exit;
  await Promise.all(outputs);
  say(socket, { reply: 'exit', status: statusToWire(status), noise: remote.noise() });
  socket.end();
}

/** Milliseconds that a command has to end when its client is gone. */
export const GRACE = 5_000;

function processFor(socket: Socket, remote: RemoteProcess, grace: number | undefined): Working {
  return {
    heard(word) {
      if (word.say === 'resize') remote.resize(word.columns, word.rows);
      else if (word.say === 'check') remote.check(word.ms);
    },
    ...inputFor(socket, remote.stdin),
    left() {
      remote.close(grace);
      // What nobody reads any more must not hold up the end.
      remote.stdout.resume();
      remote.stderr.resume();
    },
  };
}

async function serveForward(work: Work<AskOf<'forward'>>): Promise<void> {
  const { socket, there, call, onWorking } = work;
  const { host, port } = call;
  const opened = await withConnection(work, {
    use: (connection) => connection.forward({ host, port }, there.caller.signal),
    wasSent: () => false,
  });
  if (!opened) return;
  const { value: stream, leave } = opened;
  stream.on('error', () => {});
  stream.once('close', leave);
  onWorking({ ...inputFor(socket, stream), left: () => void stream.destroy() });
  say(socket, { reply: 'done' });
  await pump(stream, socket, 'bytes');
  say(socket, { reply: 'exit', status: { kind: 'exited', code: 0 }, noise: '' });
  socket.end();
}

/** Passes input on. This side listens all the time, or it would not notice the end of the client; how much comes is limited by what it says was taken. */
function inputFor(socket: Socket, stdin: Duplex | RemoteProcess['stdin']): Pick<Serving, 'bytes' | 'inputEnded'> {
  stdin.on('error', () => {});
  return {
    bytes: (chunk) =>
      void stdin.write(chunk, () => {
        if (socket.writable) sendFrame(socket, 'taken', takenFrame(chunk.length));
      }),
    inputEnded: () => void stdin.end(),
  };
}

/** Passes output on, no faster than the client reads it. Resolves at its end. */
function pump(output: Readable, socket: Socket, kind: 'bytes' | 'errors'): Promise<void> {
  return new Promise((resolve) => {
    output.on('data', (chunk: Buffer) => {
      if (!socket.writable || sendFrame(socket, kind, chunk)) return;
      output.pause();
      socket.once('drain', () => output.resume());
    });
    output.once('end', () => resolve()).once('close', () => resolve());
    socket.once('close', () => output.resume());
  });
}
