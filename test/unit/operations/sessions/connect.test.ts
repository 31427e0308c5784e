import { text } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import { AppError } from '../../../../src/domain/errors.ts';
import { withTarget } from '../../../../src/operations/access/with-target.ts';
import {
  attachTo,
  type ConnectRequest,
  connectSession,
  openShell,
  requireSession,
} from '../../../../src/operations/sessions/connect.ts';
import { aCaller } from '../../../support/caller.ts';
import { manualClock } from '../../../support/clock.ts';
import {
  anAccess,
  answers,
  breaks,
  type FakeProcess,
  fakeVm,
  type Script,
  type Scripts,
  settled,
} from '../../../support/fake-fleet.ts';

const BROKEN = new AppError('connection-lost', 'the link broke');
const REQUEST: ConnectRequest = {
  ...{ target: 'vm:dev', create: false, trueColor: true, readOnly: false, independent: false },
  terminal: () => ({ term: 'xterm', columns: 80, rows: 24 }),
};

const client = (pid: number, session: string, who: string) =>
  `client:${pid}:${session}:400:940:80x24:0:/dev/pts/${pid}\npid:${pid}\nwho:${who}\n`;

/** Attaches to the session $3, which alice has open; bob is in another one, and one client is this azlin's own. */
const attaches: Script = ({ values, say }) => {
  const groups = 'group:$3:dev\ngroup:$4:other\n';
  const clients = [
    client(11, '$3', 'aaaa alice@laptop'),
    client(12, '$4', 'bbbb bob@desk'),
    client(13, '$3', values['who'] ?? ''),
  ];
  say(`ok 0 $3 170-42 1000 +${values['mark']}\n${groups}${clients.join('')}${values['mark']}\n`);
};

function world(scripts: Scripts) {
  const clock = manualClock();
  const vm = fakeVm({ 'tmux/attach': attaches, 'tmux/own-client': answers('ok 0'), ...scripts });
  const access = anAccess({ clock, transport: vm.transport });
  return { clock, vm, access, caller: aCaller() };
}

async function connect(scripts: Scripts = {}, request: Partial<ConnectRequest> = {}) {
  const { access, caller, ...rest } = world(scripts);
  const session = await connectSession(access, { ...REQUEST, ...request }, caller);
  const client = rest.vm.of('tmux/attach')[0] as FakeProcess;
  return {
    ...{ session, client, ...rest },
    /** What its user sees, to the end. */
    screen: text(session.remote.stdout),
    /** What tmux says when the client ends. */
    bid(farewell: string) {
      client.say(`\u0001${client.values['key']}${farewell}\n`);
      client.end();
    },
  };
}

describe('a session that is about to be attached to', () => {
  test('says who else has it open: not oneself, and nobody of another session', async () => {
    const { session } = await connect();
    expect(session.others).toEqual([
      expect.objectContaining({ label: 'alice@laptop', name: '/dev/pts/11', age: 600, idle: 60 }),
    ]);
    expect(session.session).toEqual({ id: '$3', born: '170-42' });
  });

  test.each([
    [false, 'join Also attached: alice@laptop (idle 60 s)'],
    [true, 'take-over'],
  ])('attaches when it is told to, and not before; taking over: %s', async (takeOver, more) => {
    const { session, client } = await connect();
    await settled();
    expect(client.stdin.read()).toBeNull();
    session.begin(takeOver);
    expect(`${client.stdin.read()}`).toBe(`${client.values['key']} ${more}\n`);
  });

  test.each([
    ['one that was named is not made', 'vm:dev', false, ''],
    ['one that was named is made when that is asked for', 'vm:dev', true, 'dev'],
    ['a default session is always made', 'vm', false, 'azlin'],
  ])('%s', async (_what, target, create, made) => {
    const { client } = await connect({}, { target, create });
    expect(client.values['new_name']).toBe(made);
  });

  test('is not made anew when it was left by a connection that was lost', async () => {
    const { access, caller, vm } = world({});
    const again = { id: '$3', born: '170-42' };
    const who = { token: 'cccc', label: 'me@here' };
    await withTarget({ access, target: 'vm', caller }, (reached) =>
      attachTo({ access, reached, request: { ...REQUEST, create: true }, who, again }, caller),
    );
    expect(vm.of('tmux/attach')[0]?.values).toMatchObject({ new_name: '', left_id: '$3', left_birth: '170-42' });
  });

  test.each([
    ['is missing', answers('missing\nrow:$7:1:0:1:1:x:other'), 'session-not-found'],
    ['cannot be reached any more', breaks(BROKEN), 'connection-lost'],
  ])('and %s is an error after which nothing has been done', async (_what, script, code) => {
    await expect(connect({ 'tmux/attach': script })).rejects.toMatchObject({ code, mayHaveRun: false });
  });
});

