import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { bash, CLI } from '../support/fleet.ts';
import { type Lab, startLab } from '../support/lab.ts';
import { openTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { warmAzlin as azlin } from '../support/warm-azlin.ts';

let lab: Lab;
/** Tells nobody no before it has seen everything. */
let patient: { readonly address: string; readonly port: number; readonly user: string };
beforeAll(async () => {
  lab = await startLab();
  await lab.start('vm', { sshdConfig: ['AcceptEnv LANG LC_* AZ_*'] });
  await lab.start('no-forwarding', { sshdConfig: ['AllowAgentForwarding no'] });
  patient = await lab.start('patient', { authorizedKeys: '', sshdConfig: ['MaxAuthTries 60'] });
});
afterAll(() => lab.close());

const withoutKey = () => ({ ...lab.environment(), AZLIN_IDENTITY: '' });
/** Shell lines that start an agent with these keys, and end it with the shell. */
const agentWith = (...keys: readonly string[]) =>
  `eval "$(ssh-agent -s)" >/dev/null; trap 'kill $SSH_AGENT_PID' EXIT; ssh-add -q ${keys.join(' ')}; `;
const azlinLine = (...words: readonly string[]) => [process.execPath, CLI, ...words].join(' ');

describe('a key that no VM accepts', () => {
  const stranger = () => ({ ...lab.environment(), AZLIN_IDENTITY: lab.key('ecdsa') });
  const said = /^error: None of the \d VMs accepted a key\nhint: azlin doctor \S+ shows why\n$/;

  test('is one error of all VMs, not a warning for each; the list shows what is known', async () => {
    const list = await azlin({ environment: stranger() }, ['list']);
    expect(list).toMatchObject({ exitCode: 5, stderr: expect.stringMatching(said) });
    expect(list.stdout).toMatch(/^vm +\? +Running +127/m);
    const records = await azlin({ environment: stranger() }, ['list', '--format', 'json']);
    expect([records.exitCode, JSON.parse(records.stderr).error.code]).toEqual([5, 'ssh-denied']);
    expect(JSON.parse(records.stdout)).toContainEqual(expect.objectContaining({ hostname: 'vm', probe: 'denied' }));
    const status = await azlin({ environment: stranger() }, ['status']);
    expect(status).toMatchObject({ exitCode: 5, stderr: expect.stringMatching(said) });
    expect(status.stdout).toMatch(/^vm +Running/m);
  });

  test.each([
    ['jobs', 5],
    ['prune', 5],
    ['logs some-job', 5],
    ['exec some-session true', 255],
  ])('%s says the same', async (line, exitCode) => {
    const ended = await azlin({ environment: stranger() }, line.split(' '));
    expect(ended).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(said) });
  });

  test('of the only VM: what it refused', async () => {
    const { exitCode, stderr } = await azlin({ environment: stranger() }, ['list', '--host', 'vm']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 5,
      stderr: expect.stringMatching(
        /^error: Cannot sign in to "vm" .*: it refused \S+\nhint: azlin doctor vm shows why\n$/,
      ),
    });
  });
});

describe('the order in which keys are offered', () => {
  /** The fingerprints that ssh offers, and those that azlin does. */
  async function offered(environment: Readonly<Record<string, string>>, config: string, before = '') {
    const { address, port, user } = patient;
    const ssh = await bash(
      { environment },
      `${before}ssh -v -F ${config} -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o BatchMode=yes -p ${port} ${user}@${address} true`,
    );
    const ours = await bash(
      { environment: { ...environment, AZLIN_SSH_CONFIG: config } },
      `${before}${azlinLine('exec', '-v', 'patient:dev', 'true')}`,
    );
    return {
      ssh: [...ssh.stderr.matchAll(/Offering public key: .*?(SHA256:\S+)/g)].map(([, print]) => print),
      azlin: [...ours.stderr.matchAll(/: offering .*?(SHA256:\S+)/g)].map(([, print]) => print),
    };
  }
  const config = (text: string) => {
    const path = join(mkdtempSync(join(lab.directory, 'config-')), 'config');
    writeFileSync(path, text);
    return path;
  };

  test('is that of ssh: usual files', async () => {
    const environment = withoutKey();
    for (const [name, type] of [
      ['id_ed25519', 'ed25519'],
      ['id_ecdsa', 'ecdsa'],
      ['id_rsa', 'rsa'],
    ] as const) {
      copyFileSync(lab.key(type), join(lab.home, '.ssh', name));
    }
    // ssh takes its home from the password file.
    const usual = config(
      ['rsa', 'ecdsa', 'ed25519'].map((type) => `IdentityFile ${lab.home}/.ssh/id_${type}\n`).join(''),
    );
    const { ssh } = await offered(environment, usual);
    const { azlin: ours } = await offered(environment, config(''));
    for (const type of ['rsa', 'ecdsa', 'ed25519']) rmSync(join(lab.home, '.ssh', `id_${type}`));
    expect(ours).toEqual(ssh);
    expect(ours).toHaveLength(3);
  });

  test.each([
    ['an agent and files', ''],
    ['IdentitiesOnly', 'IdentitiesOnly yes\n'],
  ])('is that of ssh: %s', async (_name, more) => {
    const [held, both, file, locked] = [
      lab.key('ed25519'),
      lab.key('rsa'),
      lab.key('ecdsa'),
      lab.key('ed25519', 'secret'),
    ];
    const text = `${more}IdentityFile ${file}\nIdentityFile ${both}\nIdentityFile ${locked}\nIdentityFile ${held}.missing\n`;
    const { ssh, azlin: ours } = await offered(withoutKey(), config(text), agentWith(held, both));
    expect(ours).toEqual(ssh);
    expect(ours).toHaveLength(more === '' ? 4 : 3);
  });
});

