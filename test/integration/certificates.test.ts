import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Machine } from '../../src/demo/virtual-machine.ts';
import { daemonsBelow, endDaemons } from '../support/daemons.ts';
import { bash, CLI } from '../support/fleet.ts';
import { type Lab, startLab } from '../support/lab.ts';
import { openTerminal } from '../support/terminal.ts';
import { startTokenAgent } from '../support/token-agent.ts';
import { until } from '../support/until.ts';
import { warmAzlin as azlin } from '../support/warm-azlin.ts';

/*
 * Certificates of users, against real servers that know no key but that of their authority. ssh is let in with the same files.
 */

let lab: Lab;
let authority: string;
let vm: Machine;
beforeAll(async () => {
  lab = await startLab();
  authority = lab.key('ed25519');
  vm = await startTrusting('vm');
}, 60_000);
afterAll(() => lab.close());

const startTrusting = (name: string, ...sshdConfig: readonly string[]) =>
  lab.start(name, { authorizedKeys: '', sshdConfig: [`TrustedUserCAKeys ${authority}.pub`, ...sshdConfig] });

/** A key with a certificate beside it. `options` are those of ssh-keygen. */
function certified(type: string, { bits = '', options = [] as readonly string[], passphrase = '' } = {}): string {
  const key = lab.key(type, passphrase);
  if (bits !== '') {
    for (const path of [key, `${key}.pub`]) rmSync(path);
    execFileSync('ssh-keygen', ['-q', '-t', type, '-b', bits, '-N', passphrase, '-f', key]);
  }
  const signing = ['-q', '-s', authority, '-I', 'ci-42', '-n', vm?.user ?? 'root', ...options, `${key}.pub`];
  execFileSync('ssh-keygen', signing);
  return key;
}

const as = (key: string, config = '') => ({ environment: { ...lab.environment(config), AZLIN_IDENTITY: key } });
const azlinLine = (...words: readonly string[]) => [process.execPath, CLI, ...words].join(' ');
const agentWith = (...keys: readonly string[]) =>
  `eval "$(ssh-agent -s)" >/dev/null; trap 'kill $SSH_AGENT_PID' EXIT; ssh-add -q ${keys.join(' ')}; `;
/** Files of ssh for the user of the lab, for as long as `work` takes. */
async function withSshConfig<T>(text: string, work: () => Promise<T>): Promise<T> {
  const path = join(lab.home, '.ssh', 'config');
  mkdirSync(join(lab.home, '.ssh'), { recursive: true });
  writeFileSync(path, text, { mode: 0o600 });
  try {
    return await work();
  } finally {
    rmSync(path);
  }
}

