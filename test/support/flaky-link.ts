import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { CLI } from './fleet.ts';
import { startLab } from './lab.ts';
import { random as randomFrom } from './random.ts';

/** After this many bytes from the server, azlin is signed in. */
const SIGNED_IN = 4_000;

export interface FlakyRequest {
  readonly lines: number;
  /** How often the link breaks. */
  readonly breaks: number;
  readonly seed: number;
}

export interface FlakyResult {
  readonly exitCode: number | null;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** How often the command ran. */
  readonly runs: number;
  readonly breaks: Readonly<Record<string, number>>;
  readonly messages: string;
}

/**
 * Runs a durable command that writes numbered lines to both streams while the link to its VM breaks at random bytes: it is reset, it goes silent, or its
 * sshd is killed. Tells whether both streams arrived as they were written.
 */
export async function throughFlakyLink({ lines, breaks, seed }: FlakyRequest): Promise<FlakyResult> {
  const lab = await startLab();
  const random = randomFrom(seed);
  const hits: Record<string, number> = { cut: 0, stall: 0, killed: 0 };
  let left = breaks;
  let isFirst = true;
  const sockets = new Set<Socket>();
  try {
    const machine = await lab.start('vm');
    const span = Math.ceil((lines * 16 * 2) / breaks);
    const proxy = createServer((client) => {
      const server = createConnection({ host: machine.address, port: machine.port, noDelay: true });
      const kind = left > 0 ? (['cut', 'stall', 'killed'] as const)[Math.floor(random() * 3)] : undefined;
      // Not before the first sign-in: nothing has been started then, and azlin reports an error.
      const least = isFirst ? SIGNED_IN : 0;
      isFirst = false;
      let bytes = kind === undefined ? Number.POSITIVE_INFINITY : least + Math.floor(random() * span);
      let isStalled = false;
      for (const socket of [client, server]) {
        sockets.add(socket.setNoDelay(true));
        socket.on('error', () => {});
        socket.on('close', () => {
          sockets.delete(socket);
          if (!isStalled || socket === client) {
            client.destroy();
            server.destroy();
          }
        });
      }
      client.on('data', (chunk) => isStalled || server.write(chunk));
      server.on('data', (chunk: Buffer) => {
        if (isStalled) return;
        if (bytes >= chunk.length) {
          bytes -= chunk.length;
          return void client.write(chunk);
        }
        const passed = bytes;
        client.write(chunk.subarray(0, passed));
        bytes = Number.POSITIVE_INFINITY;
        if (kind === undefined || left-- <= 0) return void client.write(chunk.subarray(passed));
        hits[kind] = (hits[kind] ?? 0) + 1;
        if (kind === 'stall') isStalled = true;
        else if (kind === 'killed') spawnSync('pkill', ['-KILL', '-P', `${machine.pid}`]);
        else client.resetAndDestroy();
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    lab.name('vm', {
      id: 'id-of-vm',
      address: '127.0.0.1',
      port: (proxy.address() as { port: number }).port,
      user: machine.user,
    });
    const environment = { ...lab.environment('[ssh]\nconnect_timeout = "1s"\n'), AZLIN_KEEPALIVE: '200ms' };
    const part = Math.ceil(lines / 20);
    const command = `echo run >>~/runs; for from in $(seq 0 ${part} ${lines - 1}); do
      awk -v from=$from -v part=${part} 'BEGIN { for (i = from; i < from + part; i++) { printf "%07d\\n", i; printf "E%06d\\n", i > "/dev/stderr" } }'
      sleep 0.05; done; exit 7`;
    const [out, err] = [join(lab.directory, 'out'), join(lab.directory, 'err')];
    const azlin = spawn(process.execPath, [CLI, 'exec', '--quiet', '--durable', 'vm:dev', command], {
      env: environment,
    });
    const written = [pipeline(azlin.stdout, createWriteStream(out)), pipeline(azlin.stderr, createWriteStream(err))];
    const exitCode = await new Promise<number | null>((resolve) => azlin.once('close', resolve));
    // It has ended, but what it wrote may not be in the files yet.
    await Promise.all(written);
    proxy.close();
    const truth = (text: (index: number) => string) =>
      Array.from({ length: part * 20 }, (_, index) => text(index)).join('');
    const errors = readFileSync(err, 'utf8');
    const runs = join(machine.home, 'runs');
    return {
      exitCode,
      stdout: readFileSync(out, 'utf8') === truth((index) => `${`${index}`.padStart(7, '0')}\n`),
      stderr: errors === truth((index) => `E${`${index}`.padStart(6, '0')}\n`),
      runs: existsSync(runs) ? readFileSync(runs, 'utf8').split('\n').length - 1 : 0,
      breaks: hits,
      messages: errors.replace(/^E\d{6}\n/gm, '').slice(0, 2_000),
    };
  } finally {
    for (const socket of sockets) socket.destroy();
    lab.close();
  }
}
