import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { startFleet } from '../support/fleet.ts';
import { openTerminal } from '../support/terminal.ts';
import { warmAzlin as azlinOn } from '../support/warm-azlin.ts';

let fleet: DemoFleet;
let home: string;
let path: string;
beforeAll(async () => {
  fleet = await startFleet([{ name: 'myvm', sessions: ['dev'] }]);
}, 60_000);
afterAll(() => fleet.close());
beforeEach(() => {
  home = mkdtempSync(join(fleet.directory, 'settings-'));
  path = join(home, 'config.toml');
});

const text = () => readFileSync(path, 'utf8');
const azlin = (line: string, environment: Readonly<Record<string, string>> = {}) =>
  azlinOn(fleet, line.split(' '), { environment: { AZLIN_HOME: home, AZLIN_IDENTITY: '', ...environment } });
/** Where each setting that is set comes from. */
async function sources(environment: Readonly<Record<string, string>> = {}, more = '') {
  const { stdout, stderr } = await azlin(`config --format json${more}`, environment);
  if (stdout === '') throw new Error(stderr);
  const rows = JSON.parse(stdout) as readonly { key: string; value: unknown; source: string }[];
  return Object.fromEntries(rows.map(({ key, value, source }) => [key, `${value} ${source}`]));
}

describe('azlin config', () => {
  test('set and unset keep comments, order and what else there is', async () => {
    writeFileSync(path, '# mine\n[ssh]\n# who\nuser = "alice" # me\n\n[[ssh.jumps]]\ntag = "x"\nproxyjump = "h"\n');
    expect(await azlin('config set ssh.user bob')).toMatchObject({ exitCode: 0, stderr: `set ssh.user in ${path}\n` });
    expect(text()).toBe('# mine\n[ssh]\n# who\nuser = "bob" # me\n\n[[ssh.jumps]]\ntag = "x"\nproxyjump = "h"\n');
    await azlin('config set ssh.port 2222');
    await azlin('config set list.deadline 9s');
    await azlin('config set aliases.prod web-1:main db:main');
    await azlin('config set azure.subscriptions a,b c');
    expect(text()).toContain('user = "bob" # me\nport = 2222\n');
    expect(await sources()).toMatchObject({
      'ssh.port': '2222 file',
      'list.deadline': '9s file',
      'azure.subscriptions': 'a,b,c file',
    });
    expect((await azlin('config get aliases.prod')).stdout).toBe('web-1:main,db:main\n');
    await azlin('config unset list.deadline');
    await azlin('config unset aliases.prod');
    expect(text()).not.toMatch(/list|aliases|prod/);
    expect((await azlin('config unset list.deadline')).stderr).toContain('list.deadline was not set');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('unset takes nothing else away: comments, other tables, other contexts', async () => {
    const before = [
      '# top',
      '',
      '# about list',
      '[list]',
      '# for each VM',
      'deadline = "9s"',
      '',
      '# about ssh',
      '[ssh]',
      'user = "a" # me',
      'identity = [',
      '  "~/.ssh/one", # first',
      '  "~/.ssh/two",',
      ']',
      'port = 22',
      '',
      '# for tests',
      '[contexts.lab.ssh]',
      'user = "x"',
      '[contexts.lab.azure]',
      'tenant = "t"',
      '',
      '# careful!',
      '[contexts.prod.ssh]',
      'user = "p"',
      '',
    ];
    writeFileSync(path, before.join('\n'));
    const comments = before.filter((line) => line.startsWith('#'));
    await azlin('config unset list.deadline');
    await azlin('config unset ssh.identity');
    await azlin('context use prod');
    await azlin('context delete lab');
    expect(
      text()
        .split('\n')
        .filter((line) => line.startsWith('#')),
    ).toEqual(comments);
    expect(text()).toMatch(/^context = "prod"\n\n# top\n/);
    expect(text()).toContain('# about ssh\n[ssh]\nuser = "a" # me\nport = 22\n');
    expect(text()).toContain('# careful!\n[contexts.prod.ssh]\nuser = "p"\n');
    expect(text()).not.toMatch(/lab|one|two|9s/);
    expect(await sources()).toMatchObject({ context: 'prod file', 'ssh.user': 'p context', 'ssh.port': '22 file' });
    for (const table of ['ssh', 'contexts.prod', 'contexts'])
      expect((await azlin(`config unset ${table}`)).stderr).toContain(`${table} is a table, not a setting`);
  });

  test('a file with CRLF stays one; a link to a file that is not there yet stays a link', async () => {
    writeFileSync(path, '[ssh]\r\nuser = "a" # me\r\nport = 22\r\n');
    await azlin('config set ssh.user bob');
    await azlin('config set list.deadline 9s');
    expect(text()).toBe('[ssh]\r\nuser = "bob" # me\r\nport = 22\r\n\r\n[list]\r\ndeadline = "9s"\r\n');
    const link = join(home, 'link.toml');
    mkdirSync(join(home, 'dots'));
    symlinkSync('dots/azlin.toml', link);
    await azlin('config set ssh.user bob', { AZLIN_CONFIG: link });
    expect(readFileSync(join(home, 'dots/azlin.toml'), 'utf8')).toBe('[ssh]\nuser = "bob"\n');
  });

  test('several azlin at once lose nothing', async () => {
    const names = Array.from({ length: 8 }, (_, index) => `n${index}`);
    const ended = await Promise.all(names.map((name) => azlin(`config set aliases.${name} myvm:dev`)));
    expect(ended.map(({ exitCode }) => exitCode)).toEqual(names.map(() => 0));
    expect([...text().matchAll(/^(n\d) = /gm)].map(([, name]) => name).sort()).toEqual(names);
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  test('several azlin beside the lock of a dead one lose nothing either', async () => {
    writeFileSync(`${path}.lock`, '');
    const names = Array.from({ length: 8 }, (_, index) => `n${index}`);
    const ended = await Promise.all(names.map((name) => azlin(`config set aliases.${name} myvm:dev`)));
    expect(ended.map(({ exitCode }) => exitCode)).toEqual(names.map(() => 0));
    expect([...text().matchAll(/^(n\d) = /gm)].map(([, name]) => name).sort()).toEqual(names);
    expect(readdirSync(home).filter((name) => name.includes('.lock'))).toEqual([]);
  });

  test.each([
    ['blank lines', '\n\n# top\n\n\n[ssh]\n\nuser = "a"   # me\n\n\n\nport = 22\n\n\n'],
    ['order', 'context = "lab"\n[ssh]\nport=22\n  user    =   \'a\'#me\n[azure]\n[contexts.lab.ssh]\nuser = "x"\n'],
    ['line breaks of two kinds', '# one\r\n[ssh]\nport = 22\r\nuser = "a"\r\n\r\n# two\n'],
    ['a byte order mark', '\ufeff[ssh]\nuser = "a"\n'],
    ['no line break at the end', '[ssh]\nport = 22\nuser = "a"'],
  ])('set and unset change nothing but their line: %s', async (_, before) => {
    writeFileSync(path, before);
    expect((await azlin('config set ssh.user bob')).exitCode).toBe(0);
    expect(text()).toBe(before.replace(/(user +=? +)["']a["']/, '$1"bob"'));
    await azlin('config set ssh.keepalive 9');
    const [line = ''] = /^keepalive = 9.*$/m.exec(text()) ?? [];
    await azlin('config unset ssh.keepalive');
    expect(line).toMatch(/^keepalive = 9\r?$/);
    expect(text().trimEnd()).toBe(before.replace(/(user +=? +)["']a["']/, '$1"bob"').trimEnd());
  });

  test('paths are kept as they are meant, values may begin with a dash, odd names are refused', async () => {
    await azlin('config set ssh.identity keys/one');
    expect((await azlin('config get ssh.identity')).stdout).toBe(`${process.cwd()}/keys/one\n`);
    await azlin('config set inventory.source resource-graph');
    expect((await azlin('config get inventory.source')).stdout).toBe('resource-graph\n');
    expect((await azlin('config set session.label -- -x-')).exitCode).toBe(0);
    expect((await azlin('config get session.label')).stdout).toBe('-x-\n');
    for (const line of [
      'config set aliases.__proto__ x',
      'config get aliases.toString',
      'context create __proto__ -l x',
    ])
      expect((await azlin(line)).exitCode).toBe(2);
  });

  test('get gives the value alone; path, --all and the formats', async () => {
    expect((await azlin('config get session.default')).stdout).toBe('azlin\n');
    // Words about a default are no value.
    expect(await azlin('config get ssh.port')).toMatchObject({
      exitCode: 0,
      stdout: '',
      stderr: 'ssh.port is not set; default: 22\n',
    });
    expect((await azlin('config path')).stdout).toBe(`${path}\n`);
    expect((await azlin('config --all')).stdout).toMatch(/^ssh\.keepalive +15s +default$/m);
    expect(await azlin('config get nosuch.key')).toMatchObject({ exitCode: 2 });
    const [row] = JSON.parse((await azlin('config --all --format json')).stdout) as readonly object[];
    expect(Object.keys(row ?? {})).toEqual(['key', 'value', 'source', 'where', 'variable', 'default']);
  });

  test.each([
    ['config set ssh.usr x', /Unknown setting "ssh.usr"\nhint: did you mean ssh.user\?/],
    ['config set ssh.port 70000', /Invalid value for ssh.port: "70000": expected a port number/],
    ['config set ssh.port', /Missing value: azlin config set/],
    ['config set ssh.user a b', /ssh.user takes one value, not 2/],
    ['config set ssh.jumps x', /ssh.jumps is a table/],
    ['config set aliases x', /aliases is a table[^\n]*\nhint: azlin config set aliases.NAME/],
    ['config set context nosuch', /There is no context "nosuch"/],
    ['config set --context nosuch ssh.user x', /There is no context "nosuch"/],
    ['config frobnicate', /Invalid value "frobnicate" as action: expected one of list, view, get, set/],
    ['config list ssh.user', /azlin config list takes no key/],
    ['config set ssh.port 1e3', /expected a port number/],
    ['config set ssh.port 022', /expected a port number/],
    ['config unset ssh.user x', /azlin config unset takes no value/],
    ['config edit', /azlin config edit needs a terminal/],
  ])('%s', async (line, message) => {
    const { exitCode, stderr } = await azlin(line);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringMatching(message) });
    expect(existsSync(path)).toBe(false);
  });

  test('a key that is typed wrong in the file is an error with the nearest one; unset takes it away', async () => {
    writeFileSync(path, '[ssh]\nuser = "alice"\nprot = 22\n');
    const { exitCode, stderr } = await azlin('list');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: `error: ${path}:3: unknown setting "ssh.prot"\nhint: did you mean ssh.port?\n`,
    });
    expect((await azlin('config set ssh.user bob')).exitCode).toBe(2);
    expect((await azlin('help exit-codes')).exitCode).toBe(0);
    expect((await azlin('help', { AZLIN_SSH_PORT: 'x', AZLIN_CONTEXT: 'gone' })).exitCode).toBe(0);
    expect(JSON.parse((await azlin('config path --format json')).stdout)).toEqual({ path });
    expect((await azlin('config', { AZLIN_SSH_PORT: 'x' })).exitCode).toBe(2);
    expect((await azlin('config unset ssh.prot')).exitCode).toBe(0);
    expect(text()).toBe('[ssh]\nuser = "alice"\n');
  });

  test('a file that is no TOML is left alone', async () => {
    writeFileSync(path, '[ssh\n');
    expect((await azlin('config set ssh.user bob')).stderr).toMatch(/Cannot read the settings in .*:1: /);
    expect(text()).toBe('[ssh\n');
  });

  test('a link stays one, and what cannot be written is an error', async () => {
    mkdirSync(join(home, 'dotfiles'));
    writeFileSync(join(home, 'dotfiles', 'azlin.toml'), '');
    symlinkSync(join(home, 'dotfiles', 'azlin.toml'), path);
    await azlin('config set ssh.user bob');
    expect(readFileSync(join(home, 'dotfiles', 'azlin.toml'), 'utf8')).toBe('[ssh]\nuser = "bob"\n');
    const elsewhere = join(home, 'config.toml', 'config.toml');
    const { exitCode, stderr } = await azlin('config set ssh.user bob', { AZLIN_CONFIG: elsewhere });
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(elsewhere) });
  });

  test('what counts more than what was set is said', async () => {
    expect((await azlin('config set ssh.user bob', { AZLIN_SSH_USER: 'eve' })).stderr).toContain(
      'AZLIN_SSH_USER takes precedence, so this has no effect now',
    );
  });

  test('edit: a mistake is not saved, and can be mended', async () => {
    const editor = join(home, 'editor');
    writeFileSync(
      editor,
      `#!/bin/sh\nif grep -q usr "$1"; then echo '[ssh]\nuser = "ok"' >"$1"; else echo '[ssh]\nusr = "x"' >>"$1"; fi\n`,
    );
    chmodSync(editor, 0o755);
    writeFileSync(path, '# before\n');
    const terminal = await openTerminal({ ...fleet.environment, AZLIN_HOME: home, EDITOR: editor });
    try {
      await terminal.type('clear; azlin config edit; echo "code $?"');
      await terminal.press('Enter');
      await terminal.shows(/unknown setting "ssh.usr"[\s\S]*did you mean ssh.user\?[\s\S]*Edit it again\?/);
      expect(text()).toBe('# before\n');
      await terminal.type('n');
      await terminal.press('Enter');
      await terminal.shows(/is unchanged[\s\S]*code 2/);
      await terminal.type('clear; azlin config edit; echo "second $?"');
      await terminal.press('Enter');
      await terminal.shows(/Edit it again\?/);
      await terminal.type('y');
      await terminal.press('Enter');
      await terminal.shows(/saved [\s\S]*second 0/);
      expect(text()).toBe('[ssh]\nuser = "ok"\n');
    } finally {
      await terminal.close();
    }
  });
});

describe('contexts', () => {
  test('create, use, show, delete', async () => {
    expect((await azlin('context')).stderr).toContain('no contexts;');
    expect((await azlin('context create lab')).stderr).toMatch(/Missing settings for the context "lab"/);
    await azlin('context create lab --subscription lab -g rg-lab -l bob --tenant t1 --port 2222 --jump bastion');
    await azlin('context create prod --inventory prod.toml');
    expect(text()).toContain(
      '[contexts.lab.azure]\nsubscriptions = [ "lab" ]\ntenant = "t1"\nresource_group = "rg-lab"\n',
    );
    expect((await azlin('context create lab -l x')).stderr).toContain('The context "lab" already exists');
    expect((await azlin('context use lb')).stderr).toContain('did you mean lab?');
    expect((await azlin('context use lab')).exitCode).toBe(0);
    const { stdout } = await azlin('context');
    expect(stdout).toMatch(/^\* +lab +lab +rg-lab +bob$/m);
    expect(stdout).toMatch(/^ +prod +- +- +-$/m);
    expect((await azlin('context show')).stdout).toMatch(/^ssh\.proxyjump +bastion$/m);
    expect(await sources()).toMatchObject({
      context: 'lab file',
      'ssh.user': 'bob context',
      'ssh.port': '2222 context',
    });
    await azlin('config set --context lab ssh.user carol');
    expect((await azlin('config get ssh.user')).stdout).toBe('carol\n');
    expect((await azlin('config set ssh.user dave')).stderr).toContain('context "lab" takes precedence');
    expect((await azlin('context delete lab')).stderr).toContain('it was in use; no context is in use now');
    expect((await azlin('config get ssh.user')).stdout).toBe('dave\n');
    expect(text()).not.toContain('lab');
  });

  test('flag over environment over context over file, but a context that a flag names over the environment', async () => {
    writeFileSync(
      path,
      'context = "one"\n[ssh]\nuser = "file"\nport = 1\nkeepalive = 7\n[contexts.one.ssh]\nuser = "one"\nport = 2\n[contexts.two.ssh]\nuser = "two"\n',
    );
    const user = async (environment: Readonly<Record<string, string>> = {}, more = '') =>
      (await sources(environment, more))['ssh.user'];
    expect(await user()).toBe('one context');
    expect(await user({ AZLIN_CONTEXT: 'two' })).toBe('two context');
    expect(await user({ AZLIN_SSH_USER: 'env' })).toBe('env environment');
    expect(await user({ AZLIN_SSH_USER: 'env', AZLIN_CONTEXT: 'two' })).toBe('env environment');
    expect(await user({ AZLIN_SSH_USER: 'env' }, ' --context two')).toBe('two context');
    expect(await sources({}, ' --context two')).toMatchObject({ 'ssh.port': '1 file', 'ssh.keepalive': '7 file' });
    expect((await azlin('context use two', { AZLIN_CONTEXT: 'one' })).stderr).toContain(
      'AZLIN_CONTEXT=one takes precedence',
    );
    expect((await azlin('context show one', { AZLIN_CONTEXT: 'one', AZLIN_SSH_USER: 'env' })).stderr).toContain(
      'ssh.user: AZLIN_SSH_USER takes precedence now',
    );
  });

  test('one that is missing stops every command but those that mend it', async () => {
    writeFileSync(path, 'context = "gone"\n[contexts.here.ssh]\nuser = "x"\n');
    expect(await azlin('list')).toMatchObject({
      exitCode: 2,
      stderr: `error: There is no context "gone" in ${path} (${path}:1)\nhint: contexts: here\n`,
    });
    expect(await azlin('list', { AZLIN_CONTEXT: 'nope' })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('(AZLIN_CONTEXT)'),
    });
    expect((await azlin('list --context her')).stderr).toContain('did you mean here?');
    expect((await azlin('context use here')).exitCode).toBe(0);
    expect((await azlin('config get context')).stdout).toBe('here\n');
  });

  test.each([
    ['[contexts]\nlab = 5\n', /:2: Invalid context "lab": expected a table/],
    ['[contexts."a b".ssh]\nuser = "x"\n', /Invalid context "a b"/],
    ['[contexts.lab.ssh]\nusr = "x"\n', /:2: unknown setting "ssh.usr"\nhint: did you mean ssh.user/],
    ['[contexts.lab]\ncontext = "x"\n', /:2: a context cannot select another one/],
  ])('%j', async (content, message) => {
    writeFileSync(path, content);
    expect(await azlin('list')).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(message) });
  });

  test('VMs, user and hints are those of the context', async () => {
    const inventory = join(home, 'lab.toml');
    writeFileSync(inventory, '[[vms]]\nname = "lab-vm"\naddress = "127.77.0.1"\n');
    await azlin(`context create lab --inventory ${inventory}`);
    expect((await azlin('list --no-sessions --context lab')).stdout).toMatch(/^lab-vm/m);
    expect((await azlin('list --no-sessions')).stdout).toMatch(/^myvm/m);
    expect((await azlin('connect --context lab nosuch:x')).stderr).toContain('azlin list --context lab');
    expect((await azlin('doctor --context lab')).stdout).toContain('context "lab"');
    await azlin('config set --context lab ssh.proxyjump 127.77.0.9:9');
    expect((await azlin('exec --context lab lab-vm:x true')).stderr).toContain('127.77.0.9');
    expect((await azlin('exec lab-vm:x true')).stderr).not.toContain('127.77.0.9');
  });
});

describe('azlin init', () => {
  test('asks, tests, writes and keeps what else is set', async () => {
    writeFileSync(path, '# keep me\n[list]\ndeadline = "9s"\n[ssh]\nuser = "root"\n');
    const environment = { ...fleet.environment, AZLIN_HOME: home, AZURE_SUBSCRIPTION_ID: '', AZLIN_IDENTITY: '' };
    const terminal = await openTerminal(environment, 100, 30);
    try {
      await terminal.type('clear; azlin init; echo "code $?"');
      await terminal.press('Enter');
      await terminal.shows(/Subscriptions known to az:\n +1 +\S[\s\S]*Subscription: .*\[1\]/);
      await terminal.type('99');
      await terminal.press('Enter');
      await terminal.shows(/a number from 1 to/);
      await terminal.press('BSpace', 'BSpace', 'Enter');
      await terminal.shows(/Resource group \[all\]:/);
      await terminal.type('rg-demo');
      await terminal.press('Enter');
      await terminal.shows(/User name on the VMs \[root\]:/);
      await terminal.press('Enter');
      await terminal.shows(/Private key file/);
      await terminal.type(fleet.identity);
      await terminal.press('Enter');
      await terminal.shows(/found 1 VM, 1 running[\s\S]*Signed in to myvm[\s\S]*wrote [\s\S]*code 0/);
    } finally {
      await terminal.close();
    }
    expect(text()).toMatch(/^# keep me\n\[list\]\ndeadline = "9s"\n/);
    expect((await sources())['ssh.user']).toBe('root file');
    expect(await sources()).toMatchObject({
      'azure.resource_group': 'rg-demo file',
      'ssh.identity': `${fleet.identity} file`,
    });
  });

  test('on a terminal of 80 columns the paths of settings are whole', async () => {
    const long = join(home, 'a-directory-with-a-long-name-that-does-not-fit/next-to-other-columns/id_ed25519');
    await azlin(`config set ssh.identity ${long}`);
    const terminal = await openTerminal({ ...fleet.environment, AZLIN_HOME: home, AZLIN_IDENTITY: '' }, 80, 120);
    try {
      await terminal.type('clear; azlin config view; echo "code $?"\n');
      await terminal.shows(/code 0/);
      expect((await terminal.screen()).replaceAll('\n', '')).toContain(long);
    } finally {
      await terminal.close();
    }
  });

  test.each(['C-d', 'C-c'])('%s at a question ends it, and nothing is written', async (key) => {
    const terminal = await openTerminal({ ...fleet.environment, AZLIN_HOME: home, AZURE_SUBSCRIPTION_ID: '' }, 100, 30);
    try {
      await terminal.type('clear; azlin init; echo "code $?"');
      await terminal.press('Enter');
      await terminal.shows(/Subscription: /);
      await terminal.press(key);
      await terminal.shows(/error: Interrupted[\s\S]*code 130/);
      await terminal.type('echo still $((6 * 7))');
      await terminal.press('Enter');
      await terminal.shows(/^still 42/m);
    } finally {
      await terminal.close();
    }
    expect(existsSync(path)).toBe(false);
  });

  test('what does not work is not written, unless somebody wants it', async () => {
    const failed = await azlin('init --yes --subscription 99999999-0000-0000-0000-000000000000');
    expect(failed.exitCode).not.toBe(0);
    expect(failed.stderr).toMatch(/^error: /m);
    expect(existsSync(path)).toBe(false);
  });

  test('without a terminal and without --yes it says so; with it options and what is detected count', async () => {
    expect(await azlin('init')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('this is not a terminal'),
    });
    expect(await azlin('init -y --user root', { AZLIN_IDENTITY: fleet.identity })).toMatchObject({ exitCode: 0 });
    expect(await sources()).toMatchObject({
      'ssh.user': 'root file',
      'azure.subscriptions': expect.stringMatching(/ file$/),
    });
    expect((await azlin('init -y -p 2022')).exitCode).toBe(0);
    expect((await sources())['ssh.port']).toBe('2022 file');
    expect((await azlin('init -y -p 70000')).exitCode).toBe(2);
    const { stderr } = await azlin('init -y', { AZURE_CONFIG_DIR: home, AZLIN_HOME: mkdtempSync(join(home, 'x-')) });
    expect(stderr).toMatch(/The Azure CLI \(az\) knows no subscriptions\nhint: run az login/);
  });
});

describe('what others have a say in is not trusted', () => {
  const exec = () => azlinOn(fleet, ['exec', 'myvm:dev', 'true'], { environment: { AZLIN_HOME: home } });
  const refusal = (what: string, why: string) => ({
    exitCode: 255,
    stdout: '',
    stderr: expect.stringMatching(new RegExp(`^error: .*${what}.*: ${why}\\nhint: ls -ld .*; chmod go-w `)),
  });

  test('AZLIN_HOME', async () => {
    expect((await exec()).exitCode).toBe(0);
    for (const mode of [0o777, 0o1777, 0o703]) {
      chmodSync(home, mode);
      expect(await exec()).toMatchObject(refusal(home, 'others can write to it'));
    }
    // A group that has nobody else in it is its one member.
    chmodSync(home, 0o770);
    expect((await exec()).exitCode).toBe(0);
    if (process.getuid?.() !== 0) return;
    chownSync(home, 0, 12_345);
    expect(await exec()).toMatchObject(refusal(home, 'others can write to it'));
    chownSync(home, 12_345, 0);
    chmodSync(home, 0o700);
    expect(await exec()).toMatchObject(refusal(home, 'it belongs to another user'));
  });

  test('config.toml; one that AZLIN_CONFIG names is read as it is', async () => {
    writeFileSync(path, '[ssh]\nport = 1\n');
    chmodSync(path, 0o602);
    expect(await exec()).toMatchObject(refusal(path, 'others can write to it'));
    expect((await azlin('config get ssh.port', { AZLIN_CONFIG: path })).stdout).toBe('1\n');
    rmSync(path);
    execFileSync('mkfifo', [path]);
    expect(await exec()).toMatchObject(refusal(path, 'it is not a regular file'));
  });

  test('known_hosts', async () => {
    expect((await exec()).exitCode).toBe(0);
    chmodSync(join(home, 'known_hosts'), 0o606);
    expect(await exec()).toMatchObject(refusal('known_hosts', 'others can write to it'));
  });
});
