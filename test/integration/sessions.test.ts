import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { startFleet } from '../support/fleet.ts';
import { machineRun } from '../support/machine.ts';
import { openTerminal } from '../support/terminal.ts';
import { warmAzlin as azlin } from '../support/warm-azlin.ts';

let fleet: DemoFleet;
beforeAll(async () => {
  fleet = await startFleet([
    { name: 'web', sessions: ['main', 'dev', 'develop', 'späß'], tags: { env: 'dev' } },
    { name: 'db', sessions: ['main', 'only-here'], resourceGroup: 'rg-data', tags: { env: 'prod' } },
    { name: 'empty', sessions: [], privateOnly: true },
    { name: 'twin', sessions: ['a'], resourceGroup: 'rg-one' },
    { name: 'twin', sessions: ['b'], resourceGroup: 'rg-two', directory: 'twin-two' },
    { name: 'off', sessions: [], stopped: true },
    { name: 'down', sessions: [], sshdConfig: ['MaxStartups 1', 'AllowUsers nobody'] },
  ]);
}, 60_000);
afterAll(() => fleet.close());

const run = (...args: string[]) => azlin(fleet, args);
const json = async (...args: string[]) => JSON.parse((await run('list', '--format', 'json', ...args)).stdout);
const tmux = (vm: string, ...args: string[]) => machineRun(fleet, vm, ['tmux', ...args]);

test.each(['CORP\\bob', 'bob@corp.example'])('%s signs in as that', async (user) => {
  const { stderr, exitCode } = await run('exec', `${user}@web:dev`, 'true');
  expect({ stderr, exitCode }).toEqual({ exitCode: 255, stderr: expect.stringContaining(`to "web" (${user}@127.`) });
  const many = await run('exec', `${user}@web:dev,${user}@d*:main`, 'true');
  expect(many.stderr).toContain(`to "web" (${user}@127.`);
  expect(many.stderr).toContain(`to "db" (${user}@127.`);
});