describe('keys', () => {
  const authorized = (key: string) => {
    const path = join(lab.directory, 'vm', 'authorized_keys');
    writeFileSync(path, `${readFileSync(`${lab.identity}.pub`, 'utf8')}${readFileSync(`${key}.pub`, 'utf8')}`);
    return key;
  };

  test.each(['ed25519', 'ecdsa', 'rsa'])('%s, from a file and from an agent that IdentityAgent names', async (type) => {
    const key = authorized(lab.key(type));
    const environment = { ...lab.environment(), AZLIN_IDENTITY: key };
    expect(await azlin({ environment }, ['exec', 'vm:dev', 'echo file'])).toMatchObject({
      stdout: 'file\n',
      stderr: '',
    });
    const path = join(lab.directory, `agent-${type}`);
    writeFileSync(path, 'Host vm\n IdentityAgent $OTHER_AGENT\n');
    const other = { ...withoutKey(), AZLIN_SSH_CONFIG: path };
    const line = `${agentWith(key)}export OTHER_AGENT=$SSH_AUTH_SOCK; unset SSH_AUTH_SOCK; ${azlinLine('exec', 'vm:dev', '"echo agent"')}`;
    expect(await bash({ environment: other }, line)).toMatchObject({ stdout: 'agent\n', stderr: '' });
  });

  test.each(['rsa-sha2-512', 'rsa-sha2-256'])('RSA with a server that takes %s only', async (algorithm) => {
    const key = lab.key('rsa');
    const authorizedKeys = readFileSync(`${key}.pub`, 'utf8');
    await lab.start('picky', { sshdConfig: [`PubkeyAcceptedAlgorithms ${algorithm}`], authorizedKeys });
    const environment = { ...lab.environment(), AZLIN_IDENTITY: key };
    expect(await azlin({ environment }, ['exec', 'picky:dev', 'echo in'])).toMatchObject({
      stdout: 'in\n',
      stderr: '',
    });
  });

  test('a passphrase is asked for only when the server takes the key, and once for several VMs', async () => {
    const key = authorized(lab.key('ed25519', 'open sesame'));
    await lab.start('second', { authorizedKeys: readFileSync(`${key}.pub`, 'utf8') });
    const environment = { ...lab.environment(), AZLIN_IDENTITY: key };
    const terminal = await openTerminal(environment, 160);
    try {
      await terminal.type(`${azlinLine('list', '--host', "'{vm,second}'")}\n`);
      await terminal.shows(/Passphrase for/);
      await terminal.type('open sesame\n');
      const screen = await terminal.shows(/^second +dev[\s\S]*^vm +dev/m);
      expect(screen.match(/Passphrase for/g)).toHaveLength(1);
      await terminal.type(`clear; ${azlinLine('exec', 'patient:dev', 'true')}; echo 'do''ne'\n`);
      expect(await terminal.shows(/^done$/m)).not.toContain('Passphrase');
    } finally {
      await terminal.close();
    }
  });

  test('a server that wants something else besides says so', async () => {
    await lab.start('two-factors', {
      sshdConfig: ['AuthenticationMethods publickey,keyboard-interactive', 'KbdInteractiveAuthentication yes'],
    });
    const { exitCode, stderr } = await azlin({ environment: lab.environment() }, ['connect', 'two-factors:dev']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 5,
      stderr: expect.stringMatching(
        /: it accepted \S+ and also wants: keyboard-interactive; azlin only signs in with keys\n/,
      ),
    });
  });

  test('a server that wants a second key says that it took the first', async () => {
    await lab.start('two-keys', { sshdConfig: ['AuthenticationMethods publickey,publickey'] });
    const { stderr } = await azlin({ environment: lab.environment() }, ['connect', 'two-keys:dev']);
    expect(stderr).toMatch(/: it accepted \S+ and also wants: another key; azlin only signs in with keys\n/);
  });

  test('a server that hears two keys and hangs up: the key that was named gets its turn; the rest is counted', async () => {
    await lab.start('hasty', { sshdConfig: ['MaxAuthTries 2'] });
    const agent = agentWith(...Array.from({ length: 30 }, () => lab.key('ed25519')));
    const named = await bash(
      { environment: lab.environment() },
      `${agent}${azlinLine('exec', 'hasty:dev', '"echo in"')}`,
    );
    expect(named).toMatchObject({ stdout: 'in\n', stderr: '' });
    const { stderr } = await bash(
      { environment: withoutKey() },
      `${agent}${azlinLine('exec', 'hasty:dev', '"echo in"')}`,
    );
    expect(stderr).toMatch(
      /it refused the SSH agent's [\s\S]*not tried: \d+ more keys; the server closes the connection after a few\nhint: .*IdentitiesOnly/,
    );
  });

  test('what cannot work is told with what to do instead', async () => {
    const folder = join(lab.home, '.ssh');
    mkdirSync(folder, { recursive: true });
    const key = lab.key('ed25519');
    copyFileSync(key, join(folder, 'id_ed25519'));
    writeFileSync(join(folder, 'id_rsa'), 'PuTTY-User-Key-File-3: ssh-rsa\n', { mode: 0o600 });
    const { stderr } = await azlin({ environment: withoutKey() }, ['connect', 'patient:dev']);
    for (const name of ['id_ed25519', 'id_rsa']) rmSync(join(folder, name));
    expect(stderr).toMatch(/it refused \S+id_ed25519\n/);
    expect(stderr).toMatch(/not tried: \S+id_rsa: it is in PuTTY's format; convert it with puttygen/);
  });

  test('an agent that never signs: said after a while; the rest waits for it, and the next key is tried', async () => {
    const path = join(lab.directory, 'mute.sock');
    const [kind = '', encoded = ''] = readFileSync(`${lab.identity}.pub`, 'utf8').split(' ');
    const blob = Buffer.from(encoded, 'base64');
    const string = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
    const list = Buffer.concat([Buffer.from([12, 0, 0, 0, 1]), string(blob), string(Buffer.from('mute'))]);
    const mute = createServer((socket) => {
      socket.on('error', () => {});
      socket.on(
        'data',
        (data) => void (data[4] === 11 ? socket.write(string(list)) : socket.write(string(Buffer.from([5])))),
      );
    });
    await new Promise<void>((resolve) => mute.listen(path, resolve));
    const environment = { ...withoutKey(), SSH_AUTH_SOCK: path };
    const { exitCode, stderr } = await azlin({ environment }, ['connect', 'vm:dev']);
    mute.close();
    expect({ kind, exitCode, stderr }).toEqual({
      kind: 'ssh-ed25519',
      exitCode: 5,
      stderr: expect.stringMatching(
        /there was no key to offer\n +not tried: the SSH agent's "mute": it refused to sign/,
      ),
    });
  });
});

