import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { throttled } from '../../src/demo/arm-faults.ts';
import { CLOSED_SUBSCRIPTION, DEMO_SUBSCRIPTION, type DemoFleet } from '../../src/demo/demo-fleet.ts';
import { startFleet } from '../support/fleet.ts';
import { freshHome as freshHomeOf, withAz as withAzOf } from '../support/fresh-home.ts';
import { until } from '../support/until.ts';
import { warmAzlin as azlin } from '../support/warm-azlin.ts';

const SECOND_SUBSCRIPTION = '22222222-2222-3333-4444-555555555555';

let fleet: DemoFleet;
beforeAll(async () => {
  fleet = await startFleet([
    { name: 'one', sessions: ['dev'] },
    { name: 'two', sessions: [], resourceGroup: 'rg-two', networkGroup: 'rg-net' },
    { name: 'three', sessions: [], stopped: true, resourceGroup: 'rg-two' },
    { name: 'far', sessions: [], stopped: true, subscription: SECOND_SUBSCRIPTION, resourceGroup: 'rg-far' },
  ]);
}, 60_000);
afterEach(() => fleet.resourceManager.faults.clear());
afterAll(() => fleet.close());

const freshHome = (config = '') => freshHomeOf(fleet, config);
const withAz = (script: string) => withAzOf(fleet, script);

const list = (environment: Record<string, string>, ...args: string[]) =>
  azlin(fleet, ['list', '--no-sessions', ...args], { environment });
const asked = async (run: () => Promise<unknown>) => {
  const before = fleet.resourceManager.requests.length;
  await run();
  return fleet.resourceManager.requests.length - before;
};

const rowsOf = async (environment: Record<string, string>, ...args: string[]) =>
  JSON.parse((await list(environment, '--all', '--format', 'json', ...args)).stdout);
const namesOf = async (environment: Record<string, string>, ...args: string[]) =>
  (await rowsOf(environment, ...args)).map((row: { hostname: string }) => row.hostname);

