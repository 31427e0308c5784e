import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { CLI, startFleet } from '../support/fleet.ts';
import { freshHome } from '../support/fresh-home.ts';
import { openTerminal, type RealTerminal } from '../support/terminal.ts';
import { warmAzlin } from '../support/warm-azlin.ts';

const AZLIN = `${process.execPath} ${CLI}`;
const OWN_USER = userInfo().username;

/* What people type who know ssh, docker, kubectl and gh. */

let fleet: DemoFleet;
beforeAll(async () => {
  fleet = await startFleet([
    { name: 'web-1', sessions: ['dev', 'main'], tags: { role: 'web', env: 'test' } },
    { name: 'web-2', sessions: ['main'], tags: { role: 'web', env: 'prod' } },
    { name: 'db', sessions: ['main'], tags: { role: 'db', env: 'prod' } },
  ]);
  await azlin('exec', '--all', 'true');
}, 60_000);
afterAll(() => fleet.close());

const azlin = (...args: string[]) => warmAzlin(fleet, args);
const json = async (...args: string[]) => JSON.parse((await azlin(...args)).stdout);
const sessionsOf = async (vm: string) =>
  ((await json('list', vm, '--json')) as { session: string }[]).map(({ session }) => session);

describe('the same thing by another name', () => {
  const hosts = async (...args: string[]) => [
    ...new Set(((await json(...args)) as { hostname: string }[]).map(({ hostname }) => hostname)),
  ];

  test('ls is list, ps is jobs, -o and --output are --format, --json is -o json', async () => {
    const listed = await hosts('list', '--format', 'json');
    expect(listed).toEqual(['db', 'web-1', 'web-2']);
    for (const line of ['ls --json', 'ls -o json', 'ls -ojson', 'ls --output=json', 'list --output json'])
      expect({ line, hosts: await hosts(...line.split(' ')) }).toEqual({ line, hosts: listed });
    await azlin('exec', '--job', 'habit', 'db:main', 'true');
    expect(await hosts('ps', '--json')).toEqual(['db']);
    expect((await azlin('ls', '-o', 'csv', '--json')).stderr).toMatch(/Give --output or --json, not both/);
  });

  test('a pattern after list is a pattern for VMs, with --host in addition', async () => {
    expect(await hosts('ls', 'web-*', '--json')).toEqual(['web-1', 'web-2']);
    expect(await hosts('ls', 'web-1', '--host', 'd*', '--json')).toEqual(['db', 'web-1']);
  });

  test('the version, asked for in three ways', async () => {
    const { stdout } = await azlin('--version');
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    for (const line of ['version', '-V']) expect(await azlin(line)).toMatchObject({ exitCode: 0, stdout, stderr: '' });
    expect(await json('version', '--json')).toMatchObject({ version: stdout.trim() });
  });
});

describe('what stands in config.toml', () => {
  const own = (...args: string[]) => warmAzlin(fleet, args, { environment });
  let environment: Readonly<Record<string, string>>;
  beforeAll(() => {
    environment = freshHome(fleet);
  });

  test('contexts: the current one, and another name', async () => {
    expect((await own('context', 'current')).stderr).toMatch(/^no context is in use/);
    await own('context', 'create', 'lab', '-l', OWN_USER);
    await own('context', 'use', 'lab');
    expect((await own('context', 'current')).stdout).toBe('lab\n');
    expect((await own('context', 'rename', 'lab', 'test')).exitCode).toBe(0);
    expect((await own('context', 'current')).stdout).toBe('test\n');
    expect((await own('context', 'rename', 'lab', 'other')).stderr).toMatch(/There is no context "lab"/);
    expect((await own('config', 'view')).stdout).toMatch(/^ssh\.user +\S+ +context, /m);
  });

  test('aliases: set, used, and unset; one for several is named where one is wanted', async () => {
    expect((await own('aliases', 'set', 'mains', 'web-1:main', 'web-2:main')).exitCode).toBe(0);
    expect((await own('exec', 'mains', 'echo on')).stderr).toMatch(/^2 of 2 done/m);
    const { exitCode, stderr } = await own('connect', 'mains');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringMatching(
        /^error: The alias "mains" means 2 identifiers, but azlin connect takes one\nhint: web-1:main, web-2:main/,
      ),
    });
    await own('aliases', 'unset', 'mains');
    expect((await own('aliases', '--json')).stdout).toBe('[]\n');

    // One that makes no sense is an error, and can be removed.
    writeFileSync(
      join(environment['AZLIN_HOME'] ?? '', 'config.toml'),
      '[aliases]\ngood = "better"\nbetter = "good"\n',
    );
    expect(await own('aliases')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('refers to itself') });
    expect((await own('aliases', 'unset', 'good')).exitCode).toBe(0);
    expect((await own('aliases')).stdout).toMatch(/^better +good$/m);
  });
});

