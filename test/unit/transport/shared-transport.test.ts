import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import type { Caller } from '../../../src/domain/caller.ts';
import { commandScript } from '../../../src/remote/remote-script.ts';
import type { Endpoint } from '../../../src/transport/endpoint.ts';
import { sharedTransport } from '../../../src/transport/shared-transport.ts';
import type { Dial, ExitStatus, Link, RemoteProcess } from '../../../src/transport/transport.ts';
import { aCaller } from '../../support/caller.ts';
import { anEndpoint } from '../../support/endpoint.ts';

const caller = aCaller();
const { signal } = caller;
const SSH = anEndpoint().ssh;
const endpoint = (label: string) => anEndpoint({ label, hostKeyAlias: label });

/** A server that allows `channels` a connection, and counts what is opened. */
function serverOf(channels: number, other?: Dial) {
  const links: { active: number; closed: boolean }[] = [];
  const ends: (() => void)[] = [];
  const dial = async (): Promise<Link> => {
    const state = { active: 0, closed: false };
    links.push(state);
    return {
      forward: async () => new PassThrough().end('forwarded'),
      check() {},
      prepare() {},
      over: new Promise(() => {}),
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
      dial: other ?? dial,
      begin: other ?? dial,
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

  test.each<[string, Partial<Endpoint>]>([
    ['user', { user: 'other' }],
    ['identities', { ssh: { ...SSH, identityFiles: [{ path: '/other', source: 'azlin' }] } }],
    ['agent', { ssh: { ...SSH, agent: '/other' } }],
    ['forwarded agent', { ssh: { ...SSH, forwardAgent: '/other' } }],
    ['algorithms', { ssh: { ...SSH, weakest: { ...SSH.weakest, kex: 'curve25519-sha256' } } }],
    ['way', { route: { kind: 'command', command: 'other' } }],
    ['host key policy', { ssh: { ...SSH, hostKeys: 'strict' } }],
  ])('another %s is another connection; another label is not', async (_what, other) => {
    const { transport, links } = serverOf(10);
    await transport.connect(endpoint('a'), caller);
    await transport.connect({ ...endpoint('a'), label: 'what messages call it', notes: ['a note'] }, caller);
    expect(links).toHaveLength(1);
    await transport.connect({ ...endpoint('a'), ...other }, caller);
    expect(links).toHaveLength(2);
  });

  test('who gives up does not break off what another waits for; when nobody waits it is broken off', async () => {
    let dialled: { caller: Caller; open: (link: Link) => void }[] = [];
    const dial: Dial = (_to, who) =>
      new Promise((resolve, reject) => {
        dialled.push({ caller: who, open: resolve });
        who.signal.addEventListener('abort', () => reject(who.signal.reason));
      });
    const { transport } = serverOf(10, dial);
    const [first, second] = [new AbortController(), new AbortController()];
    const waits = [first, second].map((one) => transport.connect(endpoint('a'), aCaller({ signal: one.signal })));
    first.abort(new Error('enough'));
    await expect(waits[0]).rejects.toThrow('enough');
    expect([dialled.length, dialled[0]?.caller.signal.aborted]).toEqual([1, false]);
    second.abort(new Error('me too'));
    await expect(waits[1]).rejects.toThrow('me too');
    expect(dialled[0]?.caller.signal.aborted).toBe(true);
    // And the next one begins anew.
    dialled = [];
    const third = transport.connect(endpoint('a'), caller);
    dialled[0]?.open({ alive: true, over: new Promise(() => {}) } as Partial<Link> as Link);
    await third;
  });

  test('a stream to another host goes over the connection there is', async () => {
    const { transport, links } = serverOf(10);
    const connection = await transport.connect(endpoint('a'), caller);
    const stream = await connection.forward({ host: '10.0.0.9', port: 22 }, signal);
    expect([String(await stream.toArray()), links.length]).toEqual(['forwarded', 1]);
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