describe('list', () => {
  test('a row a session, a row with - for a VM without any, ? where nobody knows', async () => {
    const { exitCode, stdout, stderr } = await run('list');
    expect(exitCode).toBe(0);
    expect(stdout.split('\n').map((line) => line.replace(/127\.\d+\.\d+\.\d+/, 'IP').replace(/ +/g, ' '))).toEqual([
      'HOSTNAME SESSION STATUS IP',
      'db main Running IP',
      'db only-here Running IP',
      'down ? Running IP',
      'empty - Running IP',
      'twin a Running IP',
      'twin b Running IP',
      'web dev Running IP',
      'web develop Running IP',
      'web main Running IP',
      'web späß Running IP',
      '',
    ]);
    expect(stderr).toMatch(/^warning: down: Cannot sign in .*; its sessions are unknown$/m);
    expect(stderr).toMatch(/^1 stopped VM hidden; azlin list --all shows it$/m);
  });

  test('columns are two spaces apart, without borders and without blanks at the end', async () => {
    const { stdout } = await run('list', '--host', 'web');
    expect(stdout).toMatch(/^HOSTNAME {2}SESSION {2}STATUS {3}IP\nweb {7}dev {6}Running {2}127/);
    expect(stdout).not.toMatch(/ $/m);
  });

  test('--all, --no-sessions, --quiet', async () => {
    expect((await run('list', '--all')).stdout).toMatch(/^off +- +Deallocated +127\.\S+$/m);
    const { stdout } = await run('list', '--no-sessions', '--format', 'json');
    expect(new Set(JSON.parse(stdout).map((row: { probe: string }) => row.probe))).toEqual(new Set(['skipped']));
    expect((await run('list', '--quiet')).stderr).toBe('');
  });

  test('narrowed by tag, glob and resource group', async () => {
    const names = async (...args: string[]) => [
      ...new Set((await json('--no-sessions', ...args)).map((row: { hostname: string }) => row.hostname)),
    ];
    expect(await names('--tag', 'env=prod')).toEqual(['db']);
    expect(await names('--tag', 'ENV')).toEqual(['db', 'web']);
    expect(await names('--host', 'W*')).toEqual(['web']);
    expect(await names('--resource-group', 'RG-DATA')).toEqual(['db']);
    const { stderr, stdout } = await run('list', '--host', 'nosuch*');
    expect({ stderr, stdout }).toEqual({
      stderr: 'none of the 7 VMs in scope matches\n',
      stdout: 'HOSTNAME  SESSION  STATUS  IP\n',
    });
  });

  test('json: every field of the contract', async () => {
    const [row] = await json('--host', 'db');
    expect(row).toEqual({
      hostname: 'db',
      session: 'main',
      sessionName: null,
      status: 'Running',
      ip: expect.stringMatching(/^127\./),
      publicIp: expect.stringMatching(/^127\./),
      privateIp: expect.stringMatching(/^127\./),
      region: 'westeurope',
      size: 'Standard_D2s_v5',
      resourceGroup: 'rg-data',
      subscriptionId: '11111111-2222-3333-4444-555555555555',
      vmId: expect.any(String),
      attached: 0,
      windows: 1,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      activityAt: expect.stringMatching(/^\d{4}-/),
      clients: [],
      expiresAt: null,
      neededUntil: null,
      owner: null,
      idleSeconds: expect.any(Number),
      id: expect.stringMatching(/^\$\d+$/),
      probe: 'ok',
    });
    expect(await json('--host', 'empty')).toMatchObject([
      { session: null, publicIp: null, privateIp: expect.stringMatching(/^127/), probe: 'ok' },
    ]);
    expect(await json('--host', 'down')).toMatchObject([{ session: null, probe: 'denied' }]);
  });

  test("tmux's id: in --wide and JSON, and as an identifier that means that session only", async () => {
    const rows = (await json('--host', 'web')) as { session: string; id: string }[];
    expect((await run('list', '--wide', '--host', 'web')).stdout).toMatch(/^HOSTNAME .* ID *$/m);
    for (const { session, id } of rows) {
      const name = await run('exec', `web:${id}`, "tmux -u display-message -p '#{session_name}'");
      expect({ id, name: name.stdout }).toEqual({ id, name: `${session}\n` });
    }
    const missing = await run('exec', '--create', 'web:$999', 'true');
    expect({ code: missing.exitCode, said: missing.stderr }).toEqual({
      code: 255,
      said: expect.stringMatching(/No session named "\$999" on "web"[\s\S]*--wide .*ids/),
    });
    expect(((await json('--host', 'web')) as unknown[]).length).toBe(rows.length);
  });

  test('ndjson and csv', async () => {
    const lines = (await run('list', '--host', 'web', '--format', 'ndjson')).stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).session)).toEqual(['dev', 'develop', 'main', 'späß']);
    await tmux('web', 'set-option', '-t', '=dev:', '@azlin-name', 'say "hi", you');
    const { stdout } = await run('list', '--host', 'web', '--format', 'csv');
    await tmux('web', 'set-option', '-u', '-t', '=dev:', '@azlin-name');
    expect(stdout).toMatch(/^hostname,session,sessionName,status,.*\r\nweb,dev,"say ""hi"", you",Running,/);
  });

  test('control characters of a name never reach the terminal', async () => {
    await tmux('web', '-u', 'set-option', '-t', '=dev:', '@azlin-name', 'evil\u001b]0;owned\u0007\u202e\u0085name');
    const { stdout } = await run('list', '--host', 'web');
    await tmux('web', 'set-option', '-u', '-t', '=dev:', '@azlin-name');
    // tmux 3.5 shows them as text.
    expect(stdout).toMatch(/dev .* evil(\\033\]0;owned\\a)?name$/m);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
  });
});