describe('what Azure refuses', () => {
  test.each([
    [
      'a closed subscription',
      CLOSED_SUBSCRIPTION,
      /AuthorizationFailed: The client 'demo' does not have authorization/,
    ],
    ['an unknown subscription', '88888888-0000-0000-0000-000000000000', /SubscriptionNotFound: The subscription '8{8}/],
  ])('%s: its own message', async (_what, subscription, message) => {
    const { stderr, ...rest } = await list({ ...freshHome(), AZURE_SUBSCRIPTION_ID: subscription });
    expect(rest).toMatchObject({ exitCode: 5, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^hint: /m);
    expect(stderr.match(/error:/g)).toHaveLength(1);
  });

  test('a page on another server: the token does not follow it', async () => {
    const edit = () => ({ value: [], nextLink: 'https://127.0.0.1:1/subscriptions' });
    fleet.resourceManager.faults.add({ match: /^GET/, edit });
    const { exitCode, stderr } = await list(freshHome());
    expect({ exitCode, stderr }).toEqual({
      exitCode: 7,
      stderr: expect.stringContaining('points to another server, https://127.0.0.1:1'),
    });
  });

  test.each(['azure', 'resource-graph'])('an unknown resource group, source %s', async (source) => {
    expect(await list({ ...freshHome(), AZLIN_INVENTORY: source }, '-g', 'nosuch')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/Resource group ['"]nosuch['"] could not be found\.?\nhint: az group list/),
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
      stderr: expect.stringContaining('cannot reach Azure Resource Manager at https://127.0.0.1:1: connect'),
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

describe.each(['azure', 'resource-graph'])('scope, source %s', (source) => {
  const home = (config = '') => ({ ...freshHome(config), AZLIN_INVENTORY: source });

  test('all pages, joined without regard to case', async () => {
    expect(await rowsOf(home())).toMatchObject([
      { hostname: 'one', status: 'Running', resourceGroup: 'rg-demo', publicIp: expect.stringMatching(/^127\./) },
      { hostname: 'three', status: 'Deallocated', resourceGroup: 'rg-two', publicIp: null, privateIp: '127.20.0.6' },
      { hostname: 'two', status: 'Running', publicIp: expect.stringMatching(/^127\./) },
    ]);
  });

  test('several subscriptions: by flag, environment and configuration, by id and by name', async () => {
    const both = ['far', 'one', 'three', 'two'];
    const ids = `${DEMO_SUBSCRIPTION},${SECOND_SUBSCRIPTION.toUpperCase()}`;
    expect(await namesOf(home(), '--subscription', ids)).toEqual(both);
    expect(await namesOf({ ...home(), AZURE_SUBSCRIPTION_ID: ids })).toEqual(both);
    const config = `[azure]\nsubscriptions = ["azlin demo", "AZLIN DEMO 2"]\n`;
    expect(await namesOf(home(config))).toEqual(both);
    expect(await namesOf(home(config), '--subscription', 'azlin demo 2')).toEqual(['far']);
  });

  test('a name that az does not know', async () => {
    expect(await list(home(), '--subscription', 'finance')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(
        /"finance" is not a subscription id, and az knows no subscription of that name\nhint: az account list/,
      ),
    });
  });

  test('a subscription that is closed to us is a warning, the others are listed', async () => {
    const { exitCode, stdout, stderr } = await list(
      home(),
      '--all',
      '--subscription',
      `azlin demo 2,${CLOSED_SUBSCRIPTION}`,
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^far +- +Deallocated/m) });
    expect(stderr).toMatch(/^warning: .*subscription "azlin demo closed" \(99999999-/m);
  });

  test('a resource group whose VMs have their interfaces in another one', async () => {
    expect(await rowsOf(home(), '-g', 'rg-two')).toMatchObject([
      { hostname: 'three', resourceGroup: 'rg-two', privateIp: '127.20.0.6' },
      {
        hostname: 'two',
        resourceGroup: expect.stringMatching(/^rg-two$/i),
        ip: expect.stringMatching(/^127/),
        publicIp: expect.any(String),
      },
    ]);
  });

  test('a resource group: without case, and in one subscription of many', async () => {
    expect(await namesOf(home(), '-g', 'RG-Two', '--all-subscriptions')).toEqual(['three', 'two']);
    const quiet = await list(home(), '-g', 'rg-two', '--subscription', 'azlin demo,azlin demo 2');
    expect(quiet.stderr).not.toContain('warning');
  });

  test('a group that was not found where one could look, and a subscription where one could not', async () => {
    const args = ['-g', 'rg-secret', '--subscription', `azlin demo,${CLOSED_SUBSCRIPTION}`];
    const { stderr } = await list(home(), ...args);
    expect(stderr).toMatch(/azlin demo closed/);
    expect(stderr).not.toMatch(/rg-secret['"] could not be found/);
  });

  test('--all-subscriptions excludes --subscription', async () => {
    expect(await list(home(), '--all-subscriptions', '--subscription', 'x')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(
        /Give --(all-subscriptions|subscription) or --(all-subscriptions|subscription), not both/,
      ),
    });
  });
});

describe('scope', () => {
  test.each(['azure', 'resource-graph'])(
    '--all-subscriptions: all that the sign-in sees, and what it may not look into, source %s',
    async (source) => {
      const environment = { ...freshHome(), AZLIN_INVENTORY: source };
      const { exitCode, stdout, stderr } = await list(environment, '--all', '--all-subscriptions');
      expect({ exitCode, names: stdout.match(/^[a-z]+/gm) }).toEqual({
        exitCode: 0,
        names: ['far', 'one', 'three', 'two'],
      });
      expect(stderr).toMatch(/^warning: .*subscription "azlin demo closed" \(99999999-/m);
      expect(stderr.match(/warning/g)).toHaveLength(1);
    },
  );

  test('all of several fail: one error that names each', async () => {
    const ids = `${CLOSED_SUBSCRIPTION},88888888-0000-0000-0000-000000000000`;
    const { exitCode, stdout, stderr } = await list(freshHome(), '--subscription', ids);
    expect({ exitCode, stdout }).toEqual({ exitCode: 5, stdout: '' });
    expect(stderr).toMatch(
      /^error: Cannot list the VMs of 2 subscriptions:\n {2}Cannot .*AuthorizationFailed.*\n {2}Cannot .*SubscriptionNotFound/,
    );
  });

  test('a resource group: asked for alone, states included', async () => {
    const before = fleet.resourceManager.requests.length;
    const { stdout } = await list(freshHome(), '--all', '-g', 'RG-Demo');
    expect(stdout).toMatch(/^one +- +Running /m);
    const requests = fleet.resourceManager.requests.slice(before);
    expect(requests.every((request) => request.toLowerCase().includes('/resourcegroups/rg-demo/'))).toBe(true);
  });

  test('requests are pages: none for each VM', async () => {
    // Pages of two things: 3 VMs, their states, 3 interfaces, 3 public addresses; and, all in one page, VMs and subscriptions.
    expect(await asked(() => list(freshHome()))).toBe(8);
    expect(await asked(() => list({ ...freshHome(), AZLIN_INVENTORY: 'resource-graph' }))).toBe(2);
  });

  test('a name that no resource group can have', async () => {
    for (const name of ["x' or name != '", '..', '.', 'a/b', 'ends.'])
      expect(await list(freshHome(), '-g', name)).toMatchObject({
        exitCode: 2,
        stdout: '',
        stderr: expect.stringContaining('expected the name of a resource group'),
      });
  });
});

describe('clouds', () => {
  /** What the `az` of this machine was asked for, and the answer of azlin to a cloud that nobody reaches. */
  const askedOf = async (config: string, more: Record<string, string> = {}) => {
    const log = join(fleet.directory, 'az.log');
    writeFileSync(log, '');
    const az = withAz(`echo "$*" >> '${log}'\nexit 1`);
    const environment = { ...freshHome(config), ...az, ...more };
    const { stderr } = await list(environment);
    return { stderr, resource: /--resource (\S+)/.exec(readFileSync(log, 'utf8'))?.[1] };
  };
  const CLI_ONLY = '[azure]\ncredential = "cli"\n';

  test.each([
    ['AzureUSGovernment', 'https://management.usgovcloudapi.net'],
    ['azurechinacloud', 'https://management.chinacloudapi.cn'],
    ['AzureCloud', 'https://management.azure.com'],
  ])('%s: its token scope', async (name, resource) => {
    // No token, so that nothing is sent to the endpoint.
    const { stderr, resource: wanted } = await askedOf(`${CLI_ONLY}cloud = "${name}"\n`, { AZLIN_ARM_ENDPOINT: '' });
    expect(wanted).toBe(resource);
    expect(stderr).toContain('Not signed in to Azure');
  });

  test('the cloud that az uses the subscription in', async () => {
    const folder = mkdtempSync(join(fleet.directory, 'azure-'));
    const known = { id: DEMO_SUBSCRIPTION, name: 'gov', isDefault: true, environmentName: 'AzureUSGovernment' };
    writeFileSync(join(folder, 'azureProfile.json'), JSON.stringify({ subscriptions: [known] }));
    const more = { AZLIN_ARM_ENDPOINT: '', AZURE_CONFIG_DIR: folder };
    expect((await askedOf(CLI_ONLY, more)).resource).toBe('https://management.usgovcloudapi.net');
  });

  test('a typo', async () => {
    expect(await list(freshHome('[azure]\ncloud = "Azure"\n'))).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(
        /config\.toml:2: azure\.cloud: "Azure": expected one of AzureCloud, AzureUSGovernment, AzureChinaCloud/,
      ),
    });
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

  test('--verbose tells how old the answer is, --quiet nothing', async () => {
    const home = freshHome();
    await list(home);
    expect((await list(home, '--verbose')).stderr).toMatch(/^inventory: 3 VMs, \d+ s old, from the cache$/m);
    expect((await list(home)).stderr).not.toContain('cache');
    expect((await list(home, '--verbose', '--refresh')).stderr).toMatch(/^inventory: 3 VMs, asked again/m);
  });

  test('what stays closed is remembered, with its warning; what may be over soon is good enough for a name, not for a list', async () => {
    const closed = freshHome();
    const args = ['--subscription', `azlin demo 2,${CLOSED_SUBSCRIPTION}`];
    await list(closed, ...args);
    expect(await asked(async () => expect((await list(closed, ...args)).stderr).toContain('AuthorizationFailed'))).toBe(
      0,
    );
    const busy = freshHome();
    fleet.resourceManager.faults.add({ match: /publicIPAddresses/, reply: throttled(DEMO_SUBSCRIPTION, '600') });
    expect((await list(busy)).stderr).toMatch(/warning: public addresses are unknown: .*SubscriptionRequestsThrottled/);
    const exec = () => azlin(fleet, ['exec', 'one:dev', 'true'], { environment: busy });
    // At the first contact the address is looked up afresh.
    expect(await asked(exec)).toBeGreaterThan(0);
    expect(await asked(exec)).toBe(0);
    fleet.resourceManager.faults.clear();
    expect(await asked(() => list(busy))).toBeGreaterThan(0);
    expect(await asked(() => list(busy))).toBe(0);
  });

  test('completion gets an old answer at once; it is renewed behind', async () => {
    const home = freshHome();
    const offered = async () => {
      const { stdout, ...rest } = await azlin(fleet, ['__complete', '--', 'fish', 'azlin', 'ssh', ''], {
        environment: home,
      });
      return {
        ...rest,
        words: stdout
          .split('\n')
          .slice(1, -1)
          .map((line) => line.split('\t')[0]),
      };
    };
    expect(await offered()).toMatchObject({ exitCode: 0, words: [], stderr: '' });
    const path = await until('the cache', () => cacheOf(home));
    edit(home, (vm) => ({ ...vm, name: `old-${vm['name']}` }), 0);
    expect((await offered()).words).toEqual(['old-one', 'old-three', 'old-two']);
    await until('fresh names', () => readFileSync(path, 'utf8').includes('"one"'));
    expect((await offered()).words).toEqual(['one', 'three', 'two']);
  });

  test('many azlin at once leave a cache that is whole', async () => {
    const home = freshHome();
    const runs = Array.from({ length: 8 }, (_, index) => list(home, ...(index % 2 ? ['--refresh'] : [])));
    for (const { exitCode, stdout, stderr } of await Promise.all(runs)) {
      expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^one .*\ntwo /m) });
      expect(stderr).not.toContain('cache');
    }
    expect(JSON.parse(readFileSync(cacheOf(home) ?? '', 'utf8')).value.vms).toHaveLength(3);
    expect(readdirSync(join(home.AZLIN_HOME, 'cache')).filter((name) => name.includes('.json.'))).toEqual([]);
  });

  test.each([
    ['another version', (text: string) => text.replace(/"version":\d+/, '"version":1'), /^(?!.*dropped)/s],
    ['no JSON', (text: string) => text.slice(0, 40), /warning: removed the broken cache/],
    [
      'another shape',
      (text: string) => text.replace(/"value":.*/s, '"value":{"vms":[5]}}'),
      /warning: removed the broken cache/,
    ],
  ])('a cache of %s is dropped', async (_what, spoil, stderr) => {
    const home = freshHome();
    await list(home);
    const path = cacheOf(home) ?? '';
    writeFileSync(path, spoil(readFileSync(path, 'utf8')));
    expect(await list(home)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^one /m),
      stderr: expect.stringMatching(stderr),
    });
    expect(await asked(() => list(home))).toBe(0);
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
    await azlin(fleet, ['list', '--no-sessions'], { environment });
    /** The cache says that each of the two is where the other one is. */
    const swap = () =>
      edit(environment, (vm) => {
        if (vm['name'] === 'one') return { ...vm, ...place('two') };
        return vm['name'] === 'two' ? { ...vm, ...place('one') } : vm;
      });
    swap();
    // Whoever is asked over old data is not met for good.
    for (const words of [['list'], ['status']]) await azlin(fleet, words, { environment });
    for (const name of ['one', 'two'])
      expect((await azlin(fleet, ['host-key', 'show', name], { environment })).stderr).toContain(
        'no host key is known',
      );
    await azlin(fleet, ['exec', 'nowhere', 'true'], { environment });
    const home = await azlin(fleet, ['exec', 'one:dev', 'echo "$HOME"'], { environment });
    expect(home.stdout).toContain('/one/');
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

  const cacheOf = ({ AZLIN_HOME }: { AZLIN_HOME: string }) => {
    const folder = join(AZLIN_HOME, 'cache');
    const name = existsSync(folder) && readdirSync(folder).find((one) => /^inventory-\w+\.json$/.test(one));
    return name ? join(folder, name) : undefined;
  };

  /** Makes the cached inventory say something else than Azure does, and perhaps at another time. */
  function edit(
    home: { AZLIN_HOME: string },
    change: (vm: Record<string, unknown>) => unknown,
    fetchedAt?: number,
  ): void {
    const path = cacheOf(home) ?? '';
    const kept = JSON.parse(readFileSync(path, 'utf8'));
    kept.value.vms = kept.value.vms.map(change);
    kept.value.fetchedAt = fetchedAt ?? kept.value.fetchedAt;
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
    ['[[vms]]\nname = "v"\n[[vms]]\nname = "V"', /two VMs are named "V"/],
    ['vms = 3', /has no list "vms"/],
    ['[[vms]]\naddress = "127.0.0.1"', /VM 1: "name" is missing/],
    ['[[vms]]\nname = "a"\nadress = "b"', /unknown field "adress"/],
    ['[[vms]]\nname = "a"\nstatus = "Sleeping"', /invalid "status": "Sleeping"/],
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
