import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { BastionDouble, BastionFault } from '../../src/demo/bastion-double.ts';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { daemonsBelow, endDaemons } from '../support/daemons.ts';
import { azlin, CLI, type RunOptions, startFleet } from '../support/fleet.ts';
import { openTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { type RealProxy, startTinyproxy } from '../support/web-proxies.ts';

/*
 * Private VMs behind a double of Azure Bastion, which is as strict as Azure's is known to be. Nothing listens at the address that Azure gives for them, so
 * whatever arrives has come through it.
 */

const HUB_SUBSCRIPTION = '33333333-2222-3333-4444-555555555555';
const HUB = `/subscriptions/${HUB_SUBSCRIPTION}/resourceGroups/rg-network/providers/Microsoft.Network/virtualNetworks/hub`;

let fleet: DemoFleet;
beforeAll(async () => {
  fleet = await startFleet(
    [
      { name: 'inner', sessions: ['dev'], privateOnly: true, network: 'own' },
      { name: 'spoke', sessions: ['dev'], privateOnly: true, network: 'spoke' },
      { name: 'both', sessions: ['dev'], privateOnly: true, network: 'two-hubs' },
      { name: 'basic', sessions: ['dev'], privateOnly: true, network: 'basic' },
      { name: 'free', sessions: ['dev'], privateOnly: true, network: 'free' },
      { name: 'public', sessions: ['dev'], network: 'own' },
    ],
    {
      networks: [
        { name: 'own', bastion: { name: 'bas-own', ipConnect: true } },
        { name: 'spoke', peers: [HUB] },
        { name: HUB, subscription: HUB_SUBSCRIPTION, bastion: { name: 'bas-hub', sku: 'Premium' } },
        { name: 'two-hubs', peers: ['own', HUB] },
        { name: 'basic', bastion: { name: 'bas-basic', sku: 'Basic', tunnels: false } },
        { name: 'free', bastion: { name: 'bas-free', sku: 'Developer', tunnels: false } },
      ],
      phantoms: { [HUB_SUBSCRIPTION]: [] },
    },
  );
}, 60_000);
afterEach(() => {
  for (const { faults } of fleet.bastions.values()) faults.clear();
});
afterAll(() => fleet.close());

const bastion = (name: string) => fleet.bastions.get(name) as BastionDouble;
const run = (args: readonly string[], environment: RunOptions['environment'] = {}) =>
  azlin(fleet, args, { environment });

describe('the way', () => {
  test.each([
    ['in its own network', 'inner', 'bas-own'],
    ['in the network of a hub, in another subscription', 'spoke', 'bas-hub'],
    ['of the Developer SKU', 'free', 'bas-free'],
  ])('the Bastion %s', async (_where, vm, name) => {
    const { exitCode, stdout, stderr } = await run(['exec', '-v', `${vm}:dev`, 'echo in; exit 3']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: 'in\n' });
    expect(stderr).toMatch(new RegExp(`connected to 127\\.77\\.0\\.\\d+ port \\d+ through Bastion ${name}$`, 'm'));
  });

  test('is the same from Resource Graph, and from the cache', async () => {
    for (const options of [
      ['--inventory', 'resource-graph'],
      ['--inventory', 'resource-graph'],
    ])
      expect(await run(['exec', ...options, 'spoke:dev', 'echo in'])).toMatchObject({ stdout: 'in\n', stderr: '' });
  });

  test('a VM with a public address is reached directly, unless a Bastion is named', async () => {
    const direct = await run(['exec', '-v', 'public:dev', 'echo in']);
    expect([direct.stdout, direct.stderr]).toEqual(['in\n', expect.not.stringContaining('Bastion')]);
    const named = await run(['exec', '-v', '--bastion', 'bas-own', 'public:dev', 'echo in']);
    expect([named.stdout, named.stderr]).toEqual(['in\n', expect.stringContaining('through Bastion bas-own')]);
    const general = await run(['exec', '-v', 'public:dev', 'echo in'], { AZLIN_CONFIG: config('bastion = "bas-own"') });
    expect([general.stdout, general.stderr]).toEqual(['in\n', expect.not.stringContaining('through Bastion')]);
  });

  test('never: directly', async () => {
    const before = bastion('bas-own').requests.length;
    for (const [options, environment] of [
      [['--bastion', 'never'], {}],
      [[], { AZLIN_BASTION: 'never' }],
      [[], { AZLIN_CONFIG: config('bastion = "never"') }],
    ] as const) {
      const { exitCode, stderr } = await run(['exec', ...options, 'inner:dev', 'true'], environment);
      expect([exitCode, stderr]).toEqual([
        255,
        expect.stringMatching(/^error: Cannot connect to "inner" .*: connection refused$/m),
      ]);
    }
    expect(bastion('bas-own').requests).toHaveLength(before);
  });

  test('of several, a flag, a variable or a setting decides', async () => {
    const { exitCode, stderr } = await run(['exec', 'both:dev', 'true']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 255,
      stderr:
        'error: "both" can be reached through several Bastions: bas-own, bas-hub\n' +
        'hint: choose one with --bastion, ssh.bastion or the tag azlin-ssh-bastion; never uses none\n',
    });
    const id = `${HUB.replace('virtualNetworks/hub', 'bastionHosts/bas-hub')}`;
    for (const [options, environment] of [
      [['--bastion', 'BAS-HUB'], {}],
      [[], { AZLIN_BASTION: 'bas-hub' }],
      [[], { AZLIN_CONFIG: config('bastion = "bas-hub"') }],
      [['--bastion', id], {}],
    ] as const)
      expect((await run(['exec', '-v', ...options, 'both:dev', 'true'], environment)).stderr).toContain(
        'through Bastion bas-hub',
      );
    const far = await run(['exec', '-v', '--bastion', id, 'inner:dev', 'echo in']);
    expect([far.stdout, far.stderr]).toEqual(['in\n', expect.stringContaining('through Bastion bas-hub')]);
  });

  test('one that is not there, or says so wrongly', async () => {
    const unknown = await run(['exec', '--bastion', 'bas-other', 'inner:dev', 'true']);
    expect(unknown.stderr).toBe(
      'error: No Bastion "bas-other" is known near "inner"; there is bas-own\nhint: give its id: az network bastion list --query "[].id" --output tsv\n',
    );
    const odd = await run(['exec', '--bastion', 'a b', 'inner:dev', 'true']);
    expect(odd.stderr).toContain(
      'Invalid value for the flag for ssh.bastion: "a b": expected auto, never, or the name or id of a Bastion',
    );
    const missing = await run([
      'exec',
      '--bastion',
      HUB.replace('virtualNetworks/hub', 'bastionHosts/gone'),
      'inner:dev',
      'true',
    ]);
    expect([missing.exitCode, missing.stderr]).toEqual([
      255,
      expect.stringContaining("bastionHosts/gone' was not found"),
    ]);
  });

  test('one without tunnels is passed over, which doctor says; named, it is an error with the cure', async () => {
    const passed = await run(['exec', '-v', 'basic:dev', 'true']);
    const why = 'Bastion bas-basic has the SKU Basic, which has no tunnels';
    expect(passed.stderr).toContain(why);
    expect(passed.stderr).toMatch(
      /^error: Cannot connect to "basic" .*: connection refused\nhint: Bastion bas-basic has the SKU Basic, which has no tunnels; az network bastion update .* --enable-tunneling$/m,
    );
    const { stdout } = await run(['doctor', 'basic']);
    expect(stdout).toMatch(
      /^warn +bastion +Bastion bas-basic has the SKU Basic, which has no tunnels\n +-> az network bastion update .* --enable-tunneling$/m,
    );
    expect((await run(['doctor', 'inner'])).stdout).toMatch(
      /^ok +address +.* \(its private address\), through Bastion bas-own$/m,
    );
    const named = await run(['exec', '--bastion', 'bas-basic', 'basic:dev', 'true']);
    expect(named.stderr).toMatch(
      /^error: Cannot connect to "basic" .* through Bastion bas-basic: it has the SKU Basic, which has no tunnels\nhint: az network bastion update --name bas-basic --resource-group rg-network --sku Standard --enable-tunneling\n$/,
    );
  });

  test('an address, through a Bastion that connects to addresses', async () => {
    const inner = fleet.machines.get('inner');
    const line = ['exec', '--port', `${inner?.port}`, '--identity', fleet.identity, '--no-session', '--bastion'];
    const own = `/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-network/providers/Microsoft.Network/bastionHosts/bas-own`;
    const through = await run([...line, own, `${inner?.user}@127.77.0.4`, 'echo in']);
    expect(through).toMatchObject({ stdout: 'in\n', exitCode: 0 });
    const hub = HUB.replace('virtualNetworks/hub', 'bastionHosts/bas-hub');
    const refused = await run([...line, hub, `${inner?.user}@127.77.0.4`, 'true']);
    expect(refused.stderr).toMatch(
      /through Bastion bas-hub: it does not connect to addresses\nhint: az network bastion update .* --enable-ip-connect\n$/,
    );
  });
});

