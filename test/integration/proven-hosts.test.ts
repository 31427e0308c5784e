import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { refusal } from '../../src/demo/arm-faults.ts';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { daemonsBelow, endDaemons } from '../support/daemons.ts';
import { azlin, startFleet } from '../support/fleet.ts';
import { until } from '../support/until.ts';

/*
 * The first contact with VMs, proven by Azure: the local Resource Manager runs the script on the machine, as Azure's agent does on a VM.
 */

let fleet: DemoFleet;
let settings: string;
beforeAll(async () => {
  fleet = await startFleet([
    { name: 'vm', sessions: ['dev'] },
    { name: 'other', sessions: ['dev'] },
    { name: 'gone', sessions: [], stopped: true },
  ]);
  settings = join(fleet.directory, 'azure.toml');
}, 60_000);
beforeEach(() => {
  rmSync(knownHosts(), { force: true });
  rmSync(join(fleet.environment['AZLIN_HOME'] ?? '', 'cache'), { recursive: true, force: true });
  fleet.resourceManager.faults.clear();
});
afterAll(() => fleet.close());

const knownHosts = () => join(fleet.environment['AZLIN_HOME'] ?? '', 'known_hosts');
const ownKey = (name: string) => readFileSync(join(fleet.directory, name, 'host_key.pub'), 'utf8').split(' ')[1] ?? '';
const orders = () => fleet.resourceManager.requests.filter((line) => /^POST .*runCommand/.test(line)).length;
function run(policy: string, ...args: readonly string[]) {
  writeFileSync(settings, `[ssh]\nhost_keys = "${policy}"\n`, { mode: 0o600 });
  return azlin(fleet, args, { environment: { AZLIN_CONFIG: settings } });
}

describe('ssh.host_keys = "azure"', () => {
  test('the keys of a new VM are pinned before it is reached, once', async () => {
    const before = orders();
    const first = await run('azure', 'exec', '-v', 'vm:dev', 'echo in');
    expect(first).toMatchObject({ exitCode: 0, stdout: 'in\n' });
    expect(first.stderr).toMatch(
      /Azure reports the host key SHA256:\S+ \(ED25519\) of vm; kept in [\s\S]*vm: connected to/,
    );
    expect(first.stderr).not.toContain('new host key');
    expect(readFileSync(knownHosts(), 'utf8')).toContain(ownKey('vm'));
    expect(await run('azure', 'exec', 'vm:dev', 'echo in')).toMatchObject({ stdout: 'in\n', stderr: '' });
    expect(orders() - before).toBe(1);
  });

  test('a machine that has another key than Azure reports is refused', async () => {
    const { resourceManager } = fleet;
    const other = {
      code: 'x',
      message: `Enable succeeded: \n[stdout]\nazlin-host-key ssh-ed25519 ${ownKey('other')}\n\n[stderr]\n`,
    };
    resourceManager.faults.add({ match: /operations\/.*monitor=true/, edit: () => ({ value: [other] }) });
    const { exitCode, stderr } = await run('azure', 'exec', 'vm:dev', 'true');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 255,
      stderr: expect.stringMatching(/^error: The host key of "vm" has changed: this may be another machine\n/),
    });
  });

  test('without the role it is refused, and what it takes is said', async () => {
    fleet.resourceManager.faults.add({ match: /runCommand/, reply: refusal(403, 'AuthorizationFailed', 'no') });
    const { exitCode, stderr } = await run('azure', 'exec', 'vm:dev', 'true');
    expect(exitCode).toBe(255);
    expect(stderr).toMatch(
      /^error: Cannot ask for the host keys of the VM "vm": .*\nhint: it takes the action Microsoft\.Compute\/virtualMachines\/runCommand\/action, as in the role Virtual Machine Contributor\n$/,
    );
    expect(existsSync(knownHosts())).toBe(false);
  });

  test('azure-or-accept-new: it is trusted instead, which is said', async () => {
    fleet.resourceManager.faults.add({ match: /runCommand/, reply: refusal(403, 'AuthorizationFailed', 'no') });
    const { stdout, stderr } = await run('azure-or-accept-new', 'exec', 'vm:dev', 'echo in');
    expect(stdout).toBe('in\n');
    expect(stderr).toMatch(
      /^warning: Cannot ask for the host keys of the VM "vm": .*; the key that "vm" shows is trusted instead\n$/,
    );
  });

  test('what Azure says without keys, and in more words than keys', async () => {
    const say = (message: string) =>
      fleet.resourceManager.faults.add({ match: /monitor=true/, edit: () => ({ value: [{ code: 'x', message }] }) });
    for (const message of [
      '',
      'Enable succeeded: \n[stdout]\n\n[stderr]\nsh: 1: not found',
      'azlin-host-key ssh-ed25519 a b',
      'x azlin-host-key ssh-ed25519 AAAA',
    ]) {
      fleet.resourceManager.faults.clear();
      say(message);
      expect((await run('azure', 'exec', 'vm:dev', 'true')).stderr).toMatch(
        /^error: Azure found no host keys of the VM "vm"\n/,
      );
    }
  });

  test('a host that is no VM is refused as with strict', async () => {
    const { address, port = 0, user } = fleet.machines.get('other') ?? {};
    const { exitCode, stderr } = await run('azure', 'exec', '--port', `${port}`, `${user}@${address}:dev`, 'true');
    expect(exitCode).toBe(255);
    expect(stderr).toMatch(
      /^error: The host key of "127\.20\.0\.5" is not known: SHA256:\S+ \(ED25519\)\nhint: ssh\.host_keys is "azure", and Azure knows the keys of its VMs only/,
    );
  });

  test('a list waits for Azure, however short its time is', async () => {
    writeFileSync(settings, '[ssh]\nhost_keys = "azure"\n[list]\ndeadline = "500ms"\n', { mode: 0o600 });
    fleet.resourceManager.faults.add({ match: /runCommand/, delay: 1_000 });
    const { stdout, stderr } = await azlin(fleet, ['list', '--host', 'vm'], {
      environment: { AZLIN_CONFIG: settings },
    });
    expect([stdout, stderr]).toEqual([expect.stringMatching(/^vm +dev /m), '']);
  });

  test('many at once: each is asked once', async () => {
    const before = orders();
    const { exitCode, stdout } = await run('azure', 'exec', 'vm:dev,other:dev', 'echo in');
    expect([exitCode, stdout.match(/in$/gm)?.length]).toEqual([0, 2]);
    expect(orders() - before).toBe(2);
  });
});

