import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { HistoryEntry, RegistryEvent } from '../../../src/registry/record.ts';
import type { RecordsTogether, Registry } from '../../../src/registry/types.ts';
import { aRegistry, BACKENDS, closeRegistries, closeServer, type TestRegistry } from '../../support/registries.ts';
import { until } from '../../support/until.ts';

/* What every backend promises. */

afterEach(closeRegistries);
afterAll(closeServer);

const MINUTE = 60_000;
/** The first events behind a sequence. */
async function eventsOf(registry: Registry, count: number, after = 0): Promise<readonly RegistryEvent[]> {
  const found: RegistryEvent[] = [];
  if (count === 0) return found;
  for await (const event of registry.events({ after })) {
    found.push(event);
    if (found.length === count) break;
  }
  return found;
}

describe.each(BACKENDS)('%s', (kind) => {
  const make = (settings?: Parameters<typeof aRegistry>[1]): Promise<TestRegistry> => aRegistry(kind, settings);

  test('a record is what was given, with a life of its own', async () => {
    const { registry, clock } = await make();
    const made = await registry.create({ metadata: { user_id: 'alice', request_count: 1 } });
    expect(made).toEqual({
      ...{ id: expect.stringMatching(/^[0-9a-f-]{36}$/), version: 1, ttl: MINUTE, reconnectCount: 0 },
      metadata: { user_id: 'alice', request_count: 1 },
      ...{ createdAt: clock.now(), updatedAt: clock.now(), accessedAt: clock.now() },
    });
    clock.advance(10);
    expect(await registry.get(made.id)).toEqual({ ...made, accessedAt: clock.now() });
    const named = await registry.create({ id: 'vm:dev', ttl: Number.POSITIVE_INFINITY });
    expect(named).toMatchObject({ id: 'vm:dev', ttl: null, metadata: {} });
    await expect(registry.create({ id: 'vm:dev' })).rejects.toMatchObject({ code: 'usage' });
    expect(await registry.get('nobody')).toBeUndefined();
  });

  test('a change is one version, and nobody else’s change is lost', async () => {
    const { registry, another } = await make();
    const { id } = await registry.create({ metadata: { count: 0 } });
    const two = await another();
    const more = (one: Registry) => one.update(id, ({ count }) => ({ count: Number(count) + 1 }));
    await Promise.all(Array.from({ length: 40 }, (_, at) => more(at % 2 ? registry : two)));
    expect(await registry.get(id)).toMatchObject({ version: 41, metadata: { count: 40 } });
  });

  test('its time counts from its last use', async () => {
    const { registry, clock } = await make();
    const { id } = await registry.create();
    await registry.create({ id: 'unused' });
    for (let number = 0; number < 5; number++) {
      clock.advance(MINUTE - 1);
      expect(await registry.get(id)).toBeDefined();
    }
    expect(await registry.get('unused')).toBeUndefined();
    expect(await registry.expire()).toBe(1);
    expect(await registry.touch(id)).toBe(true);
    expect(await registry.touch('unused')).toBe(false);
    clock.advance(MINUTE);
    expect(await registry.get(id)).toBeUndefined();
    expect((await registry.list()).records).toEqual([]);
    expect(await registry.expire()).toBe(1);
    expect(await registry.expire()).toBe(0);
    expect(await registry.stats()).toMatchObject({ total: 0, expiredLast: 0, expiredInAll: 2 });
    // One that has expired, but is not removed yet, does not block its id.
    await registry.create({ id: 'again' });
    clock.advance(MINUTE);
    expect(await registry.create({ id: 'again' })).toMatchObject({ version: 1, createdAt: clock.now() });
  });

  test('a look is no use', async () => {
    const { registry, clock } = await make();
    const made = await registry.create({ id: 'seen' });
    clock.advance(MINUTE - 1);
    expect(await registry.peek('seen')).toEqual(made);
    clock.advance(1);
    expect(await registry.peek('seen')).toBeUndefined();
    expect(await registry.get('seen')).toBeUndefined();
    await expect(registry.peek('no id')).rejects.toMatchObject({ code: 'usage' });
  });

  test('whoever is silent for 300 s is gone a minute later, however rarely it is cleaned up', async () => {
    const { registry, clock } = await make({ ttl: 400_000, cleanUpEvery: 600_000 });
    await registry.create({ id: 'silent' });
    const reason = async () => (await registry.list()).records[0]?.disconnected?.reason;
    for (let minute = 1; minute <= 5; minute++) {
      expect(await reason()).toBeUndefined();
      clock.advance(MINUTE);
      // What is due has run when the next one is scheduled.
      await until('the look', async () => clock.pending() > 0);
    }
    await until('it to be noticed', async () => (await reason()) === 'timeout_no_activity');
    // That it has expired is for the next clean-up.
    clock.advance(2 * MINUTE);
    await until('the next look', async () => clock.pending() > 0);
    const kinds = async () => (await registry.history()).map(({ kind }) => kind);
    expect(await kinds()).toEqual(['created', 'disconnected']);
    for (let minute = 8; minute <= 10; minute++) {
      clock.advance(MINUTE);
      await until('a look', async () => clock.pending() > 0);
    }
    await until('the clean-up', async () => (await kinds()).at(-1) === 'expired');
  });

  test('what one has used, others do not remove', async () => {
    const { registry, another, clock } = await make();
    const two = await another();
    const { id } = await registry.create();
    clock.advance(50_000);
    await registry.get(id);
    // It is written down after a tenth of the time to live.
    clock.advance(6_000);
    await until('it to be written down', async () => (await two.list()).records[0]?.accessedAt === clock.now() - 6_000);
    clock.advance(10_000);
    expect(await two.expire()).toBe(0);
    expect(await two.get(id)).toMatchObject({ id });
  });

  test('times to live: changed, for ever, and nonsense', async () => {
    const { registry, clock } = await make();
    const { id } = await registry.create();
    expect(await registry.setTtl(id, 5 * MINUTE)).toMatchObject({ ttl: 5 * MINUTE, version: 2 });
    clock.advance(4 * MINUTE);
    expect(await registry.setTtl(id, Number.POSITIVE_INFINITY)).toMatchObject({ ttl: null });
    clock.advance(1_000 * MINUTE);
    expect(await registry.expire()).toBe(0);
    for (const ttl of [0, -1, Number.NaN, '5' as never, undefined as never, 1e15])
      await expect(registry.setTtl(id, ttl)).rejects.toMatchObject({ code: 'usage' });
    await expect(registry.setTtl('nobody', 5)).rejects.toMatchObject({ code: 'session-not-found' });
    // It has been silent, but it is there.
    expect(await registry.get(id)).toMatchObject({ ttl: null, disconnected: { reason: 'timeout_no_activity' } });
  });

  test('bad input is an error, and nothing is half written', async () => {
    const { registry } = await make();
    const { id } = await registry.create({ metadata: { a: 1 } });
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    const bad = [null, [], 'text', circle, { big: 'x'.repeat(65_536) }, { nul: 'a\0b' }, { half: '\ud800' }, { n: 1n }];
    for (const metadata of bad) {
      await expect(registry.create({ metadata: metadata as never })).rejects.toMatchObject({ code: 'usage' });
      await expect(registry.update(id, () => metadata as never)).rejects.toMatchObject({ code: 'usage' });
    }
    await expect(
      registry.update(id, () => {
        throw new Error('mine');
      }),
    ).rejects.toThrow('mine');
    for (const odd of ['', 'a b', 'x'.repeat(129), '../x', 7 as never, "'; DROP TABLE azlin_records; --"])
      await expect(registry.get(odd)).rejects.toMatchObject({ code: 'usage' });
    await expect(registry.update('nobody', (same) => same)).rejects.toMatchObject({ code: 'session-not-found' });
    expect(await registry.delete('nobody')).toBe(false);
    expect((await registry.list()).records).toMatchObject([{ id, version: 1, metadata: { a: 1 } }]);
    expect(await eventsOf(registry, 1)).toMatchObject([{ kind: 'created' }]);
    // As large as may be, and all that JSON can hold.
    const most = { big: 'x'.repeat(65_536 - 10) };
    expect((await registry.update(id, () => most)).metadata).toEqual(most);
    const odd = { 'quote"': "it's", 'ü€🙂': [1, 1.5, null, { deep: true }], '\\u0000': '\\ud800', empty: '' };
    await registry.update(id, () => odd);
    expect((await registry.get(id))?.metadata).toEqual(odd);
  });

  test('lists: pages in the order of creation, filtered, complete', async () => {
    const { registry, clock } = await make({ ttl: null });
    for (let number = 0; number < 25; number++) {
      await registry.create({
        id: `s-${number}`,
        metadata: { n: number, even: number % 2 === 0, who: `user-${number % 3}` },
      });
      if (number % 4 === 0) clock.advance(1);
    }
    const ids: string[] = [];
    for (let after: string | undefined, isMore = true; isMore; ) {
      const page = await registry.list({ limit: 7, after });
      ids.push(...page.records.map((one) => one.id));
      after = page.next;
      isMore = after !== undefined;
    }
    expect(new Set(ids).size).toBe(25);
    expect(ids).toHaveLength(25);
    const found = async (where: Record<string, string | number | boolean>) =>
      (await registry.list({ where })).records.map((one) => one.metadata['n']).sort((a, b) => Number(a) - Number(b));
    expect(await found({ who: 'user-1' })).toEqual([1, 4, 7, 10, 13, 16, 19, 22]);
    expect(await found({ who: 'user-1', even: true })).toEqual([4, 10, 16, 22]);
    // What is written alike is not the same.
    expect([await found({ n: 1 }), await found({ n: '1' }), await found({ even: 1 })]).toEqual([[1], [], []]);
    await registry.disconnect('s-3', 'client_disconnect');
    expect((await registry.list({ isConnected: false })).records.map(({ id }) => id)).toEqual(['s-3']);
    expect((await registry.list({ isConnected: true, limit: 1_000 })).records).toHaveLength(24);
    for (const query of [{ limit: 0 }, { limit: 1_001 }, { after: 'x' }, { where: { 'a.b': 1 } }])
      await expect(registry.list(query)).rejects.toMatchObject({ code: 'usage' });
  });

  test('several things together: all of them or nothing', async () => {
    const { registry } = await make();
    await registry.create({ id: 'a', metadata: { left: 10 } });
    await registry.create({ id: 'b', metadata: { left: 0 } });
    const move = (amount: number) =>
      registry.transaction(async (together) => {
        await together.update('a', ({ left }) => ({ left: Number(left) - amount }));
        const { metadata } = await together.update('b', ({ left }) => ({ left: Number(left) + amount }));
        if (Number(metadata['left']) > 10) throw new Error('too much');
        return metadata['left'];
      });
    expect(await move(4)).toBe(4);
    await expect(move(7)).rejects.toThrow('too much');
    await Promise.all([move(1), move(1), move(1)]);
    const left = async (id: string) => (await registry.get(id))?.metadata['left'];
    expect([await left('a'), await left('b')]).toEqual([3, 7]);
    await expect(
      registry.transaction(async (together) => {
        await together.delete('a');
        await together.create({ id: 'c' });
        await together.create({ id: 'b' });
      }),
    ).rejects.toMatchObject({ code: 'usage' });
    expect((await registry.list()).records.map(({ id }) => id)).toEqual(['a', 'b']);
    expect((await eventsOf(registry, 10)).map(({ kind, id }) => `${kind} ${id}`)).toEqual([
      ...['created a', 'created b'],
      ...Array.from({ length: 4 }, () => ['updated a', 'updated b']).flat(),
    ]);
  });

  test('what is left running when a transaction has ended does nothing any more', async () => {
    const { registry } = await make();
    const late: Promise<unknown>[] = [];
    let kept: RecordsTogether | undefined;
    await expect(
      registry.transaction(async (together) => {
        kept = together;
        const branch = async () => {
          for (const id of ['one', 'two', 'three']) await together.create({ id });
        };
        late.push(branch().catch(() => {}));
        await Promise.all([together.create({ id: 'good' }), together.create({ id: 'bad id' })]);
      }),
    ).rejects.toMatchObject({ code: 'usage' });
    await Promise.all(late);
    await expect(kept?.create({ id: 'late' })).rejects.toMatchObject({ code: 'usage' });
    expect((await registry.list()).records).toEqual([]);
    // What the caller throws comes out as it is, and is not tried again, whatever it says.
    for (const text of ['upstream timeout', 'terminated', 'ECONNRESET']) {
      let times = 0;
      const mine = Object.assign(new Error(text), { code: text });
      const failing = registry.transaction(async () => {
        times++;
        throw mine;
      });
      await expect(failing).rejects.toBe(mine);
      expect(times).toBe(1);
    }
  });

  test('the registry itself is not for inside of a transaction', async () => {
    const { registry } = await make();
    await registry.create({ id: 'x' });
    for (const nested of [() => registry.get('x'), () => registry.update('x', (same) => same), () => registry.list()])
      await expect(registry.transaction(nested as never)).rejects.toMatchObject({ code: 'usage' });
    expect(await registry.get('x')).toMatchObject({ version: 1 });
  });

  test('nobody changes what is kept by changing what they were given', async () => {
    const { registry } = await make();
    await registry.create({ id: 'x', metadata: { list: [1], deep: { a: 1 } } });
    const spoil = registry.update('x', (metadata) => {
      (metadata['list'] as number[]).push(2);
      return metadata;
    });
    await expect(spoil).rejects.toThrow(TypeError);
    const found = await registry.get('x');
    expect(() => Object.assign(found?.metadata['deep'] as object, { a: 2 })).toThrow(TypeError);
    for (const change of [async () => ({ a: 1 }), () => new Date(), () => ({ toJSON: () => 'text' }), () => undefined])
      await expect(registry.update('x', change as never)).rejects.toMatchObject({ code: 'usage' });
    expect((await registry.get('x'))?.metadata).toEqual({ list: [1], deep: { a: 1 } });
  });

  test('one that others use is there for whoever has read it before', async () => {
    const { registry, another, clock } = await make({ ttl: 5_000 });
    const two = await another();
    const { id } = await registry.create();
    await two.get(id);
    for (let number = 0; number < 8; number++) {
      clock.advance(1_000);
      expect(await registry.get(id)).toBeDefined();
    }
    await until(
      'it to be written down',
      async () => Number((await two.list()).records[0]?.accessedAt) > clock.now() - 2_000,
    );
    expect(await two.get(id)).toMatchObject({ id });
    expect(await two.expire()).toBe(0);
    // Uses inside of transactions count, too.
    for (let number = 0; number < 8; number++) {
      clock.advance(4_000);
      expect(await registry.transaction(async (together) => together.get(id))).toBeDefined();
    }
  });

  test('is over when it is closed: calls, subscribers, and a second close', async () => {
    const { registry } = await make();
    await registry.create({ id: 'x' });
    const waiting = registry.events()[Symbol.asyncIterator]();
    const next = waiting.next();
    const returned = registry.events()[Symbol.asyncIterator]();
    const other = returned.next();
    await new Promise(setImmediate);
    await returned.return?.();
    expect(await other).toMatchObject({ done: true });
    await registry.close();
    expect(await next).toMatchObject({ done: true });
    await registry.close();
    for (const call of [
      () => registry.get('x'),
      () => registry.create(),
      () => registry.list(),
      () => registry.stats(),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'registry-failed' });
  });

  test('whoever is too slow for the events that are kept is told', async () => {
    const { registry, clock } = await make({ ttl: null });
    await registry.create({ id: 'x' });
    const slow = registry.events({ after: 0 })[Symbol.asyncIterator]();
    expect((await slow.next()).value).toMatchObject({ sequence: 1 });
    await registry.create({ id: 'y' });
    clock.advance(86_400_001);
    await registry.expire();
    await registry.create({ id: 'z' });
    await expect(slow.next()).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('are no longer kept'),
    });
  });

  test('numbers as JSON has them, and a rate that divides badly', async () => {
    const { registry } = await make({ rate: { calls: 7, per: 1_000 } });
    await registry.create({ id: 'x', metadata: { n: 1e21, small: 1e-7 } });
    expect((await registry.list({ where: { n: 1e21 } })).records).toHaveLength(1);
    expect((await registry.list({ where: { small: 1e-7 } })).records).toHaveLength(1);
    const calls = [];
    for (let number = 0; number < 8; number++) calls.push((await registry.allow('x')).allowed);
    expect(calls).toEqual([true, true, true, true, true, true, true, false]);
    await expect(registry.token('x', Number.POSITIVE_INFINITY)).rejects.toMatchObject({ code: 'usage' });
    await expect(registry.list(null as never)).rejects.toMatchObject({ code: 'usage' });
    await expect(registry.list({ where: null as never })).rejects.toMatchObject({ code: 'usage' });
  });

  test('events: each once, in order, from a sequence, also those of others', async () => {
    const { registry, another, clock } = await make();
    const two = await another();
    const stop = new AbortController();
    const heard: string[] = [];
    const following = (async () => {
      for await (const { sequence, kind, id } of two.events({ signal: stop.signal, after: 0 }))
        heard.push(`${sequence} ${kind} ${id}`);
    })();
    await registry.create({ id: 'x' });
    await registry.update('x', (same) => same);
    await two.disconnect('x', 'error');
    await registry.delete('x');
    await registry.create({ id: 'y', ttl: 1_000 });
    clock.advance(1_000);
    await registry.expire();
    const all = ['1 created x', '2 updated x', '3 disconnected x', '4 deleted x', '5 created y', '6 expired y'];
    await until('all to be heard', () => heard.length >= all.length);
    stop.abort();
    await following;
    expect(heard).toEqual(all);
    expect((await eventsOf(registry, 2, 4)).map(({ sequence }) => sequence)).toEqual([5, 6]);
    const kinds: string[] = [];
    for await (const { kind } of registry.events({ after: 0, kinds: ['deleted', 'expired'] })) {
      kinds.push(kind);
      if (kinds.length === 2) break;
    }
    expect(kinds).toEqual(['deleted', 'expired']);
    await expect(eventsOf(registry, 1, 7)).rejects.toMatchObject({ code: 'usage' });
    // After a day they are forgotten, and whoever wants them is told.
    clock.advance(86_400_001);
    await registry.expire();
    await registry.create({ id: 'z' });
    await expect(eventsOf(registry, 1, 4)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('are no longer kept'),
    });
    expect(await eventsOf(registry, 1, 6)).toMatchObject([{ sequence: 7, kind: 'created', id: 'z' }]);
  });

  test('whoever has the token comes back, once', async () => {
    const { registry, clock } = await make({ ttl: null });
    await registry.create({ id: 'x' });
    expect(await registry.reconnect('x', 'guess')).toEqual({ refused: 'token_mismatch' });
    const { token, expiresAt } = await registry.token('x', 15 * MINUTE);
    expect(expiresAt).toBe(clock.now() + 15 * MINUTE);
    await registry.disconnect('x', 'client_disconnect');
    const all = await Promise.all(Array.from({ length: 20 }, () => registry.reconnect('x', token)));
    const won = all.filter(({ refused }) => refused === undefined);
    expect(won).toHaveLength(1);
    expect(new Set(all.map(({ refused }) => refused))).toEqual(new Set([undefined, 'token_mismatch']));
    const [winner] = won;
    if (!winner || winner.refused) throw new Error('nobody');
    expect(winner.record).toMatchObject({ reconnectCount: 1 });
    expect(winner.record.disconnected).toBeUndefined();
    // Those who lost are not taken for guessers, and the new token is good.
    const next = await registry.reconnect('x', winner.token);
    expect(next).toMatchObject({ record: { reconnectCount: 2 } });
    clock.advance(16 * MINUTE);
    expect(await registry.reconnect('x', next.refused ? '' : next.token)).toEqual({ refused: 'token_expired' });
  });

  test('guesses, and sessions that have ended', async () => {
    const { registry, clock } = await make();
    await registry.create({ id: 'x' });
    const { token } = await registry.token('x');
    const guesses = [];
    for (let number = 0; number < 5; number++) guesses.push((await registry.reconnect('x', `guess ${number}`)).refused);
    expect(guesses).toEqual([...Array.from({ length: 4 }, () => 'token_mismatch'), 'too_many_attempts']);
    expect(await registry.reconnect('x', token)).toEqual({ refused: 'too_many_attempts' });
    const fresh = await registry.token('x');
    expect(await registry.reconnect('x', fresh.token)).toMatchObject({ record: { id: 'x' } });
    await registry.delete('x');
    expect(await registry.reconnect('x', token)).toEqual({ refused: 'session_closed' });
    expect(await registry.reconnect('never', token)).toEqual({ refused: 'session_not_found' });
    await registry.create({ id: 'late' });
    clock.advance(MINUTE);
    expect(await registry.reconnect('late', token)).toEqual({ refused: 'session_closed' });
  });

  test('a rate for each session', async () => {
    const { registry, clock } = await make();
    await registry.create({ id: 'x' });
    await registry.create({ id: 'y' });
    const calls = async (id: string) => {
      const { allowed } = await registry.allow(id);
      return allowed;
    };
    expect([await calls('x'), await calls('x'), await calls('x'), await calls('x')]).toEqual([true, true, true, false]);
    expect(await calls('y')).toBe(true);
    const refused = await registry.allow('x');
    expect(refused).toEqual({ allowed: false, retryAfterMs: 334 });
    clock.advance(334);
    expect(await calls('x')).toBe(true);
    expect(await calls('x')).toBe(false);
    // A clock that was set back does not block anybody.
    clock.advance(-3_600_000);
    expect(await calls('x')).toBe(true);
  });

  test('the history has each thing once, whoever has seen it', async () => {
    const { registry, another, clock } = await make();
    const two = await another();
    const entry: HistoryEntry = {
      ...{
        what: 'attached',
        hostname: 'myvm',
        vm: 'id-1',
        user: 'azureuser',
        session: 'dev',
        tmuxId: '$3',
        who: 'bob',
      },
      ...{ seenBy: 'alice@laptop', key: '' },
    };
    const at = clock.now();
    const desk = (one: Partial<HistoryEntry> = {}) => ({ ...entry, ...one, seenBy: 'carol@desk' });
    let made = 0;
    const noted = (isSeen: boolean) => (ms: number, one: HistoryEntry) => [
      { at: at + ms, isSeen, entry: { ...one, key: `${++made}` } },
    ];
    const [seen, done] = [noted(true), noted(false)];
    // Bob attaches twice. The second desk sees the second time first.
    await registry.note(seen(0, entry));
    await two.note(seen(900, desk()));
    await two.note(seen(1_900, desk()));
    await registry.note(seen(2_100, entry));
    // Who has closed it is known to whoever did it; both also see it.
    await registry.note(done(3_000, { ...entry, what: 'closed', who: 'alice@laptop' }));
    await registry.note(seen(3_400, { ...entry, what: 'closed', who: undefined }));
    await two.note(seen(3_500, desk({ what: 'closed', who: undefined })));
    // Another session, another tmux server, the same again much later, and what nobody else can see.
    await two.note([
      ...seen(4_000, desk({ session: 'web' })),
      ...seen(4_000, desk({ user: 'bob' })),
      ...seen(60_000, desk()),
    ]);
    const ran: HistoryEntry = { ...entry, what: 'ran', program: 'make' };
    const last = done(61_001, ran);
    // The last one twice: it was written although the answer did not come.
    for (const one of [done(61_000, ran), done(61_001, ran), last, last]) await registry.note(one);
    const events = await registry.history({ kinds: ['history'] });
    expect(
      events.map((event) => event.kind === 'history' && [event.entry.what, event.entry.seenBy, event.at - at]),
    ).toEqual([
      ['attached', 'alice@laptop', 0],
      ['attached', 'carol@desk', 1_900],
      ['closed', 'alice@laptop', 3_000],
      ['attached', 'carol@desk', 4_000],
      ['attached', 'carol@desk', 4_000],
      ['attached', 'carol@desk', 60_000],
      ['ran', 'alice@laptop', 61_000],
      ['ran', 'alice@laptop', 61_001],
      ['ran', 'alice@laptop', 61_001],
    ]);
    expect(await eventsOf(two, 9)).toEqual(events);
  });

  test('what is the same only at first sight is not left out of the history', async () => {
    const { registry, another, clock } = await make();
    const two = await another();
    const at = clock.now();
    let made = 0;
    const note = (to: typeof two, ms: number, what: HistoryEntry['what'] = 'attached') => {
      const where = { hostname: 'vm', vm: 'v', user: 'u', session: 'dev', who: 'bob', seenBy: 'x', key: `${++made}` };
      return to.note([{ at: at + ms, isSeen: true, entry: { what, ...where } }]);
    };
    const told = async () =>
      (await registry.history()).map((one) => one.kind === 'history' && [one.entry.what, one.at - at]);
    await note(registry, 0);
    // Another thing, and the same a minute later, by one who has seen nothing before.
    await note(two, 1_000, 'detached');
    await note(two, 60_000);
    // What was written late is about another time.
    await note(two, -3_600_000);
    await note(registry, -1_800_000);
    expect(await told()).toEqual([
      ['attached', 0],
      ['detached', 1_000],
      ['attached', 60_000],
      ['attached', -3_600_000],
      ['attached', -1_800_000],
    ]);
    // Each of the two has seen both of these: what one has seen long ago does not count for now.
    for (const ms of [120_000, 180_000]) for (const one of [registry, two]) await note(one, ms);
    expect((await told()).slice(5)).toEqual([
      ['attached', 120_000],
      ['attached', 180_000],
    ]);
  });

  test('many long names in many scripts', async () => {
    const { registry, another, clock } = await make();
    const two = await another();
    const events = two.events()[Symbol.asyncIterator]();
    const next = events.next();
    const noted = Array.from({ length: 40 }, (_, at) => ({
      at: clock.now() + at,
      isSeen: true,
      entry: {
        ...{ what: 'created' as const, hostname: 'vm', vm: 'v', user: 'u', session: `${'会議室 '.repeat(25)}${at}` },
        ...{ seenBy: 'x', key: `${at}` },
      } as const,
    }));
    await registry.note(noted);
    expect(await registry.history({ kinds: ['history'] })).toHaveLength(40);
    expect((await next).value).toMatchObject({ kind: 'history' });
    await events.return?.();
  });

  test('names in the history are words in a line, whatever they were', async () => {
    const { registry, clock } = await make();
    const half = '\ud83d';
    const entry = {
      what: 'renamed',
      hostname: 'a\nb',
      vm: 'v',
      user: 'u',
      session: `\u001b[31m${half}`,
      ...{ seenBy: 'x', key: '1' },
    } as const;
    await registry.note([{ at: clock.now(), isSeen: true, entry: { ...entry, before: 'y'.repeat(1_000) } }]);
    const [event] = await registry.history();
    const { hostname, session, before } = (event?.kind === 'history' && event.entry) as HistoryEntry;
    expect(`${hostname}${session}`).not.toMatch(/\p{C}/u);
    expect(before?.length).toBeLessThanOrEqual(200);
  });

  test('what has happened: of a session, since a time, the latest, page by page', async () => {
    const { registry, clock } = await make();
    const since = clock.now() + 5;
    for (let at = 0; at < 10; at++) {
      await registry.create({ id: `s${at}` });
      clock.advance(1);
    }
    await registry.delete('s3');
    const ids = (events: readonly RegistryEvent[]) => events.map(({ id }) => id);
    expect(ids(await registry.history({ id: 's3' }))).toEqual(['s3', 's3']);
    expect(ids(await registry.history({ since }))).toEqual(['s5', 's6', 's7', 's8', 's9', 's3']);
    expect(ids(await registry.history({ limit: 2 }))).toEqual(['s9', 's3']);
    expect(ids(await registry.history({ after: 0, limit: 2 }))).toEqual(['s0', 's1']);
    expect(ids(await registry.history({ after: 9, kinds: ['created'] }))).toEqual(['s9']);
    for (const limit of [0, -1, 1.5])
      await expect(registry.history({ limit })).rejects.toMatchObject({ code: 'usage' });
  });

  test('all is well with its place', async () => {
    const { registry } = await make();
    const found = await registry.examine();
    expect(found.length).toBeGreaterThan(0);
    expect(found.filter(({ status }) => status === 'failed')).toEqual([]);
  });

  test('a clock that is set back: time counts from then on', async () => {
    const { registry, clock } = await make({ ttl: 10 * MINUTE });
    await registry.create({ id: 'before' });
    clock.advance(-60 * MINUTE);
    expect(await registry.expire()).toBe(0);
    expect(await registry.peek('before')).toMatchObject({ accessedAt: clock.now() });
    expect((await registry.health()).ages).toEqual({ healthy: 1, aging: 0, stale: 0 });
    clock.advance(6 * MINUTE);
    await registry.expire();
    expect((await registry.peek('before'))?.disconnected?.reason).toBe('timeout_no_activity');
    clock.advance(4 * MINUTE);
    expect(await registry.expire()).toBe(1);
  });

  test('health: who is there, since when, and what happened', async () => {
    const { registry, clock } = await make({ ttl: null });
    for (const id of ['stale', 'aging', 'healthy']) {
      await registry.create({ id });
      if (id !== 'healthy') clock.advance(5.5 * MINUTE);
    }
    await registry.create({ id: 'gone' });
    await registry.disconnect('gone', 'client_disconnect');
    const health = await registry.health();
    expect(health).toMatchObject({
      ...{ active: 3, disconnected: 1, total: 4 },
      ages: { healthy: 1, aging: 1, stale: 1 },
      lastDay: { created: 4, perHour: 4 / 24, meanDuration: 0, disconnectRate: 1 / 4 },
    });
    expect(health.recent[0]).toMatchObject({ kind: 'disconnected', id: 'gone' });
    // Nobody has been heard of for five minutes.
    clock.advance(MINUTE);
    await registry.get('healthy');
    await registry.expire();
    const { records } = await registry.list();
    expect(records.map(({ id, disconnected }) => [id, disconnected?.reason])).toEqual([
      ['stale', 'timeout_no_activity'],
      ['aging', 'timeout_no_activity'],
      ['gone', 'client_disconnect'],
      ['healthy', undefined],
    ]);
    await registry.delete('gone');
    expect((await registry.health()).lastDay.meanDuration).toBe(MINUTE);
  });

  test('does what a model does, whatever happens in whatever order', async () => {
    const operation = fc.oneof(
      fc.record({ do: fc.constant('create' as const), id: fc.nat(5), ttl: fc.integer({ min: 1, max: 100 }) }),
      fc.record({ do: fc.constantFrom('get', 'update', 'delete', 'disconnect', 'expire'), id: fc.nat(5) }),
      fc.record({ do: fc.constant('setTtl' as const), id: fc.nat(5), ttl: fc.integer({ min: 1, max: 100 }) }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 60 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (operations) => {
        const { registry, clock } = await make({ ttl: null });
        const model = new Map<string, { ttl: number; used: number; count: number; version: number }>();
        const alive = (id: string) => {
          const one = model.get(id);
          return one && one.used + one.ttl > clock.now() ? one : undefined;
        };
        for (const one of operations) {
          const id = `s${'id' in one ? one.id : ''}`;
          const known = alive(id);
          const done = async (work: Promise<unknown>) => {
            const ok = await work.then(
              () => true,
              () => false,
            );
            expect({ one, ok }).toEqual({ one, ok: known !== undefined });
          };
          if (one.do === 'wait') clock.advance(one.ms);
          else if (one.do === 'expire') {
            const dead = [...model.keys()].filter((key) => !alive(key));
            expect(await registry.expire()).toBe(dead.length);
            for (const key of dead) model.delete(key);
          } else if (one.do === 'create') {
            const isMade = await registry.create({ id, ttl: one.ttl, metadata: { count: 0 } }).then(
              () => true,
              () => false,
            );
            expect(isMade).toBe(!known);
            if (isMade) model.set(id, { ttl: one.ttl, used: clock.now(), count: 0, version: 1 });
          } else if (one.do === 'get') {
            expect((await registry.get(id))?.metadata['count']).toBe(known?.count);
            if (known) known.used = clock.now();
          } else if (one.do === 'update') {
            await done(registry.update(id, ({ count }) => ({ count: Number(count) + 1 })));
            if (known) Object.assign(known, { used: clock.now(), count: known.count + 1, version: known.version + 1 });
          } else if (one.do === 'setTtl') {
            await done(registry.setTtl(id, one.ttl));
            if (known) Object.assign(known, { used: clock.now(), ttl: one.ttl });
          } else if (one.do === 'delete') {
            expect(await registry.delete(id)).toBe(known !== undefined);
            if (known) model.delete(id);
          } else await done(registry.disconnect(id, 'error'));
        }
        const left = (await registry.list({ limit: 1_000 })).records.map(({ id, metadata }) => [id, metadata['count']]);
        const expected = [...model].filter(([id]) => alive(id)).map(([id, { count }]) => [id, count]);
        expect(new Map(left as [string, number][])).toEqual(new Map(expected as [string, number][]));
        await closeRegistries();
      }),
      { numRuns: { memory: 200, disk: 25, cluster: 10 }[kind] },
    );
  }, 60_000);
});