let made = 0;
/** A settings file whose `[ssh]` has this line. */
function config(line: string): string {
  const path = join(fleet.directory, `config-${++made}.toml`);
  writeFileSync(
    path,
    `${readFileSync(join(fleet.environment['AZLIN_HOME'] ?? '', 'config.toml'), { encoding: 'utf8', flag: 'a+' })}\n[ssh]\n${line}\n`,
    { mode: 0o600 },
  );
  return path;
}

describe('what the Bastion answers', () => {
  const exec = (...options: readonly string[]) => run(['exec', ...options, 'inner:dev', 'echo in']);

  test.each<[string, BastionFault, number, RegExp]>([
    [
      'tunnels switched off',
      { at: 'tokens', status: 400, message: 'Tunneling is disabled' },
      255,
      /through Bastion bas-own: it has tunnels switched off\nhint: az network bastion update --name bas-own --resource-group rg-network --enable-tunneling\n$/,
    ],
    [
      'no right to read the interface',
      { at: 'tokens', status: 403, message: '(AuthorizationFailed) The client does not have authorization' },
      255,
      /: you may not use it: \(AuthorizationFailed\) The client does not have authorization\nhint: it takes the role Reader on the VM, its network interface and the Bastion/,
    ],
    [
      'another token',
      { at: 'tokens', status: 401, message: 'Unauthorized' },
      255,
      /: it does not accept the token: Unauthorized\nhint: sign in to the tenant of the Bastion: az login\n$/,
    ],
    ['something else', { at: 'tokens', status: 418, message: 'teapot' }, 255, /through Bastion bas-own: teapot\n/],
  ])('%s', async (_name, fault, code, said) => {
    bastion('bas-own').faults.add(fault);
    const { exitCode, stderr } = await exec();
    expect({ exitCode, stderr }).toEqual({ exitCode: code, stderr: expect.stringMatching(said) });
  });

  test.each<[string, BastionFault]>([
    ['an error of its own', { at: 'tokens', status: 500, message: 'Internal error', times: 2 }],
    ['101 and then 400', { at: 'tunnel', node: '400', times: 2 }],
    ['101 without its headers', { at: 'tunnel', node: 'bare', times: 1 }],
    ['404 for a session', { at: 'tunnel', status: 404, times: 1 }],
    ['503 for a session', { at: 'tunnel', status: 503, times: 1 }],
    ['101 and then the end', { at: 'tunnel', node: 'closed', times: 2 }],
    ['101 and then nothing', { at: 'tunnel', node: 'silent', times: 1 }],
  ])('trouble of a node is tried again: %s', async (_name, fault) => {
    bastion('bas-own').faults.add(fault);
    const { stdout, stderr } = await exec('-v');
    expect(stdout).toBe('in\n');
    expect(stderr).toMatch(/inner: Bastion bas-own: .*; trying again/);
  });

  test('trouble without end is given up in time, with the reason', async () => {
    bastion('bas-own').faults.add({ at: 'tunnel', node: '400' });
    const path = config('connect_timeout = "2s"');
    const { exitCode, stderr } = await run(['exec', 'inner:dev', 'true'], { AZLIN_CONFIG: path });
    expect(exitCode).toBe(255);
    expect(stderr).toMatch(
      /through Bastion bas-own: it did not let azlin through in 2 s: .+\nhint: check that the VM is running/,
    );
  });

  test('no web server there', async () => {
    const gone = fleet.resourceManager.faults;
    gone.add({
      match: /bastionHosts/,
      edit: (body: { value: { properties: { dnsName: string } }[] }) => ({
        value: body.value.map((one) => ({ ...one, properties: { ...one.properties, dnsName: '127.0.0.1:1' } })),
      }),
    });
    try {
      await run(['list', '--refresh', '--no-sessions']);
      const { stderr } = await exec();
      expect(stderr).toMatch(/through Bastion bas-own: connection refused/);
    } finally {
      gone.clear();
      await run(['list', '--refresh', '--no-sessions']);
    }
  });

  test('Azure that does not tell about Bastions leaves everything as it was', async () => {
    const { faults } = fleet.resourceManager;
    faults.add({
      match: /bastionHosts|virtualNetworks/,
      reply: { status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } },
    });
    try {
      const list = await run(['list', '-v', '--refresh', '--no-sessions']);
      expect(list.exitCode).toBe(0);
      expect(list.stdout).toMatch(/^inner /m);
      expect(list.stderr).toContain('azure: cannot look up Bastions');
      expect((await run(['list', '--refresh', '--no-sessions'])).stderr).toBe('');
    } finally {
      faults.clear();
      await run(['list', '--refresh', '--no-sessions']);
    }
  });
});

