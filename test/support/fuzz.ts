import { execFileSync } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { atMost } from '../../src/domain/concurrency.ts';
import { withDeadline } from '../../src/domain/deadline.ts';
import { AppError } from '../../src/domain/errors.ts';
import { commandScript } from '../../src/remote/remote-script.ts';
import { sha256Of } from '../../src/transport/host-keys/public-key.ts';
import { helloIn } from '../../src/transport/ssh2/server-hello.ts';
import { type KnownServer, serverMemory } from '../../src/transport/ssh2/server-memory.ts';
import { aCaller } from './caller.ts';
import { realClock } from './clock.ts';
import { aDialer, type TestDialer } from './dialer.ts';
import { onScript } from './on-script.ts';
import { random } from './random.ts';

/*
 * Hostile SSH servers: in each case the real adapter connects to a server on loopback that answers with some kind of nonsense from a seeded generator. A
 * case must end with a result or with an AppError.
 */

export const KINDS = ['noise', 'transcript', 'packets'] as const;
export type Kind = (typeof KINDS)[number];

export interface FuzzReport {
  /** How many cases ended in each way: `exited`, the code of an error, or what must never happen. */
  readonly endings: ReadonlyMap<string, number>;
  /** What must never happen, with the number of its case. */
  readonly bad: readonly string[];
  /** Milliseconds of the case that took longest. */
  readonly longest: number;
}

/** Milliseconds for one step. A case has 24 times as long: all steps, the wait for a channel, a command that does not end. */
const STEP_DEADLINE = 250;

export async function fuzz(
  cases: number,
  seed: number,
  progress: (done: number) => void = () => {},
): Promise<FuzzReport> {
  const directory = mkdtempSync('/tmp/azlin-fuzz-');
  const key = (name: string) => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, name)]);
    return join(directory, name);
  };
  const identity = key('identity');
  const hostKey = readFileSync(key('host'));
  const fingerprintOf = (name: string) =>
    sha256Of(Buffer.from(readFileSync(join(directory, `${name}.pub`), 'utf8').split(' ')[1] ?? '', 'base64'));
  const endings = new Map<string, number>();
  const bad: string[] = [];
  let longest = 0;
  let done = 0;
  const stray = (error: unknown) =>
    void bad.push(`outside of any case: ${error instanceof Error ? error.stack : error}`);
  process.on('uncaughtException', stray);
  process.on('unhandledRejection', stray);
  const transcript = await recordTranscript(hostKey, aDialer(directory, identity));
  /** As if the server had been an honest one before. */
  const known: KnownServer = {
    hello: helloIn(transcript)?.bytes.toString('base64') ?? '',
    hostKey: fingerprintOf('host'),
    identity: { key: fingerprintOf('identity'), algorithm: 'ssh-ed25519' },
    channel: { window: 1_000_000, packetSize: 32_768 },
    minds: [],
  };
  try {
    await atMost(
      24,
      Array.from({ length: cases }, (_, index) => index),
      async (index) => {
        const kind = KINDS[index % KINDS.length] as Kind;
        const server = await hostileServer(kind, { next: random(seed * 1_000_003 + index), hostKey, transcript });
        const started = Date.now();
        const own = mkdtempSync(join(directory, 'case-'));
        const dialer = aDialer(own, identity);
        // Every other server is known already, and gets all shortcuts.
        const isKnown = Math.floor(index / KINDS.length) % 2 === 1;
        if (isKnown) await serverMemory(join(own, 'cache')).keep(endpointOf(dialer, server.port), known, aCaller());
        const how = await oneCase(isKnown ? { ...dialer, dial: dialer.begin } : dialer, server.port);
        longest = Math.max(longest, Date.now() - started);
        server.close();
        endings.set(how.split('\n')[0] ?? '', (endings.get(how.split('\n')[0] ?? '') ?? 0) + 1);
        if (/^(hung|thrown)/.test(how)) bad.push(`case ${index} (${kind}): ${how}`);
        progress(++done);
      },
    );
  } finally {
    process.off('uncaughtException', stray);
    process.off('unhandledRejection', stray);
    rmSync(directory, { recursive: true, force: true });
  }
  return { endings, bad, longest };
}

function endpointOf(dialer: TestDialer, port: number, stepDeadline = STEP_DEADLINE) {
  const place = { address: '127.0.0.1', port, user: 'u' };
  return dialer.to(place, { connectTimeout: stepDeadline, keepalive: stepDeadline });
}

/** Signs in and runs a command, as far as the server lets it. */
async function oneCase(dialer: TestDialer, port: number, stepDeadline = STEP_DEADLINE): Promise<string> {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const { signal } = controller;
  const endpoint = endpointOf(dialer, port, stepDeadline);
  const hung = new Error('hung');
  try {
    return await withDeadline({ clock: realClock, ms: stepDeadline * 24, signal, expired: () => hung }, async () => {
      const link = await dialer.dial(endpoint, aCaller({ signal }));
      try {
        const remote = await link.spawn(commandScript(['true']), { signal });
        if (typeof remote === 'string') return remote;
        remote.stdout.resume();
        remote.stderr.resume();
        // A server may let a command run for ever, which is no fault.
        const closing = realClock.schedule(stepDeadline * 2, () => link.close());
        const exit = await remote.exit;
        closing();
        return exit.kind === 'lost' ? exit.cause.code : exit.kind;
      } finally {
        link.close();
      }
    });
  } catch (error) {
    if (error === hung) return 'hung';
    return error instanceof AppError ? error.code : `thrown\n${error instanceof Error ? error.stack : error}`;
  } finally {
    controller.abort(new AppError('interrupted', 'the case is over'));
  }
}

