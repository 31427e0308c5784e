import { chmodSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { ASTRAY_SUBSCRIPTION, FORBIDDEN_SUBSCRIPTION, THROTTLED_SUBSCRIPTION } from '../../src/demo/local-arm.ts';
import { azlin, startFleet } from '../support/fleet.ts';

let fleet: DemoFleet;
beforeAll(async () => {
  fleet = await startFleet([
    { name: 'one', sessions: ['dev'] },
    { name: 'two', sessions: [], resourceGroup: 'rg-two' },
    { name: 'three', sessions: [], stopped: true, resourceGroup: 'rg-two' },
  ]);
}, 60_000);
afterAll(() => fleet.close());

function freshHome(config = ''): { AZLIN_HOME: string } {
  const home = mkdtempSync(join(fleet.directory, 'home-'));
  writeFileSync(join(home, 'config.toml'), config);
  return { AZLIN_HOME: home };
}

/** A PATH whose `az` is the given script. */
function withAz(script: string): { PATH: string } {
  const bin = mkdtempSync(join(fleet.directory, 'bin-'));
  writeFileSync(join(bin, 'az'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, 'az'), 0o755);
  return { PATH: `${bin}:${fleet.environment['PATH']}` };
}

const list = (environment: Record<string, string>, ...args: string[]) =>
  azlin(fleet, ['list', '--no-sessions', ...args], { environment });
const asked = async (run: () => Promise<unknown>) => {
  const before = fleet.resourceManager.requests.length;
  await run();
  return fleet.resourceManager.requests.length - before;
};

describe('what Azure refuses', () => {
  test.each([
    [
      'a forbidden subscription',
      FORBIDDEN_SUBSCRIPTION,
      5,
      /AuthorizationFailed: The client 'demo' does not have authorization/,
    ],
    [
      'an unknown subscription',
      '99999999-0000-0000-0000-000000000000',
      5,
      /SubscriptionNotFound: The subscription '9{8}/,
    ],
    ['throttling', THROTTLED_SUBSCRIPTION, 7, /SubscriptionRequestsThrottled: Number of requests/],
  ])('%s: its own message', async (_what, subscription, exitCode, message) => {
    const { stderr, ...rest } = await list({ ...freshHome(), AZURE_SUBSCRIPTION_ID: subscription });
    expect(rest).toMatchObject({ exitCode, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^hint: /m);
    expect(stderr.match(/error:/g)).toHaveLength(1);
  });

  test('a page on another server: the token does not follow it', async () => {
    const { exitCode, stderr } = await list({ ...freshHome(), AZURE_SUBSCRIPTION_ID: ASTRAY_SUBSCRIPTION });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 7,
      stderr: expect.stringContaining('leads to another server, https://127.0.0.1:1'),
    });
  });

  test('an unknown resource group', async () => {
    expect(await list(freshHome(), '-g', 'nosuch')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("Resource group 'nosuch' could not be found"),
    });
  });

  test('a token that is refused', async () => {
    const az = withAz(
      `echo '{"accessToken":"stale","expiresOn":"2099-01-01 00:00:00.000000","expires_on":4070908800}'`,
    );
    expect(await list({ ...freshHome(), ...az })).toMatchObject({
      exitCode: 5,
      stderr: expect.stringMatching(/ExpiredAuthenticationToken.*\nhint: az login/s),
    });
  });

  test('nobody signed in', async () => {
    const az = withAz(`echo "ERROR: Please run 'az login' to setup account." >&2; exit 1`);
    const { exitCode, stderr } = await list({ ...freshHome('[azure]\ncredential = "cli"\n'), ...az });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 5,
      stderr: expect.stringMatching(/Not signed in to Azure.*az login/s),
    });
  });

  test('no subscription at all', async () => {
    const { exitCode, stderr } = await list({ ...freshHome(), AZURE_CONFIG_DIR: '/nonexistent' });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 5,
      stderr: expect.stringContaining('No Azure subscription is in scope'),
    });
  });
});