describe('a connection through it', () => {
  test('carries what is sent, in frames that every node takes, and its session is ended', async () => {
    const double = bastion('bas-own');
    const others = new Set(double.sessions.keys());
    const input = Buffer.alloc(2_000_000, 'abc');
    const { bytes, exitCode } = await azlin(fleet, ['exec', 'inner:dev', 'cat'], { input: '' }).then(() =>
      azlin(fleet, ['exec', '--shell', 'sh', 'inner:dev'], {
        input: Buffer.concat([Buffer.from('cat <<"E" | md5sum\n'), input, Buffer.from('\nE\n')]),
      }),
    );
    expect({ exitCode, sum: bytes.toString().slice(0, 32) }).toEqual({
      exitCode: 0,
      sum: createHash('md5').update(`${input}\n`).digest('hex'),
    });
    expect(double.most.frame).toBeLessThanOrEqual(8_192);
    const down = await azlin(fleet, ['exec', 'inner:dev', 'head -c 3000000 /dev/zero']);
    expect(down.bytes).toHaveLength(3_000_000);
    await until('the sessions to be ended', () => [...double.sessions.keys()].every((one) => others.has(one)));
  });

  test('starts no process and listens on no port', async () => {
    const words = [CLI, 'exec', 'inner:dev', 'echo begun; sleep 60'];
    const child = spawn(process.execPath, words, { env: fleet.environment, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(child.stdout, 'data');
      expect(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')).toBe('');
      const lines = readFileSync('/proc/net/tcp', 'utf8')
        .split('\n')
        .map((line) => line.trim().split(/\s+/));
      const listening = lines.filter(([, , , state]) => state === '0A').map((line) => `socket:[${line[9]}]`);
      const own = readdirSync(`/proc/${child.pid}/fd`).map((fd) => readlinkSync(`/proc/${child.pid}/fd/${fd}`));
      expect(own.filter((file) => listening.includes(file))).toEqual([]);
      // That of the test itself is seen.
      expect(listening.length).toBeGreaterThan(0);
    } finally {
      child.kill();
    }
  });

  test('tells its tokens to nobody', async () => {
    bastion('bas-own').faults.add({ at: 'tunnel', node: '400', times: 1 });
    const told = await run(['exec', '-v', 'inner:dev', 'env; ps aux']);
    bastion('bas-own').faults.add({ at: 'tokens', status: 401, message: `the token demo-token is not good` });
    const failed = await run(['exec', '-v', 'inner:dev', 'true']);
    for (const { stdout, stderr } of [told, failed])
      expect(stdout + stderr).not.toMatch(/demo-token|webtunnelv2|api\/tokens/);
    expect(failed.stderr).toContain('the token *** is not good');
  });

  test('that dies in the middle of a command may have run; a job goes on', async () => {
    bastion('bas-own').faults.add({ at: 'tunnel', cutAfter: 20_000, times: 1 });
    const lost = await run(['exec', 'inner:dev', 'echo begun; head -c 100000 /dev/zero; sleep 5']);
    expect([lost.exitCode, lost.stderr]).toEqual([
      255,
      expect.stringMatching(/^error: The connection to "inner" .* was lost/m),
    ]);
    bastion('bas-own').faults.add({ at: 'tunnel', cutAfter: 20_000, times: 1 });
    const job = await run(['exec', '--durable', 'inner:dev', 'head -c 100000 /dev/zero; echo end; exit 4']);
    expect([job.exitCode, job.bytes.length]).toEqual([4, 100_004]);
  });

  test('is reattached when it breaks, and when nothing comes any more', async () => {
    const terminal = await openTerminal({ ...fleet.environment, AZLIN_KEEPALIVE: '2' }, 90, 20);
    try {
      await terminal.type('azlin connect inner:dev\n');
      await terminal.shows(/\[dev\]/);
      await terminal.type('echo fir""st\n');
      await terminal.shows(/^first$/m);
      // What is typed while the connection is lost is not kept for it.
      const answers = (word: string) =>
        until(`it to answer ${word}`, async () => {
          await terminal.type(`\x15clear; echo "${word}"-again\n`);
          return new RegExp(`^${word}-again$`, 'm').test(await terminal.screen());
        });
      bastion('bas-own').cut();
      await answers('cut');
      bastion('bas-own').mute();
      await answers('mute');
    } finally {
      await terminal.close();
    }
  }, 60_000);
});

describe('through a web proxy', () => {
  let proxy: RealProxy;
  beforeAll(async () => {
    proxy = await startTinyproxy(fleet);
  }, 60_000);
  afterAll(() => proxy.stop());

  test.each(['0', '10m'])('as Azure is (daemon.persist = %s)', async (persist) => {
    const before = proxy.log().length;
    const environment = {
      HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
      NO_PROXY: '',
      no_proxy: '',
      AZLIN_PERSIST: persist,
    };
    expect(await run(['exec', 'inner:dev', 'echo in'], environment)).toMatchObject({ stdout: 'in\n', stderr: '' });
    expect(proxy.log().slice(before)).toContain(`CONNECT ${bastion('bas-own').dnsName} HTTP/1.1`);
    endDaemons(fleet.environment['AZLIN_HOME'] ?? '');
  });

  test('that is not there is named', async () => {
    const { exitCode, stderr } = await run(['exec', 'inner:dev', 'true'], {
      HTTPS_PROXY: 'http://127.0.0.1:1',
      NO_PROXY: '',
      no_proxy: '',
    });
    expect([exitCode, stderr]).toEqual([
      255,
      expect.stringMatching(
        /through Bastion bas-own: the proxy http:\/\/127\.0\.0\.1:1\/? \(set by HTTPS_PROXY\) failed: connection refused\nhint: check the proxy, or add 127\.0\.0\.1 to NO_PROXY\n$/,
      ),
    ]);
  });
});

describe('through the daemon', () => {
  const home = () => fleet.environment['AZLIN_HOME'] ?? '';
  afterEach(async () => {
    endDaemons(home());
    await until('the daemons to end', () => daemonsBelow(home()).length === 0);
  });

  test('warm calls share one session, and it asks nobody for a token', async () => {
    const double = bastion('bas-own');
    const before = double.requests.filter((one) => one === 'POST /api/tokens').length;
    const others = new Set(double.sessions.keys());
    const exec = () => run(['exec', 'inner:dev', 'echo in'], { AZLIN_PERSIST: '10m' });
    for (let call = 0; call < 4; call++)
      expect(await exec()).toMatchObject({ exitCode: 0, stdout: 'in\n', stderr: '' });
    expect(double.requests.filter((one) => one === 'POST /api/tokens').length - before).toBe(1);
    expect(readFileSync(join(home(), 'daemon.log'), 'utf8')).not.toMatch(/demo-token/);
    const [pid] = daemonsBelow(home());
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toMatch(/demo-token/);
    endDaemons(home());
    await until('the session to be ended', () => [...double.sessions.keys()].every((one) => others.has(one)));
  }, 60_000);
});

describe('a hundred VMs through one Bastion', () => {
  const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
  const network = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-network/providers/Microsoft.Network/virtualNetworks/big`;
  let large: DemoFleet;
  beforeAll(async () => {
    const phantoms = Array.from({ length: 99 }, (_, index) => ({
      name: `vm-${String(index + 1).padStart(2, '0')}`,
      resourceGroup: 'rg-demo',
      vmId: `b0000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
      size: 'Standard_D2s_v5',
      powerState: 'running' as const,
      adminUser: userInfo().username,
      publicIp: null,
      privateIp: `127.77.1.${index + 1}`,
      network,
      tags: {},
    }));
    large = await startFleet([{ name: 'vm-00', sessions: ['dev'], privateOnly: true, network: 'big' }], {
      phantoms: { [SUBSCRIPTION]: phantoms },
      networks: [{ name: 'big', bastion: { name: 'bas-big' } }],
      pageSize: 50,
    });
  }, 60_000);
  afterAll(() => large.close());

  const environmentOf = (persist: string) => {
    const path = join(large.directory, 'config.toml');
    const text = '[list]\ndeadline = "60s"\n[ssh]\nconnect_timeout = "60s"\ncommand_deadline = "60s"\n';
    writeFileSync(path, text, { mode: 0o600 });
    return { AZLIN_PERSIST: persist, AZLIN_CONFIG: path };
  };

  test('a list and a command on all of them, with as many connections as it carries', async () => {
    const environment = environmentOf('0');
    const many = await azlin(large, ['exec', '--host', 'vm-*', '--no-session', '--', 'echo in'], { environment });
    expect([many.exitCode, many.stdout.match(/in$/gm)]).toEqual([0, Array(100).fill('in')]);
    const list = await azlin(large, ['list'], { environment });
    expect([list.exitCode, list.stderr, list.stdout.match(/^vm-\d\d +dev /gm)?.length]).toEqual([0, '', 100]);
    expect(large.bastions.get('bas-big')?.most.open).toBeLessThanOrEqual(40);
  }, 120_000);

  test('the daemon lets go of what is not used when others need the place', async () => {
    const environment = environmentOf('10m');
    for (const hosts of ['vm-[0-2]*', 'vm-[3-5]*']) {
      const { exitCode, stdout } = await azlin(large, ['exec', '--host', hosts, '--no-session', '--', 'echo in'], {
        environment,
      });
      expect([exitCode, stdout.match(/in$/gm)]).toEqual([0, Array(30).fill('in')]);
    }
    expect(readFileSync(join(large.environment['AZLIN_HOME'] ?? '', 'daemon.log'), 'utf8')).toContain(
      'its place at the Bastion is needed',
    );
    endDaemons(large.environment['AZLIN_HOME'] ?? '');
  }, 120_000);
});
