import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { startFleet } from '../support/fleet.ts';
import { machineRun } from '../support/machine.ts';
import { openTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { warmAzlin as azlin } from '../support/warm-azlin.ts';

let fleet: DemoFleet;
beforeAll(async () => {
  fleet = await startFleet([
    { name: 'one', sessions: ['keep'] },
    { name: 'two', sessions: ['keep'], tags: { env: 'ci' } },
    { name: 'down', sessions: [], sshdConfig: ['AllowUsers nobody'] },
  ]);
}, 60_000);
afterAll(() => fleet.close());

const run = (...args: string[]) => azlin(fleet, args);
const tmux = (vm: string, ...args: string[]) => machineRun(fleet, vm, ['tmux', '-u', ...args]);
const sessions = async (vm: string) =>
  (await tmux(vm, 'list-sessions', '-F', '#{session_name}')).stdout.trim().split('\n');
const pruned = async (...args: string[]) =>
  JSON.parse((await run('prune', '--format', 'json', ...args)).stdout) as {
    hostname: string;
    session: string;
    outcome: string;
    reason: string | null;
    why: string;
  }[];
const outcomes = async (...args: string[]) =>
  Object.fromEntries((await pruned(...args)).map(({ session, outcome, reason }) => [session, reason ?? outcome]));
/** Waits until a session has done nothing for so many seconds. */
const idle = (session: string, seconds: number) =>
  until(`${session} to be idle`, async () => session in (await outcomes('--dry-run', '--idle', `${seconds}s`)), 20_000);

beforeEach(async () => {
  for (const vm of ['one', 'two'])
    for (const name of await sessions(vm)) if (name !== 'keep') await tmux(vm, 'kill-session', '-t', `=${name}`);
  for (const vm of ['one', 'two']) await tmux(vm, 'set-option', '-t', '=keep:', '@azlin-expires', '99999999999');
});

describe('prune', () => {
  test('closes what is idle, here and there, and names the VM that could not be asked', async () => {
    await tmux('one', 'new-session', '-d', '-s', 'old');
    await tmux('two', 'new-session', '-d', '-s', 'o l#d $(x)');
    await idle('old', 2);
    await idle('o l#d $(x)', 2);
    const { exitCode, stdout, stderr } = await run('prune', '--idle', '2s', '--yes');
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(
        /^HOSTNAME +SESSION +IDLE +WHY +OUTCOME\none +old +\d+ s +idle +closed\ntwo +o l#d \$\(x\) +\d+ s +idle +closed\n$/,
      ),
    });
    expect(stderr).toMatch(/^warning: down: Cannot sign in .*; its sessions are unknown$/m);
    expect([await sessions('one'), await sessions('two')]).toEqual([['keep'], ['keep']]);
    expect((await run('prune', '--idle', '2s', '--yes')).stderr).toContain('nothing to close');
  });

  test('keeps what is in use: a program, a job in the background, a stopped one, a script, another pane; --force does not', async () => {
    const busy: Record<string, string> = {
      program: 'sleep 1000',
      background: 'sleep 1000 &',
      script: `sh -c 'read x'`,
      nested: 'bash',
      replaced: `echo 'read x' >script; exec sh script`,
      command: `exec sh -c 'read x; :'`,
      builtin: 'read x',
    };
    for (const [name, line] of Object.entries(busy)) {
      await tmux('one', 'new-session', '-d', '-s', name);
      await tmux('one', 'send-keys', '-t', `=${name}:`, '-l', line);
      await tmux('one', 'send-keys', '-t', `=${name}:`, 'Enter');
    }
    await tmux('one', 'new-session', '-d', '-s', 'stopped');
    await tmux('one', 'send-keys', '-t', '=stopped:', 'sleep 1000', 'Enter');
    await until('it to run', async () =>
      (await tmux('one', 'display-message', '-p', '-t', '=stopped:', '#{pane_current_command}')).stdout.startsWith(
        'sleep',
      ),
    );
    await tmux('one', 'send-keys', '-t', '=stopped:', 'C-z');
    await tmux('one', 'new-session', '-d', '-s', 'pane');
    await tmux('one', 'split-window', '-t', '=pane:', 'sleep 1000');
    await tmux('one', 'new-session', '-d', '-s', 'idle');
    await idle('idle', 3);
    await idle('stopped', 3);
    const kept = {
      program: 'runs sleep',
      background: 'runs sleep',
      script: 'runs sh',
      nested: 'runs bash',
      replaced: 'runs script',
      command: 'runs read x; :',
      builtin: 'runs bash',
      stopped: 'runs sleep',
      pane: 'runs sleep',
    };
    expect(await outcomes('--dry-run', '--idle', '3s')).toEqual({ ...kept, idle: 'would-close' });
    expect(await outcomes('--yes', '--idle', '3s')).toEqual({ ...kept, idle: 'closed' });
    expect(await sessions('one')).toHaveLength(10);
    expect(await outcomes('--yes', '--force', '--idle', '3s')).toEqual(kept);
    expect(await sessions('one')).toEqual(['keep']);
  }, 60_000);

  test('output counts as activity, and so does somebody who is attached', async () => {
    await tmux('one', 'new-session', '-d', '-s', 'clock', 'while :; do date; sleep 0.5; done');
    await tmux('one', 'new-session', '-d', '-s', 'mine');
    const terminal = await openTerminal({ ...fleet.environment, AZLIN_LABEL: 'ann@x' });
    try {
      await terminal.type('azlin connect one:mine\n');
      await terminal.shows(/\[mine\]/);
      await idle('mine', 2);
      expect(await outcomes('--yes', '--idle', '2s')).toEqual({ mine: 'attached: ann@x' });
      expect(await outcomes('--yes', '--force', '--idle', '2s')).toEqual({ mine: 'attached: ann@x' });
      expect(await sessions('one')).not.toContain('mine');
      await terminal.shows(/one:mine: the session was ended by \S+@\S+/);
    } finally {
      await terminal.close();
    }
  });

  test('whoever looks at its windows through a view has it open, too; the view goes when it is left', async () => {
    await tmux('one', 'new-session', '-d', '-s', 'base');
    const terminal = await openTerminal({ ...fleet.environment, AZLIN_LABEL: 'ann@x' });
    try {
      await terminal.type('azlin connect one:base --independent\n');
      await terminal.shows(/\[base-ann/);
      await idle('base', 2);
      expect(await outcomes('--yes', '--idle', '2s')).toEqual({
        base: 'attached: ann@x',
        'base-ann': 'attached: ann@x',
      });
      expect((await run('disconnect', 'one:base', '--client', 'ann@x')).stdout).toBe('one:base: 1 client detached\n');
      await terminal.shows(/one:base: detached by/);
      expect(await sessions('one')).toEqual(['base', 'keep']);
    } finally {
      await terminal.close();
    }
  });

  test('--ttl: left alone before, closed after, whatever the idle time; "none" takes it back', async () => {
    for (const name of ['soon', 'later']) await tmux('two', 'new-session', '-d', '-s', name);
    expect(await run('session', 'two:later', '--ttl', '8h')).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(/^two:later is needed until \d{4}-\S+Z; azlin prune closes it after that$/m),
    });
    expect((await run('session', 'two:soon', 'friendly', '--ttl', '1s')).stdout).toBe('friendly\n');
    await idle('soon', 3_600);
    const [row] = await pruned('--dry-run', '--host', 'two');
    expect(row).toMatchObject({ session: 'soon', sessionName: 'friendly', why: 'expired', outcome: 'would-close' });
    expect((await run('session', 'two:soon', '--ttl', 'none')).stderr).toBe(
      'two:soon is kept until somebody ends it\n',
    );
    expect(await pruned('--dry-run')).toEqual([]);
    await run('session', 'two:soon', '--ttl', '1s');
    await idle('soon', 3_600);
    expect(await outcomes('--yes')).toEqual({ soon: 'closed' });
    expect(await sessions('two')).toEqual(['keep', 'later']);
    const list = JSON.parse((await run('list', '--host', 'two', '--format', 'json')).stdout);
    expect(list.map((one: { expiresAt: string | null }) => one.expiresAt)).toEqual([
      expect.stringMatching(/^\d{4,}-/),
      expect.stringMatching(/^\d{4}-/),
    ]);
  });

  test('--ttl with --idle counts from the last activity, in whatever window', async () => {
    for (const name of ['quiet', 'busy']) await tmux('two', 'new-session', '-d', '-s', name);
    // Something is printed there in a window that nobody looks at.
    await tmux('two', 'new-window', '-d', '-t', '=busy:', 'while sleep 0.3; do echo tick; done');
    expect(await run('session', 'two:busy', '--ttl', '3s', '--idle')).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(
        /^two:busy is needed until nothing has happened there for 3 s, \S+Z at the earliest; azlin prune closes it after that$/m,
      ),
    });
    const named = await run('session', 'two:quiet', '--ttl', '3s', '--idle', '--format', 'json');
    expect(JSON.parse(named.stdout)).toMatchObject({ session: 'quiet', idleTtl: 3, expiresAt: expect.any(String) });
    await until('quiet to be past its limit', async () => 'quiet' in (await outcomes('--dry-run')), 20_000);
    expect(await outcomes('--yes')).toEqual({ quiet: 'closed' });
    expect(await sessions('two')).toEqual(['busy', 'keep']);
    // A fixed time takes its place.
    const fixed = await run('session', 'two:busy', '--ttl', '1d', '--format', 'json');
    expect(JSON.parse(fixed.stdout)).toMatchObject({ idleTtl: null });
    expect((await run('session', 'two:busy', '--idle')).stderr).toContain('--idle only works with --ttl and a time');
    expect((await run('session', 'two:busy', '--ttl', 'none', '--idle')).exitCode).toBe(2);
  });

  test('on a terminal it lists them and asks; elsewhere it wants --yes', async () => {
    await tmux('two', 'new-session', '-d', '-s', 'old');
    await idle('old', 1);
    expect(await run('prune', '--idle', '1s', '--host', 'two')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('hint: use --yes to close them, --dry-run to list them'),
    });
    const terminal = await openTerminal(fleet.environment);
    try {
      await terminal.type('azlin prune --idle 1s --tag env=ci; echo "code $?"\n');
      await terminal.shows(/^ {2}two:old {2}idle \d+ s\n\? Close 1 session\? \(y\/N\)/m);
      await terminal.press('Enter');
      await terminal.shows(/^error: Nothing was closed\ncode 130$/m);
      expect(await sessions('two')).toContain('old');
      await terminal.type('clear; azlin prune --idle 1s --tag env=ci; echo "code $?"\n');
      await terminal.shows(/\? Close 1 session/);
      await terminal.press('y', 'Enter');
      await terminal.shows(/^two +old +\d+ s +idle +closed\ncode 0$/m);
    } finally {
      await terminal.close();
    }
    expect(await sessions('two')).toEqual(['keep']);
  });
});

