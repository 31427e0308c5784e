import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { openRegistry } from '../../src/app/registry/create-registry.ts';
import type { HistoryRow } from '../../src/operations/sessions/history.ts';
import { daemonsBelow, endDaemons } from '../support/daemons.ts';
import { azlin, CLI, type RunOptions } from '../support/fleet.ts';
import { type Lab, startLab } from '../support/lab.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { openTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';

/* `azlin history` and `azlin registry`: what the daemons of several users have seen on real VMs. */

const PASSWORD = 'hunter-2-hunter';

let lab: Lab;
let postgres: Postgres;
beforeAll(async () => {
  lab = await startLab();
  await lab.start('vm');
  postgres = await startPostgres();
}, 120_000);
afterEach(async () => {
  endDaemons(lab.directory);
  await until('the daemons to end', () => daemonsBelow(lab.directory).length === 0);
});
afterAll(() => {
  lab.close();
  postgres.close();
});

/** Somebody with an azlin of their own, whose daemon stays and has seen the VM. */
async function user(label: string, more: Readonly<Record<string, string>> = {}, config = '') {
  const { AZLIN_PERSIST: _, ...rest }: Readonly<Record<string, string>> = lab.environment(config);
  const environment: Readonly<Record<string, string>> = { ...rest, AZLIN_LABEL: label, ...more };
  const home = environment['AZLIN_HOME'] ?? '';
  const run = (args: readonly string[], options?: RunOptions) => azlin({ environment }, args, options);
  const rows = async (...args: string[]) => {
    const { stdout, stderr } = await run(['history', ...args, '--format', 'json']);
    try {
      return JSON.parse(stdout) as readonly HistoryRow[];
    } catch {
      throw new Error(stderr);
    }
  };
  const told = async (...args: string[]) =>
    (await rows(...args)).map(({ session, what, who, program, exitCode }) =>
      [session, what, who, program, exitCode].filter((one) => one !== null).join(' '),
    );
  await run(['list']);
  return { home, environment, run, rows, told, file: join(home, 'registry.db') };
}