describe('identifiers', () => {
  test('a VM name in two resource groups is ambiguous, rg/vm names one', async () => {
    const { exitCode, stderr } = await run('connect', 'twin:a');
    expect({ exitCode, stderr }).toEqual({ exitCode: 4, stderr: expect.stringContaining('rg-one/twin:a') });
    expect((await run('exec', 'RG-TWO/Twin:b', 'echo two')).stdout).toBe('two\n');
    expect((await run('exec', 'rg-one/twin:b', 'true')).stderr).toContain('No session named "b" on "rg-one/twin"');
  });

  test('an address is a target of its own, without Azure', async () => {
    const machine = fleet.machines.get('web');
    const before = fleet.resourceManager.requests.length;
    const at = `${machine?.user}@${machine?.address}:dev`;
    const { stdout, stderr } = await azlin(fleet, [
      'exec',
      '--port',
      String(machine?.port),
      at,
      "tmux display-message -p '#{session_name}'",
    ]);
    expect({ stdout, stderr, asked: fleet.resourceManager.requests.length - before }).toEqual({
      stdout: 'dev\n',
      stderr: '',
      asked: 0,
    });
  });

  test('an address needs no Azure, not even a subscription', async () => {
    const machine = fleet.machines.get('web');
    const environment = { AZURE_CONFIG_DIR: '/nonexistent' };
    const args = ['exec', '--port', String(machine?.port), `${machine?.user}@${machine?.address}:dev`, 'echo hi'];
    expect(await azlin(fleet, args, { environment })).toMatchObject({ exitCode: 0, stdout: 'hi\n', stderr: '' });
  });

  test("a line break in somebody's friendly name makes no session", async () => {
    await tmux('web', 'new-session', '-d', '-s', 'victim');
    const id = (await tmux('web', 'display-message', '-p', '-t', '=victim:', '#{session_id}')).stdout.trim();
    const rows = `x\n${id}:1:0:1:1:wanted:\n$77:1:0:99999999999999999:1:boom:`;
    await tmux('web', 'set-option', '-t', '=dev:', '@azlin-name', rows);
    const listed = await run('list', '--host', 'web', '--quiet');
    expect({ code: listed.exitCode, forged: /wanted|boom/.test(listed.stdout) }).toEqual({ code: 0, forged: false });
    expect(await run('close', 'web:wanted')).toMatchObject({ exitCode: 3 });
    expect((await tmux('web', 'has-session', '-t', '=victim')).code).toBe(0);
    await tmux('web', 'set-option', '-u', '-t', '=dev:', '@azlin-name');
    await tmux('web', 'kill-session', '-t', '=victim');
  });

  test('a mistake with the identity is an error, and is not held against the VMs', async () => {
    expect(await run('list', '-i', '/nonexistent/key')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('/nonexistent/key'),
    });
    const wrong = join(fleet.directory, 'wrong');
    await machineRun(fleet, 'web', ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', wrong]);
    await run('exec', '-i', wrong, 'only-here', 'true');
    expect(await run('exec', 'only-here', 'echo here')).toMatchObject({ exitCode: 0, stdout: 'here\n' });
  });

  test('a VM named like a command keeps its options', async () => {
    expect(await run('disconnect', 'list', '--kill')).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('named "list"'),
    });
  });

  test('names that come near are offered; errors are JSON where JSON is wanted', async () => {
    const { exitCode, stderr } = await run('connect', 'only-hero');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 3,
      stderr: expect.stringMatching(/No session and no VM is named "only-hero"\nDid you mean:\n {2}only-here\n/),
    });
    const asJson = await run('connect', 'main', '--format', 'json');
    expect({ exitCode: asJson.exitCode, stdout: asJson.stdout }).toEqual({ exitCode: 4, stdout: '' });
    const lines = asJson.stderr.trimEnd().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '')).toEqual({
      error: {
        code: 'ambiguous',
        message: 'Ambiguous session name "main"',
        hint: 'azlin connect db:main',
        candidates: [
          { identifier: 'db:main', ip: expect.any(String) },
          { identifier: 'web:main', ip: expect.any(String) },
        ],
      },
    });
  });

  test('a VM that could not be asked is named: uniqueness was not proven there', async () => {
    const { stdout, stderr } = await run('exec', 'only-here', 'echo here');
    expect({ stdout, stderr }).toEqual({
      stdout: 'here\n',
      stderr: expect.stringMatching(/^warning: down could not be asked whether it has a session "only-here": .*\n$/),
    });
  });

  test('a session that is gone when it is opened is resolved afresh', async () => {
    await tmux('web', 'new-session', '-d', '-s', 'wanderer');
    expect((await run('exec', 'wanderer', 'tmux display-message -p "#{socket_path}"')).stdout).toContain('/web/');
    await tmux('web', 'kill-session', '-t', '=wanderer');
    await tmux('db', 'new-session', '-d', '-s', 'wanderer');
    expect((await run('exec', 'wanderer', 'tmux display-message -p "#{socket_path}"')).stdout).toContain('/db/');
    await tmux('db', 'kill-session', '-t', '=wanderer');
  });

  test('--verbose tells each step', async () => {
    const { stderr } = await run('exec', '--verbose', 'web:dev', 'true');
    expect(stderr).toMatch(/inventory: 7 VMs, \d+ s old, from the cache/);
    expect(stderr).toMatch(/resolve: "web:dev" is web:dev \(named session\), at \S+@127\.\S+ port \d+/);
    expect(stderr).toMatch(/web: signed in with /);
  });
});