describe('an attached session', () => {
  test('has its screen drawn anew, and nobody else has', async () => {
    const { session, vm } = await connect();
    await session.redraw();
    const [{ values } = { values: {} }] = vm.of('tmux/own-client');
    expect(values).toMatchObject({ action: 'refresh-client', token: session.who.token });
  });

  test('is left as soon as tmux has said farewell', async () => {
    const { session, vm, clock, bid } = await connect();
    let isLeft = false;
    const leaving = session.leave().then(() => {
      isLeft = true;
    });
    await settled();
    expect(vm.of('tmux/own-client').map(({ values }) => values['action'])).toEqual(['detach-client']);
    expect(isLeft).toBe(false);
    bid('[detached (from session dev)]');
    await leaving;
    expect(clock.pending()).toBe(0);
  });

  test('is not waited for when tmux says nothing', async () => {
    const { session, clock } = await connect();
    const leaving = session.leave();
    await settled();
    clock.advance(1_000);
    await expect(leaving).resolves.toBeUndefined();
  });

  test('whose VM cannot be told anything is no error', async () => {
    const { session, client } = await connect({ 'tmux/own-client': breaks(BROKEN) });
    client.end({ kind: 'lost', cause: BROKEN });
    await expect(session.redraw()).resolves.toBeUndefined();
    await expect(session.leave()).resolves.toBeUndefined();
  });
});

describe('how it ended to be attached', () => {
  test.each([
    ['[detached (from session dev)]', { kind: 'detached' }],
    ['[detached by alice@laptop]', { kind: 'detached', by: 'alice@laptop' }],
    ['[exited]', { kind: 'ended' }],
  ])('as tmux says: %s; what it says is not shown', async (farewell, end) => {
    const { session, client, screen, bid } = await connect();
    client.say('$ make\n');
    bid(farewell);
    expect(await session.end).toEqual(end);
    expect(await screen).toBe('$ make\n');
  });

  test('where the link broke it is lost, and that is why', async () => {
    const { session, client, screen } = await connect();
    client.say('$ ma');
    client.end({ kind: 'lost', cause: BROKEN });
    expect(await session.end).toEqual({ kind: 'lost', cause: BROKEN });
    expect(await screen).toBe('$ ma');
  });

  test('where the link broke after the farewell, tmux has said it', async () => {
    const { session, client } = await connect();
    client.say(`\u0001${client.values['key']}[detached (from session dev)]\n`);
    client.end({ kind: 'lost', cause: BROKEN });
    expect(await session.end).toEqual({ kind: 'detached' });
  });

  test('without a farewell over a link that holds, something has ended the process', async () => {
    const { session, client } = await connect();
    client.end();
    expect(await session.end).toMatchObject({
      kind: 'lost',
      cause: { code: 'vm-failed', message: `The process of azlin in "vm:dev" was killed` },
    });
  });
});

test('a shell without tmux ends when its output has been read', async () => {
  const { access, caller, vm } = world({ 'tmux/shell': ({ say }) => say('ok 0\n') });
  const { remote, end } = await openShell(access, REQUEST, caller);
  vm.of('tmux/shell')[0]?.end({ kind: 'exited', code: 3 });
  let isOver = false;
  void end.then(() => {
    isOver = true;
  });
  await settled();
  expect(isOver).toBe(false);
  remote.stdout.resume();
  expect(await end).toEqual({ kind: 'exited', code: 3 });
});

test('a session that was named must be there; a default session need not', async () => {
  const { access, caller, vm } = world({ 'tmux/list': answers('ok 1000') });
  await expect(requireSession(access, 'vm:dev', caller)).rejects.toMatchObject({ code: 'session-not-found' });
  await requireSession(access, 'vm', caller);
  expect(vm.processes).toHaveLength(1);
});