test('who made, attached to, used and closed a session', async () => {
  const alice = await user('alice@laptop');
  await until('the VM to be watched', async () => (await alice.told('--all')).includes('watched'));
  await alice.run(['exec', '--create', 'vm:api', 'true']);
  await alice.run(['exec', 'vm:api', `TOKEN=${PASSWORD} sh -c 'exit 3'`]);
  await alice.run(['exec', '--direct', '--timeout', '1s', 'vm:api', 'sleep', '9']);
  await alice.run(['exec', '--job', 'j1', 'vm:api', '--', 'sh', '-c', `exit 4 # ${PASSWORD}`]);
  await alice.run(['exec', 'vm:api'], { input: `echo ${PASSWORD}\n` });
  await alice.run(['run', 'vm:api', 'false']);
  await alice.run(['send', 'vm:api', `echo ${PASSWORD}`]);
  expect(await alice.run(['exec', 'vm:nobody', 'true'])).toMatchObject({ exitCode: 255 });
  await until('the session to be seen', async () => (await alice.told()).includes('api created alice@laptop'));
  const terminal = await openTerminal(alice.environment);
  try {
    await terminal.type(`${process.execPath} ${CLI} connect vm:api\n`);
    await terminal.shows(/\[api\] /);
    await until('it to be seen', async () => (await alice.told()).includes('api attached alice@laptop'));
    await terminal.press('C-b', 'd');
    await until('its end to be seen', async () => (await alice.told()).includes('api detached alice@laptop'));
  } finally {
    await terminal.close();
  }
  await alice.run(['rename', 'vm:api', 'work']);
  await until('the name to be seen', async () => (await alice.told()).includes('work renamed'));
  await alice.run(['disconnect', 'vm:work', '--kill', '--yes']);
  // It is seen, too, and not written down twice.
  await alice.run(['exec', '--create', 'vm:next', 'true']);
  await until('the next one to be seen', async () => (await alice.told()).includes('next created alice@laptop'));
  const told = await alice.told();
  const of = (word: string) => told.filter((one) => one.includes(` ${word}`));
  expect(of('created')).toEqual(['api created alice@laptop', 'next created alice@laptop']);
  expect(of('ran').slice(0, -1)).toEqual([
    'api ran alice@laptop true 0',
    'api ran alice@laptop 3',
    'api ran alice@laptop sleep',
    'api ran alice@laptop sh 4',
    'api ran alice@laptop 0',
    'api ran alice@laptop false 1',
  ]);
  expect(of('ended')).toEqual([]);
  expect(of('sent')).toEqual(['api sent alice@laptop']);
  expect(of('closed')).toEqual(['work closed alice@laptop']);
  expect(told.filter((one) => one.startsWith('nobody'))).toEqual([]);
  expect((await alice.rows('vm:api')).find(({ end }) => end !== null)).toMatchObject({
    ...{ program: 'sleep', end: 'timed out', exitCode: null, hostname: 'vm', session: 'api' },
    endedAt: expect.stringMatching(/Z$/),
    seenBy: expect.stringMatching(/@/),
  });
  expect((await alice.rows()).find(({ job }) => job === 'j1')).toMatchObject({ program: 'sh', what: 'ran' });
  // What was typed is nowhere, and what is there is nobody else's business.
  for (const name of readdirSync(alice.home).filter((one) => one.startsWith('registry.db'))) {
    expect(readFileSync(join(alice.home, name), 'latin1')).not.toContain(PASSWORD);
    expect(statSync(join(alice.home, name)).mode & 0o077).toBe(0);
  }
  // Which ones are meant.
  expect(await alice.told('VM', '--by', 'ALICE')).toEqual(told.filter((one) => one.includes('alice@laptop')));
  expect(await alice.told('vm:work')).toEqual(['work renamed', 'work closed alice@laptop']);
  expect(await alice.told('v*:w?rk')).toEqual(['work renamed', 'work closed alice@laptop']);
  expect(await alice.told('api')).toEqual(told.filter((one) => /^api |renamed/.test(one)));
  expect(await alice.run(['history', 'gone:by-now'])).toMatchObject({
    exitCode: 0,
    stdout: '',
    stderr:
      'nothing is known to have happened in the last 24 h\n' +
      'hint: azlin history knows VMs and sessions by the names in azlin list; azlin history alone shows everything\n',
  });
  expect(await alice.run(['history', '--limit', '2'])).toMatchObject({
    stdout: expect.stringMatching(/^TIME +WHERE +WHAT +WHO +DETAIL\n(?:\d{4}-\S+Z .*\n){2}$/),
    stderr: expect.stringMatching(/^\d+ earlier events left out; --limit shows more\n$/),
  });
  for (const [words, said] of [
    [['--since', 'soon'], /Invalid .*"soon"/],
    [['--limit', '0'], /Invalid number "0" for --limit/],
    [['--by', ''], /--by needs a value/],
    [['a:b:c'], /Invalid compound name/],
    [['*:b:c'], /Invalid pattern/],
  ] as const) {
    const { exitCode, stderr } = await alice.run(['history', ...words]);
    expect({ words, exitCode }).toEqual({ words, exitCode: 2 });
    expect(stderr).toMatch(said);
  }
  // How long it was watched is part of it, also when the daemon has ended.
  await alice.run(['daemon', 'stop']);
  await until('it to be told', async () => (await alice.told('--all')).at(-1) === 'unwatched');
  expect(daemonsBelow(alice.home)).toEqual([]);
}, 120_000);

test('a command whose client or daemon is killed has run all the same', async () => {
  const alice = await user('alice@laptop');
  const child = spawn(process.execPath, [CLI, 'exec', 'vm:dev', 'sleep', '33'], { env: alice.environment });
  await until('it to be seen', async () => (await alice.told()).includes('dev ran alice@laptop sleep'));
  expect((await alice.run(['history'])).stdout).toMatch(/ran +alice@laptop +sleep, end unknown\n/);
  child.kill('SIGKILL');
  await alice.run(['daemon', 'stop', '--force']);
  expect(await alice.told()).toContain('dev ran alice@laptop sleep');
}, 60_000);

test('the end of a job that somebody waits for, once, and when it was', async () => {
  const alice = await user('alice@laptop');
  const { stdout } = await alice.run(['exec', '--detach', 'vm:dev', 'sleep 1; exit 7']);
  const job = stdout.trim();
  const both = await Promise.all([alice.run(['wait', job]), alice.run(['wait', job])]);
  expect(both.map(({ exitCode }) => exitCode)).toEqual([7, 7]);
  const row = async () =>
    JSON.parse((await alice.run(['history', '--format', 'ndjson'])).stdout.trim().split('\n').at(-1) ?? '');
  const first = await row();
  expect(first).toMatchObject({ what: 'ran', program: 'sleep', job, exitCode: 7, endedAt: expect.any(String) });
  // Waiting for what has ended does not change when that was.
  expect((await alice.run(['wait', job])).exitCode).toBe(7);
  expect(await row()).toEqual(first);
  await alice.run(['daemon', 'stop']);
}, 60_000);