describe('an agent that hangs', () => {
  /** Lists its key where it is told to; never answers anything else. */
  async function hanging(name: string, tellsKeys: boolean) {
    const path = join(lab.directory, `${name}.sock`);
    const [, encoded = ''] = readFileSync(`${lab.identity}.pub`, 'utf8').split(' ');
    const string = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
    const list = Buffer.concat([
      Buffer.from([12, 0, 0, 0, 1]),
      string(Buffer.from(encoded, 'base64')),
      string(Buffer.from('me')),
    ]);
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (data) => void (tellsKeys && data[4] === 11 && socket.write(string(list))));
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return { path, close: () => server.close() };
  }

  test('before it tells its keys: a warning, and the keys of files do', async () => {
    const agent = await hanging('mute', false);
    const environment = { ...lab.environment(), SSH_AUTH_SOCK: agent.path };
    const { stdout, stderr } = await azlin({ environment }, ['list', '--host', '{vm,no-forwarding}']);
    agent.close();
    expect(stdout).toMatch(/^vm +dev +Running/m);
    expect(stderr).toBe('warning: the SSH agent: no answer in 2 s; its keys are not used\n');
  });

  test('when it should sign: it is said who is waited for, deadlines hold, and Ctrl-C works', async () => {
    const agent = await hanging('idle', true);
    const environment = { ...lab.environment('[list]\ndeadline = "3s"\n'), SSH_AUTH_SOCK: agent.path };
    const began = Date.now();
    const { stderr } = await azlin({ environment }, ['list', '--host', 'vm']);
    expect(stderr).toMatch(/waiting for .*"me".* to sign; the agent may be asking you[\s\S]*vm: timed out after 3 s/);
    expect(Date.now() - began).toBeLessThan(10_000);
    const line = `timeout -s INT 3 ${azlinLine('exec', 'vm:dev', 'true')}; echo "code $?"`;
    const interrupted = await bash({ environment }, line);
    agent.close();
    expect(interrupted.stdout).toBe('code 124\n');
    expect(Date.now() - began).toBeLessThan(20_000);
  });

  test('Ctrl-C at a passphrase ends azlin, not the turn of the key', async () => {
    const keys = [lab.key('ed25519', 'secret'), lab.key('ed25519', 'secret')];
    const authorizedKeys = keys.map((key) => readFileSync(`${key}.pub`, 'utf8')).join('');
    await lab.start('guarded', { authorizedKeys });
    const environment = { ...lab.environment(`[ssh]\nidentity = ${JSON.stringify(keys)}\n`), AZLIN_IDENTITY: '' };
    const terminal = await openTerminal(environment, 160);
    try {
      await terminal.type(`${azlinLine('exec', 'guarded:dev', 'true')}; echo "code $?"\n`);
      await terminal.shows(/Passphrase for/);
      await terminal.press('C-c');
      const screen = await terminal.shows(/^code 130$/m);
      expect(screen.match(/Passphrase for/g)).toHaveLength(1);
      await terminal.type(`clear; ${azlinLine('list', '--host', 'guarded')}; echo "code $?"\n`);
      // Not the question of before, which the screen shows until it is cleared.
      await terminal.shows(/^(?![\s\S]*code 130)[\s\S]*Passphrase for/);
      await terminal.press('C-c');
      await terminal.shows(/error: Interrupted\s+code 130/m);
    } finally {
      await terminal.close();
    }
  });
});