describe('an endpoint that cannot be reached', () => {
  test('refused', async () => {
    const { exitCode, stderr } = await list({ ...freshHome(), AZLIN_ARM_ENDPOINT: 'https://127.0.0.1:1' });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 7,
      stderr: expect.stringContaining('Cannot reach Azure Resource Manager at https://127.0.0.1:1'),
    });
  });

  test('a certificate that nobody vouches for', async () => {
    const { exitCode, stderr } = await list({ ...freshHome(), NODE_EXTRA_CA_CERTS: '' });
    expect({ exitCode, stderr }).toEqual({ exitCode: 7, stderr: expect.stringContaining('NODE_EXTRA_CA_CERTS') });
  });

  test('http is no way to send a token', async () => {
    expect(await list({ ...freshHome(), AZLIN_ARM_ENDPOINT: 'http://127.0.0.1:1' })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('https://'),
    });
  });
});

describe('scope', () => {
  test('all pages, joined without regard to case', async () => {
    const rows = JSON.parse((await list(freshHome(), '--all', '--format', 'json')).stdout);
    expect(rows).toMatchObject([
      { hostname: 'one', status: 'Running', resourceGroup: 'rg-demo', publicIp: expect.any(String) },
      { hostname: 'three', status: 'Deallocated', resourceGroup: 'rg-two', publicIp: null },
      { hostname: 'two', status: 'Running', resourceGroup: 'rg-two', publicIp: expect.any(String) },
    ]);
  });

  test('a resource group: asked for alone, states included', async () => {
    const before = fleet.resourceManager.requests.length;
    const { stdout } = await list(freshHome(), '--all', '-g', 'RG-Two');
    expect(stdout).toMatch(/^three +- +Deallocated .*\ntwo +- +Running /m);
    const requests = fleet.resourceManager.requests.slice(before);
    expect(requests.every((request) => request.toLowerCase().includes('/resourcegroups/rg-two/'))).toBe(true);
  });
});

describe('cache', () => {
  test('one answer serves five minutes, --refresh asks', async () => {
    const home = freshHome();
    expect(await asked(() => list(home))).toBeGreaterThan(0);
    expect(await asked(() => list(home))).toBe(0);
    expect(await asked(() => list(home, '--refresh'))).toBeGreaterThan(0);
    const expired = { ...home, AZLIN_CONFIG: join(home.AZLIN_HOME, 'short.toml') };
    writeFileSync(expired.AZLIN_CONFIG, '[cache]\ninventory_ttl = "0s"\n');
    expect(await asked(() => list(expired))).toBeGreaterThan(0);
  });

  test('is the own of each scope', async () => {
    const home = freshHome();
    await list(home);
    expect((await list(home, '-g', 'rg-two')).stdout).not.toContain('one');
    expect((await list(home)).stdout).toContain('one');
  });

  test('a name that is missing is looked up afresh, once', async () => {
    const home = freshHome();
    await list(home);
    edit(home, (vm) => ({ ...vm, name: vm.name === 'one' ? 'renamed' : vm.name }));
    const environment = home;
    expect(await azlin(fleet, ['exec', 'one:dev', 'echo found'], { environment })).toMatchObject({
      exitCode: 0,
      stdout: 'found\n',
    });
    const missing = await asked(() => azlin(fleet, ['exec', 'nosuch:dev', 'true'], { environment }));
    expect(missing).toBe(await asked(() => list(home, '--refresh')));
  });

  test('an address that no longer answers, and a state that no longer holds, are looked up afresh', async () => {
    const home = freshHome();
    const environment = home;
    const run = () => azlin(fleet, ['exec', 'one:dev', 'echo found'], { environment });
    await list(home);
    edit(home, (vm) => ({ ...vm, tags: { 'azlin-ssh-port': '1' } }));
    expect(await run()).toMatchObject({ exitCode: 0, stdout: 'found\n' });
    edit(home, (vm) => ({ ...vm, powerState: 'Deallocated' }));
    expect(await run()).toMatchObject({ exitCode: 0, stdout: 'found\n' });
    expect(await azlin(fleet, ['connect', 'three'], { environment })).toMatchObject({
      exitCode: 7,
      stderr: expect.stringContaining('the VM is deallocated'),
    });
  });

  test('a VM that was made anew at the same address has a key of its own', async () => {
    const environment = freshHome();
    await list(environment);
    edit(environment, (vm) => (vm['name'] === 'one' ? { ...vm, vmId: 'the-one-before' } : vm));
    const other = 'AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
    writeFileSync(join(environment.AZLIN_HOME, 'known_hosts'), `the-one-before ssh-ed25519 ${other}\n`);
    expect(await azlin(fleet, ['exec', 'one:dev', 'echo new'], { environment })).toMatchObject({
      exitCode: 0,
      stdout: 'new\n',
    });
  });

  test('a recycled address: no false alarm, and no key pinned to the wrong VM', async () => {
    const environment = freshHome();
    const place = (name: string) => {
      const { address = '', port = 0 } = fleet.machines.get(name) ?? {};
      return { publicIp: address, tags: { 'azlin-ssh-port': String(port) } };
    };
    await list(environment);
    /** The cache says that each of the two is where the other one is. */
    const swap = () =>
      edit(environment, (vm) => {
        if (vm['name'] === 'one') return { ...vm, ...place('two') };
        return vm['name'] === 'two' ? { ...vm, ...place('one') } : vm;
      });
    swap();
    expect(await azlin(fleet, ['exec', 'one:dev', 'echo first'], { environment })).toMatchObject({
      exitCode: 0,
      stdout: 'first\n',
    });
    swap();
    expect(await azlin(fleet, ['exec', 'one:dev', 'echo again'], { environment })).toMatchObject({
      exitCode: 0,
      stdout: 'again\n',
    });
  });

  /** Makes the cached inventory say something else than Azure does. */
  function edit({ AZLIN_HOME }: { AZLIN_HOME: string }, change: (vm: Record<string, unknown>) => unknown): void {
    const folder = join(AZLIN_HOME, 'cache');
    const path = join(folder, readdirSync(folder).find((name) => name.startsWith('inventory')) ?? '');
    const kept = JSON.parse(readFileSync(path, 'utf8'));
    kept.value.vms = kept.value.vms.map(change);
    writeFileSync(path, JSON.stringify(kept));
  }
});

