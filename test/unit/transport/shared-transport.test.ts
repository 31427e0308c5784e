import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { commandScript } from '../../../src/remote/remote-script.ts';
import { sharedTransport } from '../../../src/transport/shared-transport.ts';
import type { ExitStatus, Link, RemoteProcess } from '../../../src/transport/transport.ts';
import { aCaller } from '../../support/caller.ts';
import { anEndpoint } from '../../support/endpoint.ts';

const caller = aCaller();
const { signal } = caller;
const endpoint = (label: string) => anEndpoint({ label, hostKeyAlias: label });

/** A server that allows `channels` a connection, and counts what is opened. */
function serverOf(channels: number) {
  const links: { active: number; closed: boolean }[] = [];
  const ends: (() => void)[] = [];
  const dial = async (): Promise<Link> => {
    const state = { active: 0, closed: false };
    links.push(state);
    return {
      forward: () => Promise.reject(new Error('not in this test')),
      get alive() {
        return !state.closed;
      },
      async spawn() {
        if (state.active >= channels) return 'no-channel';
        state.active++;
        const exit = new Promise<ExitStatus>((resolve) => {
          ends.push(() => {
            state.active--;
            resolve({ kind: 'exited', code: 0 });
          });
        });
        const stream = () => new PassThrough();
        return {
          stdin: stream(),
          stdout: stream(),
          stderr: stream(),
          exit,
          noise: () => '',
          resize() {},
          check() {},
          close() {},
        } satisfies RemoteProcess;
      },
      close() {
        state.closed = true;
      },
    };
  };
  return {
    links,
    ends,
    transport: sharedTransport({
      dial,
      identitiesFor: async () => ({ names: [], notes: [] }),
      knock: async () => {},
      close: () => {},
    }),
  };
}

describe('sharedTransport', () => {
  test('one connection for one endpoint, also when many ask at once', async () => {
    const { transport, links } = serverOf(10);
    await Promise.all([transport.connect(endpoint('a'), caller), transport.connect(endpoint('a'), caller)]);
    expect(links).toHaveLength(1);
    await transport.connect(endpoint('b'), caller);
    expect(links).toHaveLength(2);
  });

  test.each([
    [10, 20, 3],
    [1, 5, 5],
    [3, 7, 3],
  ])('a server with %i channels runs %i at once over %i connections', async (channels, processes, connections) => {
    const { transport, links } = serverOf(channels);
    const connection = await transport.connect(endpoint('a'), caller);
    await Promise.all(Array.from({ length: processes }, () => connection.spawn(commandScript(['true']), { signal })));
    expect(links.reduce((sum, { active }) => sum + active, 0)).toBe(processes);
    expect(links).toHaveLength(connections);
  });

  test('a channel that ended is used again', async () => {
    const { transport, links, ends } = serverOf(10);
    const connection = await transport.connect(endpoint('a'), caller);
    for (let round = 0; round < 30; round++) {
      const remote = await connection.spawn(commandScript(['true']), { signal });
      ends.pop()?.();
      await remote.exit;
    }
    expect(links).toHaveLength(1);
  });

  test('a server that allows none is an error, not a loop', async () => {
    const { transport } = serverOf(0);
    const connection = await transport.connect(endpoint('a'), caller);
    await expect(connection.spawn(commandScript(['true']), { signal })).rejects.toMatchObject({ code: 'unreachable' });
  });

  test('a server that has not cleared up after the last command is asked over another connection', async () => {
    const { transport, links, ends } = serverOf(1);
    const connection = await transport.connect(endpoint('a'), caller);
    const first = await connection.spawn(commandScript(['true']), { signal });
    ends.pop()?.();
    await first.exit;
    for (const link of links) link.active = 1;
    await connection.spawn(commandScript(['true']), { signal });
    expect(links).toMatchObject([{ closed: true }, { closed: false, active: 1 }]);
  });

  test('a link that died is replaced', async () => {
    const { transport, links } = serverOf(10);
    const connection = await transport.connect(endpoint('a'), caller);
    for (const link of links) link.closed = true;
    await connection.spawn(commandScript(['true']), { signal });
    expect(links).toHaveLength(2);
  });
});