describe.each([
  ['ed25519', ''],
  ['rsa', '3072'],
  ['ecdsa', '256'],
  ['ecdsa', '384'],
  ['ecdsa', '521'],
])('%s %s', (type, bits) => {
  let key: string;
  beforeAll(() => {
    key = certified(type, { bits });
  });

  test('is signed in with, first and again, where a plain key is not; and so is ssh', async () => {
    const first = await azlin(as(key), ['exec', '-v', 'vm:dev', 'echo in']);
    expect(first).toMatchObject({ exitCode: 0, stdout: 'in\n' });
    expect(first.stderr).toContain(`signed in with ${key}-cert.pub ("ci-42" for ${vm.user}, without expiry)\n`);
    // With what is known about the server, the certificate is signed at once.
    const environment = as(key);
    await azlin(environment, ['exec', 'vm:dev', 'true']);
    const again = await azlin(environment, ['exec', '-v', 'vm:dev', 'echo in']);
    expect(again.stdout).toBe('in\n');
    expect(again.stderr).toMatch(/shortcuts: .*sign/);
    expect(again.stderr).not.toMatch(/again without|signing in another way/);
    const options = [
      '-i',
      key,
      '-p',
      `${vm.port}`,
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'UserKnownHostsFile=/dev/null',
    ];
    expect(execFileSync('ssh', ['-q', ...options, `${vm.user}@${vm.address}`, 'echo in']).toString()).toBe('in\n');
  });

  test('from an agent, and with CertificateFile for a key that only the agent has', async () => {
    const bare = as('');
    const held = await bash(bare, `${agentWith(key)}${azlinLine('exec', '-v', 'vm:dev', '"echo in"')}`);
    expect(held.stdout).toBe('in\n');
    expect(held.stderr).toMatch(/signed in with the SSH agent's ".*" \("ci-42" for /);
    const elsewhere = join(lab.home, 'elsewhere.pub');
    copyFileSync(`${key}-cert.pub`, elsewhere);
    const alone = join(lab.directory, 'alone');
    copyFileSync(key, alone);
    const named = await withSshConfig(`CertificateFile ${elsewhere}\n`, () =>
      bash(bare, `${agentWith(alone)}${azlinLine('exec', '-v', 'vm:dev', '"echo in"')}`),
    );
    expect(named.stdout).toBe('in\n');
    expect(named.stderr).toContain(`signed in with ${elsewhere} ("ci-42" for `);
  });
});

describe('servers', () => {
  test.each(['rsa-sha2-256', 'rsa-sha2-512'])('that take RSA certificates with %s only', async (algorithm) => {
    await startTrusting('picky', `PubkeyAcceptedAlgorithms ${algorithm}-cert-v01@openssh.com`);
    const key = certified('rsa');
    expect(await azlin(as(key), ['exec', 'picky:dev', 'echo in'])).toMatchObject({ stdout: 'in\n', stderr: '' });
  });

  test('that are asked for a terminal, a job and a list', async () => {
    const key = certified('ed25519');
    const environment = as(key);
    expect((await azlin(environment, ['exec', '--durable', 'vm:dev', 'echo job'])).stdout).toBe('job\n');
    expect((await azlin(environment, ['list', '--host', 'vm'])).stdout).toMatch(/^vm +dev/m);
    const terminal = await openTerminal(environment.environment, 80, 10);
    try {
      await terminal.type(`${azlinLine('connect', 'vm:dev')}\n`);
      await terminal.shows(/\[dev\]/);
    } finally {
      await terminal.close();
    }
  });

  test('that mind none of the shortcuts that are off', async () => {
    const key = certified('ecdsa');
    const environment = as(key, '[ssh]\nshortcuts = []\n');
    for (let call = 0; call < 2; call++)
      expect(await azlin(environment, ['exec', 'vm:dev', 'echo in'])).toMatchObject({ stdout: 'in\n', stderr: '' });
  });
});

describe('one that is of no use', () => {
  test('for another user: what it is for is said, and what has to fit', async () => {
    const key = certified('ed25519', { options: ['-n', 'somebody,else'] });
    const { exitCode, stderr } = await azlin(as(key), ['connect', 'vm:dev']);
    expect(exitCode).toBe(5);
    expect(stderr).toContain(`it refused ${key}-cert.pub ("ci-42" for somebody, else, without expiry), ${key}\n`);
    expect(stderr).toMatch(
      /\nhint: a certificate is good for the users that it names \(--user\), where TrustedUserCAKeys/,
    );
  });

  test('expired: it is not offered, which is said, and the plain key is', async () => {
    await lab.start('plain');
    const key = certified('ed25519', { options: ['-V', '-2h:-1h'] });
    const { stderr } = await azlin(as(key), ['connect', 'vm:dev']);
    expect(stderr).toContain(
      `it refused ${key}\n  not tried: ${key}-cert.pub: it expired 60 min ago; have it renewed\n`,
    );
    copyFileSync(`${lab.identity}`, key);
    const doctor = await azlin(as(key), ['doctor', 'vm']);
    expect(doctor.stdout).toMatch(/keys +.*-cert\.pub: it expired/);
  });
});

test('doctor names it, its users, and how long it is good', async () => {
  const key = certified('ed25519', { options: ['-V', '-1m:+150m'] });
  const { stdout } = await azlin(as(key), ['doctor', 'vm']);
  expect(stdout).toContain(`${key}-cert.pub ("ci-42" for ${vm.user}, good for 2 h), ${key}`);
});

test('the passphrase of its key is asked for once', async () => {
  const key = certified('ed25519', { passphrase: 'open sesame' });
  const terminal = await openTerminal(as(key).environment, 160);
  try {
    await terminal.type(`${azlinLine('exec', 'vm:dev', '"echo i""n"')}; echo 'do''ne'\n`);
    await terminal.shows(/Passphrase for/);
    await terminal.type('open sesame\n');
    expect((await terminal.shows(/^in\n[\s\S]*^done$/m)).match(/Passphrase for/g)).toHaveLength(1);
  } finally {
    await terminal.close();
  }
});

describe('a key on a hardware token', () => {
  test.each([
    ['by its key', false],
    ['by its certificate', true],
  ])('%s, through an agent', async (_name, isCertified) => {
    const agent = await startTokenAgent(join(lab.directory, `token-${isCertified}.sock`));
    const path = join(lab.directory, `token-${isCertified}.pub`);
    writeFileSync(path, `${agent.publicKey}\n`);
    try {
      if (isCertified) {
        execFileSync('ssh-keygen', ['-q', '-s', authority, '-I', 'token', '-n', vm.user, path]);
        agent.hold(readFileSync(path.replace('.pub', '-cert.pub'), 'utf8'));
      } else await lab.start('token', { authorizedKeys: agent.publicKey });
      const environment = { ...as('').environment, SSH_AUTH_SOCK: agent.socket };
      for (let call = 0; call < 3; call++)
        expect(await azlin({ environment }, ['exec', isCertified ? 'vm:dev' : 'token:dev', 'echo in'])).toMatchObject({
          stdout: 'in\n',
          stderr: '',
        });
    } finally {
      agent.close();
    }
  });

  test('without an agent: what to do is said', async () => {
    const agent = await startTokenAgent(join(lab.directory, 'away.sock'));
    agent.close();
    const path = join(lab.directory, 'id_sk.pub');
    writeFileSync(path, `${agent.publicKey}\n`);
    const { stderr } = await azlin(as(path.replace('.pub', '')), ['connect', 'vm:dev']);
    expect(stderr).toContain(
      'its private key is on a hardware token, which only an agent can use; load it into one: ssh-add',
    );
  });
});

describe('through the daemon', () => {
  afterEach(async () => {
    endDaemons(lab.directory);
    await until('the daemons to end', () => daemonsBelow(lab.directory).length === 0);
  });

  test('a certificate that was renewed gets another connection', async () => {
    const key = certified('ed25519', { options: ['-V', '-1m:+1h'] });
    const environment = { ...as(key).environment, AZLIN_PERSIST: '10m' };
    const connections = () =>
      (readFileSync(join(environment.AZLIN_HOME, 'daemon.log'), 'utf8').match(/: connected$/gm) ?? []).length;
    const exec = async () => (await bash({ environment }, azlinLine('exec', 'vm:dev', '"echo in"'))).stdout;
    expect([await exec(), await exec(), connections()]).toEqual(['in\n', 'in\n', 1]);
    execFileSync('ssh-keygen', ['-q', '-s', authority, '-I', 'renewed', '-n', vm.user, `${key}.pub`]);
    expect([await exec(), connections()]).toEqual(['in\n', 2]);
  }, 60_000);
});