describe('questions that take longer than the server waits', () => {
  test('a passphrase: the connection is made again with the answer', async () => {
    const key = lab.key('ed25519', 'open sesame');
    const authorizedKeys = readFileSync(`${key}.pub`, 'utf8');
    await lab.start('impatient', { authorizedKeys, sshdConfig: ['LoginGraceTime 1'] });
    const environment = { ...lab.environment(), AZLIN_IDENTITY: key };
    const terminal = await openTerminal(environment, 160);
    try {
      await terminal.type(`${azlinLine('exec', '-v', 'impatient:dev', "'echo he''llo'")}\n`);
      await terminal.shows(/Passphrase for/);
      await terminal.shows(/the server closed the connection during sign-in/);
      // Longer than a second connection would be waited for.
      const hungUp = Date.now();
      await until('some time to pass', () => Date.now() - hungUp > 2_500);
      await terminal.type('open sesame\n');
      expect(await terminal.shows(/^hello$/m)).not.toContain('sesame');
    } finally {
      await terminal.close();
    }
  });

  test('the host key: the same', async () => {
    await lab.start('brief', { sshdConfig: ['LoginGraceTime 1'] });
    const environment = lab.environment('[ssh]\nhost_keys = "ask"\n');
    const terminal = await openTerminal(environment, 160);
    try {
      await terminal.type(`${azlinLine('exec', 'brief:dev', "'echo he''llo'")}\n`);
      await terminal.shows(/Trust it\?/);
      const asked = Date.now();
      await until('the server to hang up', () => Date.now() - asked > 2_000);
      await terminal.type('y\n');
      await terminal.shows(/^hello$/m);
    } finally {
      await terminal.close();
    }
  });

  test('two at once are asked one after the other', async () => {
    const keys = [lab.key('ed25519', 'first'), lab.key('ed25519', 'second')];
    for (const [index, key] of keys.entries())
      await lab.start(`pair-${index}`, { authorizedKeys: readFileSync(`${key}.pub`, 'utf8') });
    const environment = { ...lab.environment(`[ssh]\nidentity = ${JSON.stringify(keys)}\n`), AZLIN_IDENTITY: '' };
    const terminal = await openTerminal(environment, 160);
    try {
      await terminal.type(`${azlinLine('list', '--host', "'pair-*'")}\n`);
      const screen = await terminal.shows(/Passphrase for \S+/);
      expect(screen.match(/Passphrase for/g)).toHaveLength(1);
      const isFirst = screen.includes(keys[0] as string);
      await terminal.type(isFirst ? 'first\n' : 'second\n');
      await terminal.shows(/Passphrase for[\s\S]*Passphrase for/);
      await terminal.type(isFirst ? 'second\n' : 'first\n');
      await terminal.shows(/^pair-0 +dev[\s\S]*^pair-1 +dev/m);
    } finally {
      await terminal.close();
    }
  });
});