test('two connections to one VM see everything once', async () => {
  const alice = await user('alice@laptop');
  const other = join(lab.directory, 'other-key');
  copyFileSync(lab.identity, other);
  chmodSync(other, 0o600);
  await alice.run(['exec', 'vm:dev', 'true'], { environment: { AZLIN_IDENTITY: other } });
  expect((await alice.run(['daemon', 'status'])).stdout).toContain('connected to 2 servers');
  // Both have looked at least once.
  await until('the VM to be watched', async () => (await alice.told('--all')).includes('watched'));
  for (const name of ['first', 'second']) {
    await alice.run(['exec', '--create', `vm:${name}`, 'true']);
    await until('it to be seen', async () => (await alice.told()).includes(`${name} created alice@laptop`));
  }
  const created = async (name: string) => (await alice.told()).filter((one) => one.startsWith(`${name} created`));
  expect(await created('first')).toHaveLength(1);
  for (const name of ['first', 'second']) await alice.run(['disconnect', `vm:${name}`, '--kill', '--yes']);
}, 60_000);

test('each of two contexts finds in its own registry what is seen while both use a VM', async () => {
  const [one, two] = ['one.db', 'two.db'].map((name) => join(lab.directory, name));
  const settings = `[contexts.one.registry]\npath = '${one}'\n[contexts.two.registry]\npath = '${two}'\n`;
  const alice = await user('alice@laptop', { AZLIN_CONTEXT: 'one' }, settings);
  const inTwo = { environment: { AZLIN_CONTEXT: 'two' } };
  await alice.run(['exec', '--create', 'vm:both', 'true']);
  await alice.run(['exec', 'vm:dev', 'false'], inTwo);
  const told = async (context: string) => (await alice.told('--all', '--context', context)).join('\n');
  await until('one to have it', async () => (await told('one')).includes('both created'));
  await until('two to have it', async () => (await told('two')).includes('both created'));
  expect(await told('two')).toMatch(/^watched$/m);
  expect(await told('two')).toContain('ran alice@laptop false 1');
  expect(await told('one')).not.toContain('false');
  expect(await told('two')).not.toContain('true');
  await alice.run(['disconnect', 'vm:both', '--kill', '--yes']);
}, 60_000);

test('Ctrl-C ends a wait for a database that does not answer', async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const url = `postgres://team:${PASSWORD}@127.0.0.1:${port}/registry`;
  const { environment } = await user('alice@laptop', { AZLIN_REGISTRY_URL: url, AZLIN_PERSIST: '0' });
  const child = spawn(process.execPath, [CLI, 'history'], { env: environment });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  // It has begun to wait.
  await once(silent, 'connection');
  const since = performance.now();
  child.kill('SIGINT');
  const [code] = await once(child, 'close');
  silent.close();
  expect({ code, said }).toEqual({ code: 130, said: expect.not.stringContaining(PASSWORD) });
  // It would wait for ten seconds.
  expect(performance.now() - since).toBeLessThan(6_000);
}, 60_000);

test('a daemon that is killed has lost nothing', async () => {
  const alice = await user('alice@laptop');
  for (const code of [1, 2, 3]) await alice.run(['exec', '--create', 'vm:dev', 'exit', `${code}`]);
  await until('it to be written', async () => (await alice.told()).includes('dev ran alice@laptop exit 3'));
  for (const pid of daemonsBelow(alice.home)) process.kill(pid, 'SIGKILL');
  const told = (await alice.told()).filter((one) => one.includes(' ran '));
  expect(told).toEqual([1, 2, 3].map((code) => `dev ran alice@laptop exit ${code}`));
}, 60_000);

test('in memory: the daemon tells it, nothing is written, and its end is the end of it', async () => {
  const alice = await user('alice@laptop', { AZLIN_REGISTRY: 'memory' });
  await alice.run(['exec', '--create', 'vm:dev', 'true']);
  await until('it to be told', async () => (await alice.told()).includes('dev ran alice@laptop true 0'));
  expect(existsSync(alice.file)).toBe(false);
  expect(await alice.run(['registry', 'list'])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/^error: The registry is in memory.*\nhint: azlin config set registry.backend disk/),
  });
  expect((await alice.run(['registry', 'check'])).stdout).toMatch(/^ok +registry +in memory/);
  await alice.run(['daemon', 'stop']);
  await until('the daemon to end', () => daemonsBelow(alice.home).length === 0);
  expect(await alice.told()).toEqual([]);
}, 60_000);

