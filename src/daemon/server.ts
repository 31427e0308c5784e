import { chmodSync, readdirSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../domain/clock.ts';
import { messageOf } from '../domain/errors.ts';
import { withLock } from '../store/lock.ts';
import type { DaemonStatus, Stopping } from './control.ts';
import type { Knowledge, VmEvent } from './knowledge.ts';
import { type Ask, type DaemonReply, errorToWire, type Word } from './messages.ts';
import type { DaemonPlace } from './place.ts';
import { type Serving, serveCall } from './serve-call.ts';
import { type LineService, serveLine } from './serve-line.ts';
import { frameReader, sendMessage } from './wire.ts';

export interface ServerSettings extends LineService {
  readonly place: DaemonPlace;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  /** Called when a client asks the daemon to end. */
  readonly onStop: (isForced: boolean) => void;
  /** Called when a client comes, and when the last one has left. */
  readonly onBusy: (isBusy: boolean) => void;
}

/** Listens for clients; undefined if another daemon does. Rejects with the system's error. */
export async function serve(settings: ServerSettings): Promise<Server | undefined> {
  const { place, clock } = settings;
  return withLock({ path: place.socket, clock }, async () => {
    if (await isAnswered(place.socket)) return undefined;
    // Its daemon has died.
    rmSync(place.socket, { force: true });
    const server = createServer((socket) => greet(socket, settings, startedAt));
    const startedAt = clock.now();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(place.socket, () => resolve());
    });
    chmodSync(place.socket, 0o600);
    return server;
  });
}

/** Milliseconds after which a mark of a daemon that was being started means nothing any more. */
const OLD = 3_600_000;

/** Tells the daemons of other azlins for the same home to end when nothing runs over their connections, and removes what dead ones have left behind. */
export function retireOthers({ directory, prefix, socket }: DaemonPlace, now: number): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (path === socket) continue;
    if (name.includes('.')) {
      if (now - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now) > OLD) rmSync(path, { force: true });
      continue;
    }
    const ask: Ask = { ask: 'stop', isForced: false };
    const other = connect(path, () => {
      if (name.startsWith(prefix)) sendMessage(other, ask);
      other.end();
    });
    // It has died.
    other.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') rmSync(path, { force: true });
    });
    other.resume();
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Bytes of events that may wait for a client. */
const UNREAD = 4 * 1024 * 1024;

/** Clients that follow events. */
const followers = new Set<Socket>();

function greet(socket: Socket, settings: ServerSettings, startedAt: number): void {
  const { held, knowledge, history, log, onStop, onBusy } = settings;
  let serving: Serving | undefined;
  onBusy(true);
  const greeting: DaemonReply = { reply: 'here' };
  sendMessage(socket, greeting);
  const done = (value?: unknown) => void (socket.writable && sendMessage(socket, { reply: 'done', value }));
  const onAsk = (ask: Ask) => {
    switch (ask.ask) {
      case 'status':
        return done(statusOf(settings, startedAt));
      case 'known':
        return done([...knowledge.of(ask.keys)]);
      case 'all-known':
        return done([...knowledge.all()]);
      case 'events':
        return follow(socket, knowledge, ask.since);
      case 'note':
        history.note(ask.place, ask.note);
        return done(true);
      case 'trouble':
        return void history.trouble(ask.place).then(done);
      case 'past':
        return void history.past(ask.place, ask.query).then(done, (error: unknown) => {
          const reply: DaemonReply = { reply: 'failed', error: errorToWire(error), isSent: false };
          if (socket.writable) sendMessage(socket, reply);
        });
      case 'drop':
        held.drop(ask.hosts);
        return done();
      case 'stop': {
        const stopping: Stopping = { pid: process.pid, running: held.running() };
        done(stopping);
        onStop(ask.isForced);
        // They would keep it for ever.
        for (const follower of followers) follower.destroy();
        return;
      }
      case 'line':
        serving = serveLine(settings, socket, ask);
        return;
      default:
        serving = serveCall(held, socket, ask);
    }
  };
  let isAsked = false;
  const read = frameReader({
    onMessage(message) {
      if (isAsked) return serving?.heard(message as Word);
      isAsked = true;
      onAsk(message as Ask);
    },
    onBytes: (chunk) => serving?.bytes(chunk),
    onEnd: () => serving?.inputEnded(),
  });
  socket.on('data', (chunk: Buffer) => {
    try {
      read(chunk);
    } catch (error) {
      log(`a client that makes no sense: ${messageOf(error)}`);
      socket.destroy();
    }
  });
  socket.on('error', () => {});
  socket.once('close', () => {
    serving?.left();
    onBusy(false);
  });
}

function statusOf({ held }: ServerSettings, startedAt: number): DaemonStatus {
  return { pid: process.pid, startedAt, memory: process.memoryUsage.rss(), servers: held.status() };
}

function follow(socket: Socket, knowledge: Knowledge, since: number | null): void {
  const tell = (event: VmEvent) => {
    // Somebody who does not read must not fill the memory.
    if (socket.writableLength > UNREAD) socket.destroy();
    else if (socket.writable) sendMessage(socket, { reply: 'event', event });
  };
  if (since !== null) for (const event of knowledge.since(since)) tell(event);
  socket.once('close', knowledge.follow(tell));
  followers.add(socket);
  socket.once('close', () => followers.delete(socket));
}