describe('ssh, disconnect, session', () => {
  test('ssh without a terminal creates and says so, once', async () => {
    expect(await run('ssh', 'empty', '--tmux-session', 'new')).toMatchObject({
      exitCode: 0,
      stdout: 'Created session "new" on empty\n',
    });
    expect(await run('open', 'empty', '--tmux-session', 'new')).toMatchObject({
      stdout: 'Session "new" already exists on empty\n',
    });
    expect(JSON.parse((await run('ssh', 'empty', '--detach', '--format', 'json')).stdout)).toEqual({
      hostname: 'empty',
      session: 'azlin',
      created: true,
    });
    await tmux('empty', 'kill-server');
  });

  test('five at once create the session once', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => run('ssh', 'empty', '--tmux-session', 'race')));
    expect(all.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0, 0]);
    expect(all.filter(({ stdout }) => stdout.startsWith('Created'))).toHaveLength(1);
    expect((await tmux('empty', 'list-sessions', '-F', '#{session_name}')).stdout).toBe('race\n');
    await tmux('empty', 'kill-server');
  });

  test('disconnect --kill ends that session and no other; close is the same', async () => {
    await tmux('web', 'new-session', '-d', '-s', 'dead');
    await tmux('web', 'new-session', '-d', '-s', 'deadline');
    expect(await run('close', 'web:dead')).toMatchObject({
      exitCode: 0,
      stdout: 'Ended web:dead (nobody was attached)\n',
    });
    expect(await run('disconnect', '--kill', 'web:dead')).toMatchObject({ exitCode: 3 });
    expect((await tmux('web', 'has-session', '-t', '=deadline')).code).toBe(0);
    await tmux('web', 'kill-session', '-t', '=deadline');
  });

  test('disconnect detaches every client', async () => {
    const terminals = [await openTerminal(fleet.environment), await openTerminal(fleet.environment)];
    try {
      for (const terminal of terminals) {
        await terminal.type('azlin connect web:dev; echo "left with $?"\n');
        await terminal.shows(/\[dev\]/);
      }
      expect(await json('--host', 'web')).toMatchObject([{ session: 'dev', attached: 2 }, {}, {}, {}]);
      expect((await run('disconnect', 'web:dev')).stdout).toBe('web:dev: 2 clients detached\n');
      for (const terminal of terminals) await terminal.shows(/left with 0/);
      expect((await tmux('web', 'has-session', '-t', '=dev')).code).toBe(0);
    } finally {
      for (const terminal of terminals) await terminal.close();
    }
  });

  describe('friendly names', () => {
    beforeEach(() => run('session', 'web:dev', '--clear'));

    test('set, shown, used as a session name, unicode, removed', async () => {
      expect(await run('session', 'web:dev')).toMatchObject({
        exitCode: 0,
        stdout: '',
        stderr: 'web:dev has no friendly name\n',
      });
      expect((await run('session', 'web:dev', 'größe 東京')).stdout).toBe('größe 東京\n');
      expect((await run('session', 'web:größe 東京')).stdout).toBe('größe 東京\n');
      expect((await run('exec', 'größe 東京', "tmux display-message -p '#{session_name}'")).stdout).toBe('dev\n');
      expect((await run('list', '--host', 'web')).stdout).toMatch(/^web +dev +Running +127\S+ +größe 東京$/m);
      expect((await run('ssh', 'web', '--tmux-session', 'größe 東京')).stdout).toContain('already exists on web');
      expect(await run('session', 'web:dev', '--clear')).toMatchObject({ exitCode: 0, stdout: '' });
      expect((await run('exec', 'web:größe 東京', 'true')).exitCode).toBe(255);
    });

    test('with a semicolon at the end, and an empty one', async () => {
      for (const name of ['foo;', 'a\\;', '#{pid}']) {
        expect((await run('session', 'web:dev', name)).stdout).toBe(`${name}\n`);
        expect((await run('session', 'web:dev')).stdout).toBe(`${name}\n`);
      }
      expect(await run('session', 'web:dev', '')).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining('it is empty'),
      });
    });

    test('one that means another session, or that cannot be a name, is refused', async () => {
      expect(await run('session', 'web:dev', 'main')).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining('already means the session "main"'),
      });
      expect(await run('session', 'web:dev', 'a:b')).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining('it contains ":"'),
      });
      expect(await run('session', 'web:dev', 'x', '--clear')).toMatchObject({ exitCode: 2 });
    });

    test('one that a session of another VM has is refused, unless it is forced', async () => {
      await run('session', 'web:dev', 'production');
      for (const name of ['production', 'develop'])
        expect(await run('session', 'db:main', name)).toMatchObject({
          exitCode: 2,
          stdout: '',
          stderr: expect.stringMatching(
            new RegExp(`^error: "${name}" already means "web:dev(elop)?"\nhint: --force sets it all the same`, 'm'),
          ),
        });
      expect((await run('session', 'db:main')).stdout).toBe('');
      expect((await run('session', 'web:dev', 'production')).exitCode).toBe(0);
      expect((await run('session', 'db:main', 'production', '--force')).stdout).toBe('production\n');
      expect(await run('exec', 'production', 'true')).toMatchObject({ stderr: expect.stringContaining('Ambiguous') });
      await run('session', 'db:main', '--clear');
      expect((await run('session', 'db:main', '--force')).exitCode).toBe(2);
    });

    test('a VM that cannot be asked about it is named', async () => {
      const { exitCode, stderr } = await run('session', 'web:dev', 'mine');
      expect({ exitCode, stderr }).toEqual({
        exitCode: 0,
        stderr: expect.stringContaining('down could not be asked whether it has a session "mine"'),
      });
    });

    test('the same one on two sessions of a VM is ambiguous', async () => {
      for (const session of ['dev', 'develop'])
        await tmux('web', 'set-option', '-t', `=${session}:`, '@azlin-name', 'twice');
      expect(await run('connect', 'web:twice')).toMatchObject({
        exitCode: 4,
        stderr: expect.stringMatching(/web:dev\n +web:develop/),
      });
      expect(await run('exec', 'twice', 'true')).toMatchObject({ exitCode: 255 });
      await tmux('web', 'set-option', '-u', '-t', '=develop:', '@azlin-name');
    });
  });
});