describe('a file as inventory', () => {
  test('TOML and JSON', async () => {
    const { address = '', port = 0, user = '' } = fleet.machines.get('one') ?? {};
    const toml = join(fleet.directory, 'vms.toml');
    writeFileSync(
      toml,
      `[[vms]]\nname = "box"\naddress = "${address}"\nport = ${port}\nuser = "${user}"\n\n[[vms]]\nname = "off"\nstatus = "Stopped"\n`,
    );
    const environment = freshHome();
    expect((await azlin(fleet, ['list', '--inventory', toml], { environment })).stdout).toMatch(/^box +dev +Running/m);
    const json = join(fleet.directory, 'vms.json');
    writeFileSync(json, JSON.stringify({ vms: [{ name: 'box', address, port, user }] }));
    expect(
      (await azlin(fleet, ['exec', 'box:dev', 'echo hi'], { environment: { ...environment, AZLIN_INVENTORY: json } }))
        .stdout,
    ).toBe('hi\n');
    const asks = await asked(() => azlin(fleet, ['list', '--inventory', toml], { environment }));
    expect(asks).toBe(0);
  });

  test('narrowed by resource group and subscription', async () => {
    const path = join(fleet.directory, 'groups.json');
    const vms = [
      { name: 'a', resource_group: 'rg-a', subscription: 's1', status: 'Stopped' },
      { name: 'b', resource_group: 'rg-b', status: 'Stopped' },
    ];
    writeFileSync(path, JSON.stringify(vms));
    const names = async (...args: string[]) =>
      JSON.parse((await list({ AZLIN_INVENTORY: path }, '--all', '--format', 'json', ...args)).stdout).map(
        (row: { hostname: string }) => row.hostname,
      );
    expect(await names()).toEqual(['a', 'b']);
    expect(await names('-g', 'RG-B')).toEqual(['b']);
    expect(await names('--subscription', 's2')).toEqual(['b']);
  });

  test.each([
    ['[[vms]]\nname = "v"\n[[vms]]\nname = "V"', /there are two VMs "V"/],
    ['vms = 3', /has no list "vms"/],
    ['[[vms]]\naddress = "127.0.0.1"', /VM 1: "name" is missing/],
    ['[[vms]]\nname = "a"\nadress = "b"', /unknown field "adress"/],
    ['[[vms]]\nname = "a"\nstatus = "Sleeping"', /"status" is "Sleeping"/],
    ['[[vms', /Cannot read the inventory/],
  ])('a mistake is named: %j', async (content, expected) => {
    const path = join(fleet.directory, 'broken.toml');
    writeFileSync(path, content);
    expect(await list({ AZLIN_INVENTORY: path })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(expected),
    });
  });
});