test('a registry that cannot be written holds up nothing, and gets everything when it can', async () => {
  const blocked = join(lab.directory, 'blocked');
  writeFileSync(blocked, '');
  const path = join(blocked, 'registry.db');
  const alice = await user('alice@laptop', {}, `[registry]\npath = '${path}'\n`);
  await alice.run(['exec', '--create', 'vm:dev', 'true']);
  const log = () => readFileSync(join(alice.home, 'daemon.log'), 'utf8');
  await until('it to be said', () => log().includes('the history cannot be written'));
  expect(await alice.run(['exec', 'vm:dev', 'exit', '5'])).toMatchObject({ exitCode: 5, stderr: '' });
  expect(log().match(/cannot be written/g)).toHaveLength(1);
  expect(await alice.run(['registry', 'check'])).toMatchObject({
    exitCode: 7,
    stdout: expect.stringMatching(
      /^FAIL +registry +Cannot open the registry [\s\S]*daemon cannot write the history \(\d+ events? waits?\)/,
    ),
  });
  expect(await alice.run(['history', '--since', '1s'], { environment: { AZLIN_REGISTRY: 'auto' } })).toMatchObject({
    stderr: expect.stringMatching(/Cannot open the registry/),
  });
  rmSync(blocked);
  mkdirSync(blocked);
  const told = await alice.told();
  expect(told).toContain('dev ran alice@laptop exit 5');
  expect(told).toContain('dev ran alice@laptop true 0');
}, 90_000);

test('a team: each thing once, whoever has seen it, and no password anywhere', async () => {
  const url = postgres.url();
  const [, secret = ''] = /:([^:@]+)@/.exec(url) ?? [];
  expect(decodeURIComponent(secret).length).toBeGreaterThan(6);
  const alice = await user('alice@laptop', {}, `[registry]\nurl = '${url}'\n`);
  chmodSync(join(alice.home, 'config.toml'), 0o644);
  const bob = await user('bob@desk', { AZLIN_REGISTRY_URL: url });
  for (const one of [alice, bob])
    await until(
      'the VM to be watched',
      async () => (await one.rows('--all')).filter(({ what }) => what === 'watched').length > 1,
    );
  await alice.run(['exec', '--create', 'vm:team', 'true']);
  await until('the session to be seen', async () => (await bob.told()).includes('team created alice@laptop'));
  await bob.run(['exec', 'vm:team', 'exit', '7']);
  const terminal = await openTerminal(bob.environment);
  try {
    await terminal.type(`${process.execPath} ${CLI} connect vm:team\n`);
    await terminal.shows(/\[team\] /);
    await until('it to be seen', async () => (await alice.told()).includes('team attached bob@desk'));
    await terminal.press('C-b', 'd');
    await until('its end to be seen', async () => (await alice.told()).includes('team detached bob@desk'));
  } finally {
    await terminal.close();
  }
  await alice.run(['exec', '--create', 'vm:later', 'true']);
  await until('the next one to be seen', async () => (await bob.told()).includes('later created alice@laptop'));
  const told = await bob.told('--by', 'bob');
  expect(told).toEqual(['team ran bob@desk exit 7', 'team attached bob@desk', 'team detached bob@desk']);
  expect(await alice.told('--by', 'bob')).toEqual(told);
  expect((await alice.told()).filter((one) => one.includes('team created'))).toHaveLength(1);
  // The password is in no output.
  const outputs = await Promise.all(
    [
      ['config'],
      ['config', 'get', 'registry.url'],
      ['config', '--format', 'json'],
      ['registry', 'status'],
      ['registry', 'check'],
      ['doctor'],
      ['history', '--verbose'],
    ].map((args) => alice.run(args)),
  );
  for (const { stdout, stderr } of outputs)
    for (const form of [secret, decodeURIComponent(secret)]) expect(stdout + stderr).not.toContain(form);
  expect(outputs[1]?.stdout).toMatch(/^postgres:\/\/team:\*\*\*@127\.0\.0\.1:\d+\/registry\n$/);
  expect(outputs[4]?.stdout).toMatch(/warn +registry +\S+config.toml has the password of the registry/);
  expect(readFileSync(join(alice.home, 'daemon.log'), 'utf8')).not.toContain(decodeURIComponent(secret));
  const wrong = url.replace(secret, `${PASSWORD}x`);
  const denied = await bob.run(['registry', 'status'], { environment: { AZLIN_REGISTRY_URL: wrong } });
  expect(denied).toMatchObject({ stderr: expect.stringMatching(/hint: the password is wrong/) });
  expect(denied.stderr).not.toContain(PASSWORD);
  for (const odd of [
    'bob:hunter2/secret@127.0.0.1:1/db',
    'bob:9999/secret@db',
    'bob:se,cret/x@db',
    'h/d?password=secret',
  ]) {
    for (const args of [['config', 'set', 'registry.url', `postgres://${odd}`], ['history']]) {
      const said = await bob.run(args, { environment: { AZLIN_REGISTRY_URL: `postgres://${odd}` } });
      expect({ odd, args, exitCode: said.exitCode }).toEqual({ odd, args, exitCode: 2 });
      expect(said.stdout + said.stderr).not.toContain('secret');
    }
  }
  const senseless = await bob.run(['registry', 'status'], {
    environment: { AZLIN_REGISTRY_URL: `mysql://u:${PASSWORD}@h/d` },
  });
  expect(senseless).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('AZLIN_REGISTRY_URL: expected postgres://'),
  });
  expect(senseless.stderr).not.toContain(PASSWORD);
}, 120_000);