interface Hostility {
  readonly next: () => number;
  readonly hostKey: Buffer;
  /** What an honest server sent. */
  readonly transcript: Buffer;
}

async function hostileServer(kind: Kind, hostility: Hostility): Promise<{ readonly port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const server =
    kind === 'packets' ? packetServer(hostility) : createServer((socket) => byteServer(kind, hostility, socket));
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

const below = (next: () => number, limit: number) => Math.floor(next() * limit);

/** Sends noise, or what an honest server once sent with a few changes. Both may begin as SSH does. */
function byteServer(kind: 'noise' | 'transcript', { next, transcript }: Hostility, socket: Socket): void {
  const noise = (length: number) => Buffer.from(Array.from({ length }, () => below(next, 256)));
  const banner = Buffer.from('SSH-2.0-OpenSSH_9.2p1\r\n');
  const said =
    kind === 'noise'
      ? Buffer.concat([next() < 0.6 ? banner : Buffer.alloc(0), noise(below(next, 4_000))])
      : mutated(transcript, next, noise);
  let at = 0;
  const send = () => {
    if (socket.destroyed) return;
    const length = next() < 0.5 ? said.length : 1 + below(next, 600);
    socket.write(said.subarray(at, at + length));
    at += length;
    if (at < said.length) setImmediate(send);
    else if (next() < 0.7) socket.end();
  };
  send();
}

function mutated(original: Buffer, next: () => number, noise: (length: number) => Buffer): Buffer {
  let bytes = Buffer.from(original);
  for (let left = 1 + below(next, 6); left > 0; left--) {
    const at = below(next, bytes.length);
    const change = below(next, 5);
    if (change === 0) bytes[at] = below(next, 256);
    else if (change === 1) bytes = Buffer.concat([bytes.subarray(0, at), noise(below(next, 40)), bytes.subarray(at)]);
    else if (change === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(next, 40))]);
    else if (change === 3) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(below(next, at + 1))]);
    else
      bytes.writeUInt32BE(
        below(next, 2) ? 0xffffffff : below(next, 70_000),
        Math.min(at, Math.max(0, bytes.length - 4)),
      );
    if (bytes.length < 8) bytes = Buffer.concat([bytes, noise(16)]);
  }
  return bytes;
}

interface Cipher {
  encrypt(packet: Buffer): void;
}

/** An honest server whose packets are changed before they are encrypted, so that nonsense arrives at every stage with a valid MAC. */
function packetServer({ next, hostKey }: Hostility): Server {
  const rate = next() < 0.5 ? 0.15 : 0.4;
  const after = below(next, 14);
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    let count = 0;
    const protocol = (client as unknown as { _protocol: { _cipher: Cipher } })._protocol;
    let current = protocol._cipher;
    const spoiling: Cipher = {
      encrypt(packet) {
        if (count++ >= after && next() < rate)
          for (let left = 1 + below(next, 4); left > 0; left--)
            packet[5 + below(next, Math.max(1, packet.length - 25))] = below(next, 256);
        current.encrypt(packet);
      },
    };
    Object.defineProperty(protocol, '_cipher', {
      get: () =>
        new Proxy(current, {
          get: (target, name) => (name === 'encrypt' ? spoiling.encrypt : Reflect.get(target, name)),
        }),
      set: (cipher: Cipher) => {
        current = cipher;
      },
    });
    client.on('error', () => {});
    client.on('authentication', (context) =>
      context.method === 'none' || next() < 0.2 ? context.reject() : context.accept(),
    );
    client.on('session', (accept) => {
      const session = accept();
      session.on('exec', (acceptExec, reject) => {
        if (next() < 0.1) return void reject();
        const channel = acceptExec();
        channel.on('error', () => {});
        onScript(channel, (output, errors) => {
          channel.write(`\n${output}\n${'out '.repeat(below(next, 200))}`);
          channel.stderr.write(`\n${errors}\nerr`);
          channel.exit(below(next, 256));
          channel.end();
        });
      });
    });
  });
  return (server as unknown as { _srv: Server })._srv;
}

/** What the honest server sends to a client that signs in and runs a command. */
async function recordTranscript(hostKey: Buffer, dialer: TestDialer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const server = packetServer({ next: () => 0.999, hostKey, transcript: Buffer.alloc(0) });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const tap = createServer((client) => {
    const upstream = new (client.constructor as new () => Socket)().connect(port, '127.0.0.1');
    upstream.on('data', (chunk) => void chunks.push(chunk)).on('error', () => {});
    client.on('error', () => {});
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => tap.listen(0, '127.0.0.1', resolve));
  const how = await oneCase(dialer, (tap.address() as { port: number }).port, 10_000);
  tap.close();
  server.close();
  if (how !== 'exited') throw new Error(`The honest conversation ended with ${how}`);
  return Buffer.concat(chunks);
}
