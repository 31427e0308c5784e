import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { bash, startFleet } from '../support/fleet.ts';
import { openTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { warmAzlin as azlin } from '../support/warm-azlin.ts';

let fleet: DemoFleet;
let withoutTmux = '';
let sickTmux = '';
beforeAll(async () => {
  withoutTmux = mkdtempSync('/tmp/azlin-bin-');
  sickTmux = mkdtempSync('/tmp/azlin-bin-');
  for (const folder of [withoutTmux, sickTmux])
    for (const name of ['sh', 'bash', 'awk', 'cat', 'sed']) symlinkSync(`/usr/bin/${name}`, join(folder, name));
  writeFileSync(
    join(sickTmux, 'tmux'),
    '#!/bin/sh\necho "protocol version mismatch (client 8, server 7)" >&2; exit 1\n',
    { mode: 0o755 },
  );
  fleet = await startFleet([
    { name: 'vm', sessions: ['dev'] },
    { name: 'rsa-vm', sessions: ['dev'], hostKeyType: 'rsa' },
    { name: 'ecdsa-vm', sessions: ['dev'], hostKeyType: 'ecdsa' },
    { name: 'noisy', sessions: ['dev'], bashrc: 'echo "Welcome to noisy"; echo "ok 1 cwd" ; echo "careful" >&2' },
    { name: 'no-tmux', sessions: [], environment: { PATH: withoutTmux } },
    { name: 'sick-tmux', sessions: [], environment: { PATH: sickTmux } },
    { name: 'no-shell', sessions: ['dev'], sshdConfig: ['ForceCommand echo This account is closed; exit 1'] },
    { name: 'one-channel', sessions: ['dev'], sshdConfig: ['MaxSessions 1'] },
    { name: 'old-crypto', sessions: [], sshdConfig: ['KexAlgorithms diffie-hellman-group14-sha1'] },
  ]);
}, 60_000);
afterAll(() => {
  fleet.close();
  rmSync(withoutTmux, { recursive: true });
  rmSync(sickTmux, { recursive: true });
});

/** A home of azlin of its own: nothing is cached and no host is known in it. */
function freshHome(config = ''): { AZLIN_HOME: string } {
  const home = mkdtempSync(join(fleet.directory, 'home-'));
  writeFileSync(join(home, 'config.toml'), config);
  return { AZLIN_HOME: home };
}

function newKey(type: string, passphrase = ''): string {
  const path = join(mkdtempSync(join(fleet.directory, 'key-')), 'key');
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-f', path]);
  return path;
}

function authorize(publicKey: string): void {
  const path = join(fleet.directory, 'vm', 'authorized_keys');
  writeFileSync(path, readFileSync(path, 'utf8') + readFileSync(publicKey, 'utf8'));
}

const exec = (vm: string, environment = {}) => azlin(fleet, ['exec', `${vm}:dev`, 'echo hello'], { environment });

describe('host keys', () => {
  const knownHosts = (home: { AZLIN_HOME: string }) => join(home.AZLIN_HOME, 'known_hosts');

  test.each(['vm', 'rsa-vm', 'ecdsa-vm'])(
    '%s: kept under the VM id on first sight, accepted from then on',
    async (vm) => {
      const home = freshHome();
      expect(await exec(vm, home)).toMatchObject({ exitCode: 0, stdout: 'hello\n', stderr: '' });
      const kept = readFileSync(knownHosts(home), 'utf8');
      expect(kept).toMatch(new RegExp(`^a0000000-0000-4000-8000-00000000000\\d (ssh|ecdsa)-\\S+ \\S+ ${vm}\\n$`));
      expect(await exec(vm, home)).toMatchObject({ exitCode: 0 });
      expect(readFileSync(knownHosts(home), 'utf8')).toBe(kept);
    },
  );

  test('ssh agrees with what is kept', async () => {
    const home = freshHome();
    await exec('vm', home);
    const machine = fleet.machines.get('vm');
    const { exitCode, stderr } = await bash(
      fleet,
      `ssh -F /dev/null -o HostKeyAlias=a0000000-0000-4000-8000-000000000001 -o UserKnownHostsFile=${knownHosts(home)} \\
        -o StrictHostKeyChecking=yes -i ${fleet.identity} -p ${machine?.port} ${machine?.user}@${machine?.address} true`,
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  test('a changed key is refused with both fingerprints and the way out', async () => {
    const home = freshHome();
    const other = newKey('ed25519');
    const line = readFileSync(`${other}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
    writeFileSync(knownHosts(home), `# a comment\na0000000-0000-4000-8000-000000000001 ${line}\n`);
    const list = await azlin(fleet, ['connect', 'vm:dev'], { environment: home });
    const print = (file: string) =>
      execFileSync('ssh-keygen', ['-lf', file], { encoding: 'utf8' }).split(' ')[1] ?? '?';
    expect(list.exitCode).toBe(6);
    for (const part of [
      'has changed',
      print(`${other}.pub`),
      print(join(fleet.directory, 'vm', 'host_key.pub')),
      'known_hosts:2',
      'azlin host-key forget vm',
    ])
      expect(list.stderr).toContain(part);
    const wayOut = /azlin host-key forget vm/.exec(list.stderr)?.[0] ?? 'false';
    const { stdout } = await bash(fleet, wayOut, { environment: home });
    expect(stdout).toMatch(/^vm +ssh-ed25519 +SHA256:\S+ +\S+known_hosts:2$/m);
    expect(await exec('vm', home)).toMatchObject({ exitCode: 0 });
  });

  test('strict refuses an unknown key', async () => {
    const home = freshHome('[ssh]\nhost_keys = "strict"\n');
    const { exitCode, stderr } = await azlin(fleet, ['connect', 'vm:dev'], { environment: home });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 6,
      stderr: expect.stringMatching(/is not known: SHA256:\S+ \(ED25519\)/),
    });
  });

  test('a known_hosts that cannot be read accepts nothing', async () => {
    const home = freshHome();
    execFileSync('mkdir', [knownHosts(home)]);
    expect(await azlin(fleet, ['connect', 'vm:dev'], { environment: home })).toMatchObject({ exitCode: 6 });
  });
});

describe('identities', () => {
  test('a wrong key is refused, and what was tried is named', async () => {
    const key = newKey('ed25519');
    const { exitCode, stderr } = await azlin(fleet, ['connect', '--identity', key, 'vm:dev']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 5, stderr: expect.stringContaining(`it refused ${key}`) });
  });

  test.each(['ed25519', 'rsa', 'ecdsa'])('%s', async (type) => {
    const key = newKey(type);
    authorize(`${key}.pub`);
    expect(await exec('vm', { AZLIN_IDENTITY: key })).toMatchObject({ exitCode: 0, stdout: 'hello\n' });
  });

  test('the agent, and the default files of ~/.ssh', async () => {
    const agent = `eval "$(ssh-agent -s)" >/dev/null; trap 'kill $SSH_AGENT_PID' EXIT; ssh-add -q ${fleet.identity}; unset AZLIN_IDENTITY; export HOME=/nonexistent`;
    const noHome = { ...freshHome(), AZURE_CONFIG_DIR: join(fleet.directory, 'azure') };
    expect(await bash(fleet, `${agent}; azlin exec vm:dev 'echo by agent'`, { environment: noHome })).toMatchObject({
      stdout: 'by agent\n',
    });
    const home = mkdtempSync(join(fleet.directory, 'user-'));
    execFileSync('mkdir', [join(home, '.ssh')]);
    copyFileSync(fleet.identity, join(home, '.ssh', 'id_ed25519'));
    const withFiles = { ...noHome, HOME: home, AZLIN_IDENTITY: '', SSH_AUTH_SOCK: '/nonexistent/agent' };
    expect(await bash(fleet, "azlin exec vm:dev 'echo by file'", { environment: withFiles })).toMatchObject({
      stdout: 'by file\n',
    });
  });

  test('a missing or useless identity file is said', async () => {
    const missing = await azlin(fleet, ['connect', '-i', '/nonexistent/key', 'vm:dev']);
    expect({ exitCode: missing.exitCode, stderr: missing.stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringContaining('/nonexistent/key'),
    });
    const publicKey = await azlin(fleet, ['connect', '-i', `${fleet.identity}.pub`, 'vm:dev']);
    expect(publicKey.stderr).toContain('it is a public key');
  });

  test('an encrypted key: asked for on a terminal, said without one', async () => {
    const key = newKey('ed25519', 'open sesame');
    authorize(`${key}.pub`);
    const { exitCode, stderr } = await azlin(fleet, ['connect', '-i', key, 'vm:dev']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 5,
      stderr: expect.stringContaining('no terminal to ask for its passphrase'),
    });
    const terminal = await openTerminal(fleet.environment);
    try {
      await terminal.type(`azlin exec -i ${key} vm:dev 'echo he''llo'; azlin exec -i ${key} vm:dev 'echo ag''ain'\n`);
      await terminal.shows(/Passphrase for .*key/);
      await terminal.type('wrong\n');
      await terminal.shows(/Passphrase for.*Passphrase for/s);
      await terminal.type('open sesame\n');
      const screen = await terminal.shows(/^hello$/m);
      expect(screen).not.toContain('sesame');
      await terminal.shows(/^\? Passphrase/m);
      await terminal.press('C-c');
      await terminal.shows(/Interrupted/);
    } finally {
      await terminal.close();
    }
  });
});

describe('trouble with identities', () => {
  test('an encrypted key: list and bare names wait for the passphrase, however long it takes', async () => {
    const key = newKey('ed25519', 'open sesame');
    authorize(`${key}.pub`);
    const terminal = await openTerminal({ ...fleet.environment, ...freshHome('[list]\ndeadline = "3s"\n') }, 120);
    try {
      await terminal.type(`azlin list -i ${key} --host vm; echo "code $?"\n`);
      await terminal.shows(/^\? Passphrase/m);
      // Longer than the deadline of the list.
      await until(
        'four seconds',
        (() => {
          const end = Date.now() + 4_000;
          return () => Date.now() > end;
        })(),
      );
      await terminal.type('open sesame\n');
      await terminal.shows(/^vm +dev +Running[\s\S]*code 0/m);
    } finally {
      await terminal.close();
    }
  });

  test('an agent with more keys than the server allows over one connection', async () => {
    const keys = Array.from({ length: 14 }, () => newKey('ed25519'));
    const agent = (last: string) =>
      `eval "$(ssh-agent -s)" >/dev/null; trap 'kill $SSH_AGENT_PID' EXIT; ssh-add -q ${keys.join(' ')} ${last}; unset AZLIN_IDENTITY`;
    const good = await bash(fleet, `${agent(fleet.identity)}; azlin exec vm:dev 'echo in'`);
    expect({ exitCode: good.exitCode, stdout: good.stdout, stderr: good.stderr }).toEqual({
      exitCode: 0,
      stdout: 'in\n',
      stderr: '',
    });
    const bad = await bash(fleet, `${agent('')}; azlin connect vm:dev; echo "code $?"`);
    expect({ stdout: bad.stdout, stderr: bad.stderr }).toEqual({
      stdout: 'code 5\n',
      stderr: expect.stringMatching(/it refused the SSH agent's .* and 10 more[\s\S]*--identity/),
    });
  });

  test('an agent that is not there is said', async () => {
    const environment = { AZLIN_IDENTITY: '', HOME: '/nonexistent', SSH_AUTH_SOCK: '/nonexistent/agent' };
    expect(await azlin(fleet, ['connect', 'vm:dev'], { environment })).toMatchObject({
      exitCode: 5,
      stderr: expect.stringMatching(/not tried: the SSH agent: no agent is listening at \/nonexistent\/agent/),
    });
  });
});

describe('hosts that cannot be reached', () => {
  let silent: Server;
  let silentPort = 0;
  beforeAll(async () => {
    // Accepts and says nothing.
    silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    silentPort = (silent.address() as { port: number }).port;
  });
  afterAll(() => void silent.close());

  const fileFleet = (port: number) => {
    const path = join(fleet.directory, 'fleet.toml');
    writeFileSync(path, `[[vms]]\nname = "box"\naddress = "127.0.0.1"\nport = ${port}\n`);
    return { ...freshHome('[ssh]\nconnect_timeout = "1s"\n'), AZLIN_INVENTORY: path };
  };

  test('a refused port', async () => {
    const { exitCode, stderr } = await azlin(fleet, ['connect', 'box:dev'], { environment: fileFleet(1) });
    expect({ exitCode, stderr }).toEqual({ exitCode: 7, stderr: expect.stringContaining('connection refused') });
    expect(stderr).toContain('"box"');
  });

  test('a host that accepts and stays silent runs into the deadline', async () => {
    const { exitCode, stderr } = await azlin(fleet, ['connect', 'box:dev'], { environment: fileFleet(silentPort) });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 7,
      stderr: expect.stringContaining('its SSH server did not answer in 1 s'),
    });
  });

  test('an SSH server that knows only old algorithms', async () => {
    const { exitCode, stderr } = await azlin(fleet, ['connect', 'old-crypto:dev']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 7,
      stderr: expect.stringContaining('Cannot agree on encryption'),
    });
  });

  test('forty of them at once: a warning each and nothing else', async () => {
    const path = join(fleet.directory, 'forty.json');
    const vms = Array.from({ length: 40 }, (_, index) => ({ name: `box-${index}`, address: '127.0.0.1', port: 1 }));
    writeFileSync(path, JSON.stringify({ vms }));
    const { exitCode, stderr } = await azlin(fleet, ['list'], {
      environment: { ...freshHome(), AZLIN_INVENTORY: path },
    });
    const lines = stderr.trimEnd().split('\n');
    expect({ exitCode, lines: lines.length, odd: lines.filter((line) => !line.startsWith('warning: box-')) }).toEqual({
      exitCode: 0,
      lines: 40,
      odd: [],
    });
  });

  test('list names them and shows the others', async () => {
    const { exitCode, stdout, stderr } = await azlin(fleet, ['list']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^old-crypto +\? +Running/m);
    expect(stdout).toMatch(/^vm +dev +Running/m);
    expect(stderr).toMatch(/warning: old-crypto: Cannot agree on encryption.*; its sessions are unknown/);
  });
});

