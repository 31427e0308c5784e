import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { pause } from '../../../src/domain/clock.ts';
import { connectTcp, type Resolved } from '../../../src/transport/tcp.ts';
import { manualClock, realClock } from '../../support/clock.ts';
import { until } from '../../support/until.ts';

/** Milliseconds before the next address is tried beside one that has not answered. */
const HEAD_START = 250;

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
  { signal = new AbortController().signal, clock = realClock } = {},
) {
  const lookup = async (): Promise<readonly Resolved[]> =>
    addresses.map(([address = '', family]) => ({ address, family }));
  const socket = await connectTcp({ clock, lookup }, { host: 'name', port, family: 0 }, signal);
  sockets.push(socket);
  return socket.remoteAddress;
}

describe('the addresses of a name', () => {
  test('one that takes no notice costs a head start only', async () => {
    const clock = manualClock();
    const reached = reach(
      [
        [DEAF, 4],
        [ANSWERS, 4],
      ],
      { clock },
    );
    await until('the first attempt', () => clock.pending() > 0);
    clock.advance(HEAD_START - 1);
    expect(await Promise.race([reached, pause(realClock, 50, new AbortController().signal)])).toBeUndefined();
    clock.advance(1);
    expect(await reached).toBe(ANSWERS);
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
    const clock = manualClock();
    // Where IPv6 leads nowhere, its second address must not come before IPv4.
    const reached = reach(
      [
        [DEAF, 6],
        [DEAF, 6],
        [DEAF, 6],
        [ANSWERS, 4],
      ],
      { clock },
    );
    await until('the first attempt', () => clock.pending() > 0);
    clock.advance(HEAD_START);
    expect(await reached).toBe(ANSWERS);
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
    const reaching = reach([[DEAF, 4]], controller);
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