describe('azlin host-key verify', () => {
  test('pins, compares, and refuses a key that Azure does not report', async () => {
    const first = await run('accept-new', 'host-key', 'verify', 'vm');
    expect(first.exitCode).toBe(0);
    expect(first.stdout).toMatch(/^vm +ssh-ed25519 +SHA256:/m);
    expect(first.stderr).toBe('the known host keys of "vm" are its own, as Azure reports; 1 key pinned now\n');
    expect((await run('accept-new', 'host-key', 'verify', 'vm')).stderr).toBe(
      'the known host keys of "vm" are its own, as Azure reports\n',
    );
    const text = readFileSync(knownHosts(), 'utf8');
    writeFileSync(knownHosts(), text.replace(ownKey('vm'), ownKey('other')));
    const wrong = await run('accept-new', 'host-key', 'verify', 'vm');
    expect(wrong.exitCode).not.toBe(0);
    expect(wrong.stderr).toMatch(
      /^error: A known host key of "vm" is not its own, as Azure reports\n {2}known: {4}SHA256:\S+ \(ED25519\), \S+known_hosts:1\n {2}reported: SHA256:\S+ \(ED25519\)\nhint: if it was rebuilt: azlin host-key forget vm; azlin host-key verify vm\n$/,
    );
  });

  test('of what is not in Azure, and of a VM that is not running', async () => {
    expect((await run('accept-new', 'host-key', 'verify', '10.0.0.9')).stderr).toMatch(
      /^error: Azure cannot report the host keys of "10\.0\.0\.9": it is not a VM in Azure\n/,
    );
    fleet.resourceManager.faults.add({
      match: /runCommand/,
      reply: refusal(409, 'OperationNotAllowed', 'Cannot modify extensions in the VM when the VM is not running.'),
    });
    expect((await run('accept-new', 'host-key', 'verify', 'gone')).stderr).toContain('when the VM is not running');
  });
});

test('the script finds the keys of a server, with and without sshd in its path', () => {
  const folder = join(fleet.directory, 'script');
  execFileSync('mkdir', ['-p', folder]);
  const script = readFileSync(new URL('../../src/remote/host-keys.sh', import.meta.url), 'utf8');
  for (const type of ['rsa', 'ed25519'])
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', 'a b', '-f', join(folder, `ssh_host_${type}_key`)]);
  for (const shell of ['sh', 'bash', 'busybox sh']) {
    const sshd = `sshd() { printf 'port 22\\nhostkey %s\\nhostkey %s\\n' ${folder}/ssh_host_rsa_key ${folder}/ssh_host_ed25519_key; }\n`;
    const found = execFileSync('/bin/sh', ['-c', `exec ${shell} -c "$1"`, 'sh', sshd + script]).toString();
    expect(found).toMatch(/^azlin-host-key ssh-rsa [\w+/=]+\nazlin-host-key ssh-ed25519 [\w+/=]+\n$/);
    const none = script.replaceAll('/etc/ssh', folder).replace('sshd -T', 'false');
    expect(execFileSync('/bin/sh', ['-c', `exec ${shell} -c "$1"`, 'sh', none]).toString()).toMatch(
      /^azlin-host-key ssh-ed25519 [\w+/=]+\nazlin-host-key ssh-rsa [\w+/=]+\n$/,
    );
  }
});

describe('through the daemon', () => {
  const home = () => fleet.environment['AZLIN_HOME'] ?? '';
  afterEach(async () => {
    endDaemons(home());
    await until('the daemons to end', () => daemonsBelow(home()).length === 0);
  });

  test('Azure is asked by the client, and warm calls share the connection', async () => {
    writeFileSync(settings, '[ssh]\nhost_keys = "azure"\n', { mode: 0o600 });
    const before = orders();
    const environment = { AZLIN_CONFIG: settings, AZLIN_PERSIST: '10m' };
    for (let call = 0; call < 3; call++)
      expect(await azlin(fleet, ['exec', 'vm:dev', 'echo in'], { environment })).toMatchObject({
        stdout: 'in\n',
        stderr: '',
      });
    expect(orders() - before).toBe(1);
    expect(readFileSync(join(home(), 'daemon.log'), 'utf8').match(/vm: connected$/gm)).toHaveLength(1);
  }, 60_000);
});