describe('what goes along', () => {
  test('the SSH agent, when it is wanted, over that of the session', async () => {
    const seen = (name: string, ...options: readonly string[]) =>
      bash(
        { environment: lab.environment() },
        `${agentWith(lab.identity)}${azlinLine('exec', ...options, `${name}:dev`, `'ssh-add -L | cut -d" " -f3'`)}`,
      );
    expect(await seen('vm')).toMatchObject({ stdout: '' });
    expect(await seen('vm', '--forward-agent')).toMatchObject({ stdout: 'key-1\n', stderr: '' });
    expect(await seen('no-forwarding', '-A')).toMatchObject({
      exitCode: 0,
      stdout: '',
      stderr: expect.stringMatching(
        /warning: no-forwarding refused agent forwarding[\s\S]*Could not open a connection/,
      ),
    });
    const none = await azlin({ environment: lab.environment() }, ['exec', '-A', 'vm:dev', 'true']);
    expect(none).toMatchObject({
      exitCode: 255,
      stderr: expect.stringMatching(/Cannot forward the SSH agent: no agent is running\nhint: /),
    });
  });

  test('not to VMs that are only asked for their sessions', async () => {
    const path = join(lab.directory, 'forward-all');
    writeFileSync(path, 'ForwardAgent yes\n');
    const log = join(lab.directory, 'seen-agent');
    await lab.start('curious', { bashrc: `[ -z "$SSH_AUTH_SOCK" ] || echo "$SSH_AUTH_SOCK" >>${log}` });
    const environment = { ...lab.environment(), AZLIN_SSH_CONFIG: path };
    const lines = [
      azlinLine('list'),
      azlinLine('exec', 'nowhere', 'true'),
      azlinLine('status'),
      azlinLine('doctor', 'curious'),
      azlinLine('ssh', 'curious', '--detach'),
    ];
    await bash({ environment }, `${agentWith(lab.identity)}${lines.join('; ')}`);
    expect(existsSync(log)).toBe(false);
    await bash({ environment }, `${agentWith(lab.identity)}${azlinLine('exec', 'curious:dev', 'true')}`);
    expect(existsSync(log)).toBe(true);
  });

  test('ForwardAgent of the SSH settings', async () => {
    const path = join(lab.directory, 'forward');
    writeFileSync(path, 'Host vm\n ForwardAgent yes\n');
    const environment = { ...lab.environment(), AZLIN_SSH_CONFIG: path };
    const line = `${agentWith(lab.identity)}${azlinLine('exec', 'vm:dev', '"ssh-add -L | wc -l"')}`;
    expect((await bash({ environment }, line)).stdout.trim()).toBe('1');
  });

  test('the locale and SetEnv, as far as the server accepts them', async () => {
    const path = join(lab.directory, 'setenv');
    writeFileSync(path, 'SetEnv AZ_ONE=1 "AZ_TWO=two words" SECRET=x\n');
    const environment = { ...lab.environment(), AZLIN_SSH_CONFIG: path, LC_TIME: 'C.UTF-8' };
    const { stdout } = await azlin({ environment }, ['exec', 'vm:dev', 'echo "$AZ_ONE $AZ_TWO [$SECRET] $LC_TIME"']);
    expect(stdout).toBe('1 two words [] C.UTF-8\n');
  });
});