describe('rename', () => {
  test('a session, by any identifier; names that are taken, or that tmux cannot have, change nothing', async () => {
    await tmux('one', 'new-session', '-d', '-s', 'before');
    await run('session', 'one:before', 'friendly');
    expect((await run('rename', 'friendly', 'a#{pane_id} $(x)')).stdout).toBe(
      'one:before is now one:a#{pane_id} $(x)\n',
    );
    expect(await sessions('one')).toEqual(['a#{pane_id} $(x)', 'keep']);
    expect(await run('rename', 'one:friendly', 'keep')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('"keep" already means the session "keep" on "one"'),
    });
    expect((await run('rename', 'one:friendly', 'a.b')).exitCode).toBe(2);
    const odd = await run('rename', 'one:friendly', 'a\\b');
    // tmux 3.1 can.
    if (odd.exitCode === 0) await run('rename', 'one:friendly', 'a#{pane_id} $(x)');
    else expect(odd.stderr).toContain('tmux cannot name a session');
    expect((await run('rename', 'one:nosuch', 'x')).exitCode).toBe(3);
    expect(await sessions('one')).toEqual(['a#{pane_id} $(x)', 'keep']);
  });
});

describe('a VM with a thousand sessions', () => {
  test('is listed and pruned within the usual deadline', async () => {
    const crowded = await startFleet([{ name: 'crowd', sessions: ['dev'] }]);
    try {
      const lines = Array.from({ length: 1_000 }, (_, n) => `new-session -d -s s${n} 'exec sleep 100000'\n`).join('');
      const file = join(crowded.directory, 'sessions.tmux');
      writeFileSync(file, lines);
      await machineRun(crowded, 'crowd', ['tmux', 'source-file', file]);
      const { stdout, stderr } = await azlin(crowded, ['list', '--quiet']);
      expect({ rows: stdout.trim().split('\n').length, stderr }).toEqual({ rows: 1_002, stderr: '' });
      expect((await azlin(crowded, ['prune', '--dry-run', '--idle', '1h'])).stderr).toMatch(/^nothing to close: /);
      const all = await azlin(crowded, ['prune', '--dry-run', '--idle', '1s', '--format', 'json']);
      expect(all.stderr).toBe('');
      expect((JSON.parse(all.stdout) as unknown[]).length).toBeGreaterThan(1_000);
    } finally {
      crowded.close();
    }
  }, 60_000);
});
