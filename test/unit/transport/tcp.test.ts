import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { connectTcp, type Resolved } from '../../../src/transport/tcp.ts';
import { realClock } from '../../support/clock.ts';

/*
 * One port, several addresses of loopback: one answers, one refuses, one takes no notice (its queue is full and nobody empties it).
 */
let server: Server;
let port = 0;
let deaf: ChildProcess;
const fillers: Socket[] = [];
beforeAll(async () => {
  server = createServer((socket) => void socket.on('error', () => {})).listen(0, '127.22.0.1');
  await once(server, 'listening');
  port = (server.address() as { port: number }).port;
  deaf = spawn(
    process.execPath,
    [
      '-e',
      `require('net').createServer().listen({ port: ${port}, host: '127.22.0.2', backlog: 1 }, () => console.log('up'))`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(deaf.stdout as NodeJS.ReadableStream, 'data');
  deaf.kill('SIGSTOP');
  for (let index = 0; index < 4; index++) {
    const socket = connect({ port, host: '127.22.0.2' }).on('error', () => {});
    fillers.push(socket);
    await Promise.race([
      once(socket, 'connect'),
      new Promise((resolve) => realClock.schedule(300, () => resolve(undefined))),
    ]);
  }
});
afterAll(() => {
  for (const socket of fillers) socket.destroy();
  deaf.kill('SIGKILL');
  server.close();
});

const [ANSWERS, DEAF, REFUSES] = ['127.22.0.1', '127.22.0.2', '127.22.0.3'];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

async function reach(
  addresses: readonly (readonly [string | undefined, 4 | 6])[],
  signal = new AbortController().signal,
) {
  const lookup = async (): Promise<readonly Resolved[]> =>
    addresses.map(([address = '', family]) => ({ address, family }));
  const socket = await connectTcp({ clock: realClock, lookup }, { host: 'name', port, family: 0 }, signal);
  sockets.push(socket);
  return socket.remoteAddress;
}

describe('the addresses of a name', () => {
  test('one that takes no notice costs a head start only', async () => {
    const started = Date.now();
    expect(
      await reach([
        [DEAF, 4],
        [ANSWERS, 4],
      ]),
    ).toBe(ANSWERS);
    const took = Date.now() - started;
    expect([took >= 240, took < 2_000]).toEqual([true, true]);
  });

  test('one that refuses costs nothing', async () => {
    expect(
      await reach([
        [REFUSES, 4],
        [REFUSES, 4],
        [ANSWERS, 4],
      ]),
    ).toBe(ANSWERS);
  });

  test('the families take turns', async () => {
    const started = Date.now();
    // Where IPv6 leads nowhere, its second address must not come before IPv4.
    expect(
      await reach([
        [DEAF, 6],
        [DEAF, 6],
        [DEAF, 6],
        [ANSWERS, 4],
      ]),
    ).toBe(ANSWERS);
    expect(Date.now() - started).toBeLessThan(700);
  });

  test('when none answers, the error of all of them, or what each said', async () => {
    await expect(
      reach([
        [REFUSES, 4],
        [REFUSES, 4],
      ]),
    ).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(reach([])).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  test('who is told to stop does so at once, also while a name is looked up', async () => {
    const controller = new AbortController();
    const reaching = reach([[DEAF, 4]], controller.signal);
    controller.abort(new Error('enough'));
    await expect(reaching).rejects.toThrow('enough');
    const never = connectTcp(
      { clock: realClock, lookup: () => new Promise(() => {}) },
      { host: 'name', port, family: 0 },
      AbortSignal.abort(new Error('enough')),
    );
    await expect(never).rejects.toThrow('enough');
  });
});