describe('settings', () => {
  const home = (config: string) => {
    const path = mkdtempSync(join(fleet.directory, 'home-'));
    writeFileSync(join(path, 'config.toml'), config);
    return { AZLIN_HOME: path };
  };

  test('flag over environment over file', async () => {
    const environment = home('[output]\nformat = "csv"\n[session]\ndefault = "mine"\n');
    expect((await azlin(fleet, ['list', '--no-sessions'], { environment })).stdout).toMatch(/^hostname,/);
    expect(
      (await azlin(fleet, ['list', '--no-sessions'], { environment: { ...environment, AZLIN_FORMAT: 'json' } })).stdout,
    ).toMatch(/^\[/);
    expect((await azlin(fleet, ['list', '--no-sessions', '--format', 'table'], { environment })).stdout).toMatch(
      /^HOSTNAME/,
    );
    expect(
      (await azlin(fleet, ['exec', 'empty', "tmux display-message -p '#{session_name}'"], { environment })).stdout,
    ).toBe('mine\n');
    await tmux('empty', 'kill-server');
  });

  test.each([
    ['[ssh]\nuser = "a"\nuser = "b"\n', /config\.toml:3/],
    ['\n\n[ssh]\nusr = "a"\n', /config\.toml:4: unknown setting "ssh\.usr"/],
    ['[ssh]\nport = 99999\n', /config\.toml:2: ssh\.port.*expected a port number/],
    ['[resolve]\ndeadline = "4s"\n\n[list]\ndeadline = "x"\n', /config\.toml:5: list\.deadline/],
    ['[output]\nformat = "xml"\n', /expected one of table, json, ndjson, csv/],
  ])('a mistake names its line: %j', async (config, expected) => {
    expect(await azlin(fleet, ['list'], { environment: home(config) })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(expected),
    });
  });

  test('errors are JSON where the file says so', async () => {
    const { stderr } = await azlin(fleet, ['connect', 'a:b:c'], { environment: home('[output]\nformat = "json"\n') });
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'invalid-identifier' } });
  });

  test.each([
    ['sessions.json', '{"version":5,"value":{"x":{"askedAt":1,"answer":{"probe":"ok","sessions":[null]}}}}'],
    ['sessions.json', '{"version":5,"value":{"x":{"askedAt":1,"answer":{"probe":"zzz"}}}}'],
  ])('nonsense in a cache is dropped: %s %s', async (file, content) => {
    const environment = home('');
    mkdirSync(join(environment.AZLIN_HOME, 'cache'));
    writeFileSync(join(environment.AZLIN_HOME, 'cache', file), content);
    const { exitCode, stderr } = await azlin(fleet, ['exec', 'only-here', 'true'], { environment });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.stringContaining('removed the broken cache') });
  });

  test('a broken cache is dropped with a warning', async () => {
    const environment = home('');
    const cache = join(environment.AZLIN_HOME, 'cache');
    await azlin(fleet, ['list', '--no-sessions'], { environment });
    const { stdout } = await machineRun(fleet, 'web', ['ls', cache]);
    appendFileSync(join(cache, stdout.split('\n').find((name) => name.startsWith('inventory')) ?? ''), 'garbage');
    const again = await azlin(fleet, ['list', '--no-sessions'], { environment });
    expect({ exitCode: again.exitCode, stderr: again.stderr }).toEqual({
      exitCode: 0,
      stderr: expect.stringMatching(/warning: removed the broken cache/),
    });
    rmSync(cache, { recursive: true });
  });
});