describe('a command without a session', () => {
  test('exec --no-session, and ssh with a command: in the home directory, and no session is made', async () => {
    const home = fleet.machines.get('db')?.home;
    await azlin('run', 'db:main', 'cd /usr/lib');
    expect((await azlin('exec', '--no-session', 'db', 'pwd')).stdout).toBe(`${home}\n`);
    expect(await azlin('ssh', 'db', 'pwd; echo "$TMUX"; exit 4')).toMatchObject({ exitCode: 4, stdout: `${home}\n\n` });
    expect((await azlin('ssh', 'db', 'echo', '-n', 'one')).stdout).toBe('one');
    expect(await sessionsOf('db')).toEqual(['main']);
    const named = await azlin('exec', '--no-session', 'db:main', 'true');
    expect(named).toMatchObject({ exitCode: 255, stderr: expect.stringContaining('--no-session') });
  });

  test.each([
    ['--all', ['db', 'web-1', 'web-2']],
    ['--tag role=web', ['web-1', 'web-2']],
    ['--host web-2', ['web-2']],
    ['--host web-1 --host d*', ['db', 'web-1']],
    ['--tag env=prod --tag env=test --tag role=web', ['web-1', 'web-2']],
  ])('exec %s runs on whole VMs, and makes no session', async (which, expected) => {
    const before = await Promise.all(['db', 'web-1', 'web-2'].map(sessionsOf));
    const results = (await json('exec', ...which.split(' '), '--json', 'echo "${TMUX:-none}"')) as Result[];
    expect(results.map(({ hostname }) => hostname).sort()).toEqual(expected);
    for (const one of results) expect(one).toMatchObject({ session: null, stdout: 'none\n', exitCode: 0 });
    expect(await Promise.all(['db', 'web-1', 'web-2'].map(sessionsOf))).toEqual(before);
  });
  interface Result {
    readonly hostname: string;
  }
});

describe('--json on a single target', () => {
  test('is a record with the output and the exit code', async () => {
    const [result] = await json('exec', '--json', 'web-1:dev', 'echo out; echo err >&2; exit 3');
    expect(result).toMatchObject({ target: 'web-1:dev', exitCode: 3, stdout: 'out\n', stderr: 'err\n', jobId: null });
    const [ran] = await json('run', '--json', 'web-1:dev', 'echo live');
    expect(ran).toMatchObject({ target: 'web-1:dev', exitCode: 0, stdout: 'live\n' });
    await azlin('exec', '--detach', '--job', 'asked', 'web-1:dev', 'exit 5');
    expect(await json('wait', '--json', 'asked')).toMatchObject({ outcome: 'exited', exitCode: 5, jobId: 'asked' });
    expect(await json('send', '--json', 'web-1:dev', 'echo typed')).toEqual([{ target: 'web-1:dev' }]);
    expect((await json('logs', '--screen', '--json', 'web-1:dev')).screen).toMatch(/echo typed/);
    expect(await azlin('logs', '--json', 'asked')).toMatchObject({ exitCode: 2, stdout: '' });
  }, 20_000);
});

describe('exec with a terminal', () => {
  let terminal: RealTerminal;
  beforeAll(async () => {
    terminal = await openTerminal(fleet.environment, 90, 20);
  }, 20_000);
  afterAll(() => terminal.close());

  test.each(['-t db', '--tty db', '-it db', 'db:main -t', '-it db:main'])('%s', async (how) => {
    const [first, ...rest] = how.split(' ');
    const order = first?.startsWith('-') ? [first, ...rest] : [...rest, first];
    await terminal.type(
      `clear; ${AZLIN} exec ${order.join(' ')} 'stty size; read -r word; echo "<$word>"; tty; exit 7'; echo "code $?"\n`,
    );
    await terminal.shows(/^20 90$/m);
    await terminal.type('typed\n');
    await terminal.shows(/^<typed>\n\/dev\/\S+\ncode 7$/m);
  });

  test('Ctrl-C goes to the program, and the window may change its size', async () => {
    await terminal.type(
      `clear; ${AZLIN} exec -t db 'trap "echo caught" INT; trap "stty size" WINCH; echo up; until [ -e ~/end ]; do sleep 0.1; done'; echo "code $?"\n`,
    );
    await terminal.shows(/^up$/m);
    await terminal.press('C-c');
    await terminal.shows(/caught/);
    await terminal.resize(70, 18);
    await terminal.shows(/^18 70$/m);
    await terminal.resize(90, 20);
    writeFileSync(join(fleet.machines.get('db')?.home ?? '', 'end'), '');
    await terminal.shows(/^code 0$/m);
  });

  test('without one it is refused', async () => {
    const { exitCode, stderr } = await azlin('exec', '-t', 'db', 'true');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 255,
      stderr: expect.stringMatching(/^error: Cannot use a terminal on "db": .*\nhint: azlin exec db COMMAND/),
    });
  });
});

test('logs --tail is logs --lines', async () => {
  await azlin('exec', '--job', 'tailed', 'db:main', 'seq 5');
  expect((await azlin('logs', '--tail', '2', 'tailed')).stdout).toBe('4\n5\n');
  const both = await azlin('logs', '--tail', '2', '--lines', '2', 'tailed');
  expect(both).toMatchObject({ exitCode: 2, stdout: '' });
});

describe('restart', () => {
  test('asks where sessions end with it; afterwards the VM is there again, without them', async () => {
    const refused = await azlin('restart', 'web-2');
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('azlin restart web-2 --yes') });
    expect(await azlin('restart', 'web-2', '--yes')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^web-2: Running \(\S+\)\n$/),
    });
    expect(await json('status', 'web-2', '--json')).toMatchObject({ status: 'Running' });
    expect(await sessionsOf('web-2')).toEqual([null]);
  }, 60_000);
});
