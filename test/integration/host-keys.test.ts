import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { bash } from '../support/fleet.ts';
import { type Lab, startLab } from '../support/lab.ts';
import { openTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { warmAzlin as azlin } from '../support/warm-azlin.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await startLab();
});
afterAll(() => lab.close());

type Environment = ReturnType<Lab['environment']>;
const exec = (environment: Environment, ...args: string[]) => azlin({ environment }, ['exec', ...args]);
const pinned = ({ AZLIN_HOME }: Environment) =>
  readFileSync(join(AZLIN_HOME, 'known_hosts'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(' ').slice(1, 3).join(' '))
    .sort();
/** `~/.ssh/known_hosts`. */
const usersFile = () => join(lab.home, '.ssh', 'known_hosts');

describe('a server with keys of several types', () => {
  test.each(['ed25519', 'rsa', 'ecdsa'])(
    'is asked for the one that ssh knows: %s; the others follow, proven',
    async (known) => {
      const keys = { ed25519: lab.hostKey('ed25519'), rsa: lab.hostKey('rsa'), ecdsa: lab.hostKey('ecdsa') };
      const all = Object.values(keys);
      const name = `many-${known}`;
      const { address, port } = await lab.start(name, { sshdConfig: all.map(({ config }) => config) });
      writeFileSync(usersFile(), `[${address}]:${port} ${keys[known as keyof typeof keys].publicKey}\n`);
      const environment = lab.environment('[ssh]\nhost_keys = "strict"\n');
      expect(await exec(environment, `${name}:dev`, 'echo hello')).toMatchObject({
        exitCode: 0,
        stdout: 'hello\n',
        stderr: '',
      });
      // They come while the command runs, or with the next one.
      await until('all keys to be pinned', async () => {
        await exec(environment, `${name}:dev`, 'sleep 0.1');
        return pinned(environment).length >= 3;
      });
      const offered = [...all.map(({ publicKey }) => publicKey), hostKeyOf(name)].sort();
      expect(pinned(environment)).toEqual(offered);
      // ssh believes each of them.
      for (const type of ['ssh-ed25519', 'rsa-sha2-512', 'ecdsa-sha2-nistp256']) {
        const { AZLIN_HOME } = environment;
        const agrees = `ssh -F none -o HostKeyAlias=id-of-${name} -o UserKnownHostsFile=${AZLIN_HOME}/known_hosts -o StrictHostKeyChecking=yes -o HostKeyAlgorithms=${type} -i ${lab.identity} -p ${port} ${address} true`;
        expect(await bash({ environment }, agrees)).toMatchObject({ exitCode: 0, stderr: '' });
      }
    },
  );
});

/** The key that every server has besides. */
const hostKeyOf = (name: string) =>
  readFileSync(join(lab.directory, name, 'host_key.pub'), 'utf8')
    .split(' ')
    .slice(0, 2)
    .join(' ');

describe('keys that change', () => {
  test('rotated in two steps, as one should: both are known, then only the new one', async () => {
    const [first, second] = [lab.hostKey('ed25519'), lab.hostKey('ecdsa')];
    const serve = (...keys: { config: string }[]) =>
      lab.start('rotating', { sshdConfig: keys.map(({ config }) => config) });
    const own = () => hostKeyOf('rotating');
    const environment = () => ({ ...lab.environment(), AZLIN_HOME: home });
    await serve(first);
    const home = lab.environment().AZLIN_HOME;
    const settle = (expected: readonly string[]) =>
      until(`the keys ${expected.length}`, async () => {
        expect(await exec(environment(), 'rotating:dev', 'sleep 0.1')).toMatchObject({ exitCode: 0 });
        return JSON.stringify(pinned(environment())) === JSON.stringify([...expected].sort());
      });
    await settle([first.publicKey, own()]);
    await serve(first, second);
    await settle([first.publicKey, second.publicKey, own()]);
    await serve(second);
    await settle([second.publicKey, own()]);
    // A key that nobody has proven is another matter.
    const other = lab.hostKey('ecdsa');
    await lab.start('rotating', { sshdConfig: [other.config, `HostKeyAlgorithms ecdsa-sha2-nistp256`] });
    expect(await exec(environment(), 'rotating:dev', 'true')).toMatchObject({
      exitCode: 255,
      stderr: expect.stringMatching(/has changed[\s\S]*known: +SHA256:\S+ \(E[\s\S]*offered: SHA256:\S+ \(ECDSA\)/),
    });
  });

  test('one that ssh knows otherwise is refused, shown, and forgotten on request, with a copy kept', async () => {
    const { address, port } = await lab.start('rebuilt');
    const old = lab.hostKey('ed25519');
    const before = `other.example ${old.publicKey}\n[${address}]:${port} ${old.publicKey}\n`;
    writeFileSync(usersFile(), before);
    execFileSync('ssh-keygen', ['-H', '-f', usersFile()], { stdio: 'ignore' });
    const hashed = readFileSync(usersFile(), 'utf8');
    const environment = lab.environment();
    expect(await exec(environment, 'rebuilt:dev', 'true')).toMatchObject({
      exitCode: 255,
      stderr: expect.stringContaining(`${usersFile()}:2`),
    });
    const shown = await azlin({ environment }, ['host-key', 'show', 'rebuilt', '--format', 'json']);
    expect(JSON.parse(shown.stdout)).toEqual([
      {
        host: 'rebuilt',
        type: 'ssh-ed25519',
        fingerprint: expect.stringMatching(/^SHA256:/),
        path: usersFile(),
        line: 2,
        revoked: false,
      },
    ]);
    const forgotten = await azlin({ environment }, ['host-key', 'forget', 'rebuilt']);
    expect(forgotten).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining(`${usersFile()}:2`),
      stderr: expect.stringContaining('forgot 1 host key of "rebuilt"'),
    });
    expect(readFileSync(`${usersFile()}.old`, 'utf8')).toBe(hashed);
    expect(readFileSync(usersFile(), 'utf8')).toBe(hashed.split('\n').slice(0, 1).concat('').join('\n'));
    expect(await exec(environment, 'rebuilt:dev', 'echo again')).toMatchObject({ stdout: 'again\n' });
    expect((await azlin({ environment }, ['host-key', 'forget', 'nobody.example'])).stderr).toContain(
      'no host key was known',
    );
  });

  test('RevokedHostKeys: a list of keys; one that cannot be read lets nobody pass', async () => {
    await lab.start('listed');
    const environment = lab.environment();
    const [path, list] = [join(environment.AZLIN_HOME, 'ssh_config'), join(environment.AZLIN_HOME, 'revoked')];
    writeFileSync(path, `RevokedHostKeys ${list}\n`);
    const connect = () =>
      azlin({ environment: { ...environment, AZLIN_SSH_CONFIG: path } }, ['exec', 'listed:dev', 'echo in']);
    expect((await connect()).stderr).toMatch(/Cannot read the revoked host keys/);
    writeFileSync(list, `${lab.hostKey('ed25519').publicKey}\n`);
    expect((await connect()).stdout).toBe('in\n');
    writeFileSync(list, `# bad ones\n${hostKeyOf('listed')} comment\n`);
    expect((await connect()).stderr).toMatch(/is revoked: SHA256:\S+ \(ED25519\), listed in /);
  });

  test('the way out of a changed key works as it is printed: for an address with a port, and for names that are not unique', async () => {
    const { address, port, user } = await lab.start('plain');
    const environment = lab.environment();
    const target = ['exec', '--port', String(port), '--user', user, `${address}:dev`, 'echo in'];
    writeFileSync(
      join(environment.AZLIN_HOME, 'known_hosts'),
      `[${address}]:${port} ${lab.hostKey('ed25519').publicKey}\n`,
    );
    const { stderr } = await azlin({ environment }, target);
    const hint = /azlin (host-key forget \S+)/.exec(stderr)?.[1] ?? '';
    expect(hint).toContain(String(port));
    expect((await bash({ environment }, `${process.execPath} dist/azlin.js ${hint}`)).stderr).toContain(
      'forgot 1 host key',
    );
    expect((await azlin({ environment }, target)).stdout).toBe('in\n');
    lab.name('twin', { address, port, user, resource_group: 'my.rg', id: 'id-of-twin' });
    const both = lab.environment();
    writeFileSync(join(both.AZLIN_HOME, 'known_hosts'), `id-of-twin ${hostKeyOf('plain')}\n`);
    expect((await azlin({ environment: both }, ['host-key', 'show', 'my.rg/twin'])).stdout).toContain('known_hosts:1');
  });

  test('revoked ones are refused, by list too', async () => {
    const { address, port } = await lab.start('revoked');
    writeFileSync(usersFile(), `@revoked [${address}]:${port} ${hostKeyOf('revoked')}\n`);
    const environment = lab.environment();
    const { exitCode, stderr } = await azlin({ environment }, ['connect', 'revoked:dev']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 6,
      stderr: expect.stringMatching(/is revoked: SHA256:.*known_hosts:1/),
    });
    const list = await azlin({ environment }, ['list', '--host', 'revoked', '--format', 'json']);
    expect(JSON.parse(list.stdout)).toEqual([expect.objectContaining({ probe: 'denied' })]);
    writeFileSync(usersFile(), '');
  });
});