test('registry: records in a table, one of them, those that have expired, a damaged file', async () => {
  const alice = await user('alice@laptop', { AZLIN_PERSIST: '0' });
  expect((await alice.run(['registry', 'check'])).stdout).toMatch(/^ok +registry +\S+registry\.db, not created yet\n$/);
  expect(existsSync(alice.file)).toBe(false);
  const registry = await openRegistry({ preset: 'single', path: alice.file });
  await registry.create({ id: 's-1', metadata: { user_id: 'alice', request_count: 3 } });
  await registry.create({ id: 's-2', metadata: { user_id: 'bob\u001b[31m' }, ttl: Number.POSITIVE_INFINITY });
  await registry.disconnect('s-2', 'client_disconnect');
  await registry.create({ id: 's-3', ttl: 1 });
  await registry.close();
  const list = async (...args: string[]) => {
    const { stdout } = await alice.run(['registry', 'list', ...args, '--format', 'ndjson']);
    return stdout.split('\n').flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { id: string }).id]));
  };
  const table = (await alice.run(['registry', 'list'])).stdout;
  expect(table).toMatch(
    /^ID +USER +CREATED +USED +EXPIRES +STATE\ns-1 +alice +\d+ s ago +\d+ s ago +in \d+ min +connected\n/,
  );
  expect(table).toMatch(/^s-2 .* never +disconnected \d+ s ago: client_disconnect$/m);
  expect(table).not.toContain('\u001b');
  expect(await list()).toEqual(['s-1', 's-2']);
  expect(await list('--connected')).toEqual(['s-1']);
  expect(await list('--disconnected')).toEqual(['s-2']);
  expect(await list('--where', 'user_id=alice', '--where', 'request_count=3')).toEqual(['s-1']);
  expect(await list('--where', 'request_count="3"')).toEqual([]);
  expect(await list('--limit', '1')).toEqual(['s-1']);
  const one = await alice.run(['registry', 'show', 's-1', '--format', 'json']);
  expect(JSON.parse(one.stdout)).toMatchObject({ id: 's-1', version: 1, events: [{ kind: 'created' }] });
  expect((await alice.run(['registry', 'show', 's-1'])).stdout).toMatch(
    /^id +s-1\nstate +connected\n[\s\S]*\nuser_id +alice\n/,
  );
  expect((await alice.run(['registry', 'expire'])).stderr).toBe('1 record expired\n');
  expect(await alice.run(['registry', 'expire', '-o', 'json'])).toMatchObject({
    stdout: '{\n  "expired": 0\n}\n',
    stderr: 'nothing has expired\n',
  });
  expect(await alice.run(['registry', 'show', 's-3'])).toMatchObject({
    exitCode: 3,
    stderr: 'error: There is no record "s-3" in the registry\nhint: it is gone: expired\n',
  });
  expect((await alice.told()).slice(0, 2)).toEqual(['registered alice', 'registered bob\u001b[31m']);
  const status = await alice.run(['registry', 'status']);
  expect(status.stdout).toMatch(
    /^backend +disk, \S+registry\.db\nrecords +2: 1 connected, 1 disconnected; about \d{3} bytes each\n/,
  );
  for (const words of [
    ['show'],
    ['list', 's-1'],
    ['status', '--connected'],
    ['list', '--connected', '--disconnected'],
    ['list', '--where', 'nonsense'],
    ['list', '--limit', 'x'],
    ['show', 'no id'],
  ])
    expect({ words, ...(await alice.run(['registry', ...words])) }).toMatchObject({ words, exitCode: 2 });
  // What is damaged is set aside, and that is said.
  const bytes = readFileSync(alice.file);
  bytes.fill(0xff, 4_096, 12_288);
  writeFileSync(alice.file, bytes);
  const damaged = await alice.run(['registry', 'status']);
  expect(damaged).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(/^warning: the registry \S+ was damaged: /m),
  });
}, 60_000);