describe('unusual machines', () => {
  test('what a server says before it is trusted cannot move the cursor', async () => {
    const rude = createServer((socket) => {
      socket.end('SSH-2.0-rude\u001b]0;owned\u0007\r\n\u001b[2J\r\n');
    });
    await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve));
    const { port } = rude.address() as { port: number };
    const path = join(fleet.directory, 'rude.toml');
    writeFileSync(path, `[[vms]]\nname = "box"\naddress = "127.0.0.1"\nport = ${port}\n`);
    const { stderr } = await azlin(fleet, ['list', '--verbose', '--inventory', path], {
      environment: freshHome('[ssh]\nconnect_timeout = "1s"\n'),
    });
    rude.close();
    expect(stderr).toMatch(/warning: box: /);
    expect(stderr).not.toContain('\u001b');
  });

  test('a tmux that refuses leaves open whether a name is unique', async () => {
    const { stderr } = await azlin(fleet, ['exec', 'sick-tmux', 'true']);
    expect(stderr).toMatch(/protocol version mismatch/);
  });

  test('what a login shell prints is not output', async () => {
    const { exitCode, stdout, stderr } = await azlin(fleet, ['exec', 'noisy:dev', 'echo out; echo err >&2']);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: 'out\n', stderr: 'err\n' });
    expect((await azlin(fleet, ['list', '--host', 'noisy'])).stdout).toMatch(/^noisy +dev +Running/m);
  });

  test('a VM without tmux', async () => {
    const { exitCode, stderr } = await azlin(fleet, ['connect', 'no-tmux:dev']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 7,
      stderr: expect.stringContaining('tmux is not installed on "no-tmux"'),
    });
    expect((await azlin(fleet, ['exec', 'no-tmux', 'true'])).stderr).toContain('tmux is not installed');
    const rows = JSON.parse((await azlin(fleet, ['list', '--host', 'no-tmux', '--format', 'json'])).stdout);
    expect(rows).toMatchObject([{ hostname: 'no-tmux', session: null, probe: 'no-tmux' }]);
  });

  test('an account that only says goodbye', async () => {
    const { exitCode, stderr } = await azlin(fleet, ['exec', 'no-shell:dev', 'true']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 255, stderr: expect.stringContaining('This account is closed') });
  });

  test('a server with one channel a connection is signalled and asked over another connection', async () => {
    const { exitCode, stdout, stderr } = await azlin(fleet, [
      'exec',
      '--timeout',
      '300ms',
      'one-channel:dev',
      'echo before; sleep 60',
    ]);
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 124,
      stdout: 'before\n',
      stderr: expect.not.stringContaining('warning'),
    });
  });
});