describe('names that mean something in known_hosts', () => {
  test.each(['büro', '!not', '#comment', '*', 'a b', '|1|x|y', '@revoked', 'a,b'])(
    'a VM with the id "%s" is pinned as any other',
    async (id) => {
      const first = await lab.start('oddly-named', {}, { id });
      const environment = lab.environment();
      const { AZLIN_HOME } = environment;
      expect((await exec(environment, 'oddly-named:dev', 'echo in')).stdout).toBe('in\n');
      expect((await azlin({ environment }, ['host-key', 'show', 'oddly-named'])).stdout).toMatch(/known_hosts:1$/m);
      await lab.start(
        'oddly-named',
        { sshdConfig: [lab.hostKey('ecdsa').config, 'HostKeyAlgorithms ecdsa-sha2-nistp256'], address: first.address },
        { id },
      );
      const again = { ...lab.environment(), AZLIN_HOME };
      expect((await exec(again, 'oddly-named:dev', 'echo in')).stderr).toMatch(/has changed/);
      // Nobody else's key is it, either.
      await lab.start('victim');
      const other = { ...lab.environment(), AZLIN_HOME };
      expect((await azlin({ environment: other }, ['host-key', 'show', 'victim'])).stderr).toMatch(
        /no host key is known/,
      );
      lab.stop('oddly-named');
    },
  );
});

describe('ask', () => {
  test('asks on a terminal, takes no for an answer, and refuses without one', async () => {
    await lab.start('asking');
    const environment = lab.environment('[ssh]\nhost_keys = "ask"\n');
    expect(await exec(environment, 'asking:dev', 'true')).toMatchObject({
      exitCode: 255,
      stderr: expect.stringMatching(/is not known: SHA256/),
    });
    const terminal = await openTerminal(environment, 160);
    try {
      const run = `node ${process.cwd()}/dist/azlin.js exec asking:dev 'echo he''llo'`;
      await terminal.type(`${run}\n`);
      await terminal.shows(/The host key of "asking" .* is not known: SHA256:\S+ \(ED25519\)\. Trust it\?/);
      await terminal.type('n\n');
      await terminal.shows(/error: The host key of "asking" is not known/);
      await terminal.type(`clear; ${run}\n`);
      await terminal.shows(/Trust it\?/);
      await terminal.type('y\n');
      await terminal.shows(/^hello$/m);
      await terminal.type(`clear; ${run}; echo 'do''ne'\n`);
      expect(await terminal.shows(/^done$/m)).not.toContain('Trust it');
    } finally {
      await terminal.close();
    }
  });
});
