import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Fault, refusal, throttled } from '../../src/demo/arm-faults.ts';
import { DEMO_SUBSCRIPTION, type DemoFleet } from '../../src/demo/demo-fleet.ts';
import { recorded } from '../support/arm-fixtures.ts';
import { realClock } from '../support/clock.ts';
import { startFleet } from '../support/fleet.ts';
import { freshHome } from '../support/fresh-home.ts';
import { openTerminal } from '../support/terminal.ts';
import { warmAzlin as azlin } from '../support/warm-azlin.ts';

const OTHER = '22222222-2222-3333-4444-555555555555';

let fleet: DemoFleet;
beforeAll(async () => {
  fleet = await startFleet([
    { name: 'one', sessions: [], stopped: true },
    { name: 'two', sessions: [], stopped: true, privateOnly: true },
    { name: 'far', sessions: [], stopped: true, subscription: OTHER },
  ]);
}, 60_000);
afterEach(() => fleet.resourceManager.faults.clear());
afterAll(() => fleet.close());

const DEADLINE = 4;
/** Milliseconds in which nobody answers. */
const HANGING = 60_000;

const home = (seconds = DEADLINE) => freshHome(fleet, `[azure]\ndeadline = "${seconds}s"\n`);
/** Seconds in which all attempts that azlin makes fit. */
const ALL_ATTEMPTS = 15;

/** Both subscriptions with faults. Only what hangs needs to come to its deadline; all else is to be told before. */
async function listWith(faults: readonly Fault[], ...args: string[]) {
  return listWithin(faults.some(hangs) ? DEADLINE : ALL_ATTEMPTS, faults, args);
}

const hangs = ({ delay = 0 }: Fault) => delay > DEADLINE * 1_000;

async function listWithin(limit: number, faults: readonly Fault[], args: readonly string[]) {
  for (const fault of faults) fleet.resourceManager.faults.add(fault);
  const before = fleet.resourceManager.requests.length;
  const started = realClock.now();
  const line = ['list', '--all', '--no-sessions', '--subscription', `azlin demo,azlin demo 2`, ...args];
  const { exitCode, stdout, stderr } = await azlin(fleet, line, { environment: home(limit) });
  const seconds = (realClock.now() - started) / 1_000;
  const requests = fleet.resourceManager.requests.length - before;
  return { exitCode, names: stdout.match(/^[a-z]+/gm) ?? [], stdout, stderr, seconds, requests };
}

const ALL = ['far', 'one', 'two'];
const HERE = new RegExp(`/subscriptions/${DEMO_SUBSCRIPTION}/`);

const HERE_PATH = `/subscriptions/${DEMO_SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachines`;

describe('what passes is not noticed', () => {
  test.each<[string, Fault]>([
    ['429 with Retry-After', { match: /virtualMachines/, times: 2, reply: throttled(DEMO_SUBSCRIPTION, '1') }],
    ['429 without Retry-After', { match: /virtualMachines/, times: 3, reply: throttled(DEMO_SUBSCRIPTION) }],
    ['500', { match: /networkInterfaces/, times: 2, reply: { status: 500, body: recorded('err-500').body } }],
    ['a reply of a proxy', { match: /publicIP/, times: 1, reply: { status: 503, body: '<html>' } }],
    ['a cut connection', { match: /virtualMachines/, times: 2, cut: 'connection' }],
    ['truncated JSON', { match: /networkInterfaces/, times: 1, cut: 'json' }],
    ['a slow answer', { match: /virtualMachines/, times: 1, delay: 500 }],
  ])('%s', async (_what, fault) => {
    const { exitCode, names, stderr } = await listWith([fault]);
    expect({ exitCode, names, stderr }).toEqual({ exitCode: 0, names: ALL, stderr: '' });
  });

  test('an empty page before the others, and an empty link after the last', async () => {
    const first = {
      match: /Compute\/virtualMachines\?(?!.*first)/,
      edit: () => ({ value: [], nextLink: `${fleet.resourceManager.url}${HERE_PATH}?first=0&statusOnly=true` }),
    };
    const last = { match: /Compute\/virtualMachines/, edit: (page: object) => ({ nextLink: '', ...page }) };
    const { exitCode, names, stderr } = await listWith([first, last], '--subscription', 'azlin demo');
    expect({ exitCode, names, stderr }).toEqual({ exitCode: 0, names: ['one', 'two'], stderr: '' });
  });
});

describe('one subscription that fails is a warning, the other is listed', () => {
  test.each<[string, Fault, RegExp]>([
    [
      '429, for 20 minutes',
      { match: HERE, reply: throttled(DEMO_SUBSCRIPTION, '1200') },
      /SubscriptionRequestsThrottled: .*Azure says to wait 20 min/,
    ],
    [
      '429, again and again',
      { match: HERE, reply: throttled(DEMO_SUBSCRIPTION, '0') },
      /SubscriptionRequestsThrottled/,
    ],
    [
      '403',
      { match: HERE, reply: { status: 403, body: recorded('err-403-authorizationfailed-sub').body } },
      /AuthorizationFailed: The client/,
    ],
    [
      '500, and no end',
      { match: HERE, reply: { status: 500, body: recorded('err-500').body } },
      /MultipleErrorsOccurred/,
    ],
    [
      'a server that hangs',
      { match: HERE, delay: HANGING },
      /^warning: Cannot list the virtual machines of subscription "azlin demo" .*did not answer in (4|3\.\d) s; its VMs are missing/,
    ],
    ['a connection that is always cut', { match: HERE, cut: 'connection' }, /cannot reach|it is cut short/],
    ['JSON that is always truncated', { match: HERE, cut: 'json' }, /sent a reply that azlin cannot read/],
    [
      'a reply without values',
      { match: HERE, edit: () => ({}) },
      /sent a reply that azlin cannot read: a page of a list without values; its VMs are missing/,
    ],
    [
      'a page that leads back',
      {
        match: HERE,
        edit: () => ({
          value: [],
          nextLink: `${fleet.resourceManager.url}/subscriptions/${DEMO_SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachines`,
        }),
      },
      /form a loop/,
    ],
    [
      'a sign-in for another tenant',
      { match: HERE, reply: { status: 401, body: recorded('err-401-wrongtenant').body } },
      /its VMs are missing \(az login --tenant 88d52eb9-4040-4847-b7f2-0d5eeef9cf39\)/,
    ],
  ])('%s', async (_what, fault, expected) => {
    const { exitCode, names, stderr, seconds, requests } = await listWith([fault]);
    expect({ exitCode, names, stderr }).toEqual({
      exitCode: 0,
      names: ['far'],
      stderr: expect.stringMatching(expected),
    });
    expect(stderr).toMatch(/^warning: /);
    if (hangs(fault)) expect(seconds).toBeLessThan(HANGING / 2_000);
    // Four lists of one subscription, five attempts each at the most, and the other one's.
    expect(requests).toBeLessThanOrEqual(4 * 5 + 8);
  });
});

describe('a list that fails costs its part', () => {
  test.each<[string, Fault, RegExp, RegExp]>([
    [
      'interfaces',
      { match: /networkInterfaces/, reply: throttled(DEMO_SUBSCRIPTION, '60') },
      /private addresses are unknown: Cannot list the network interfaces/,
      /^one +- +Deallocated +-$/m,
    ],
    [
      'public addresses',
      { match: /publicIPAddresses/, reply: refusal(403, 'AuthorizationFailed', 'no') },
      /public addresses are unknown: Cannot list the public IP addresses/,
      /^one +- +Deallocated +127\./m,
    ],
    [
      'states',
      { match: /statusOnly/, delay: HANGING },
      /the power state of 2 VMs is unknown: Cannot list the virtual machines of subscription "azlin demo" .*did not answer/,
      /^one +- +Unknown +127\./m,
    ],
  ])('%s', async (_what, fault, warning, row) => {
    const { exitCode, names, stdout, stderr } = await listWith([fault]);
    expect({ exitCode, names }).toEqual({ exitCode: 0, names: ALL });
    expect(stderr).toMatch(warning);
    expect(stdout).toMatch(row);
  });

  test('a later page: what came before it is shown, and that there is more', async () => {
    const later = { match: /virtualMachines.*skiptoken/, reply: throttled(DEMO_SUBSCRIPTION, '60') };
    const edit = ({ value }: { value: unknown[] }) => ({
      value,
      nextLink: `${fleet.resourceManager.url}${HERE_PATH}?%24skiptoken=2`,
    });
    const { exitCode, names, stderr } = await listWith(
      [later, { match: /Compute\/virtualMachines/, edit }],
      '--subscription',
      'azlin demo',
    );
    expect({ exitCode, names }).toEqual({ exitCode: 0, names: ['one', 'two'] });
    expect(stderr).toMatch(
      /^warning: only 2 VMs of a list could be read: Cannot list the virtual machines.*Throttled/m,
    );
  });

  test('interfaces that Azure does not show: said, by both sources', async () => {
    const edit = () => ({ value: [] });
    const warning = /^warning: Azure shows no network interface for 2 VMs; their addresses are unknown$/m;
    const manager = await listWith([{ match: /networkInterfaces/, edit }], '--subscription', 'azlin demo');
    expect(manager).toMatchObject({ exitCode: 0, names: ['one', 'two'], stderr: expect.stringMatching(warning) });
    fleet.resourceManager.faults.clear();
    const hide = (page: { data: object[] }) => ({
      ...page,
      data: page.data.map((row) => ({ ...row, nicId: '', configuration: null })),
    });
    const fault = { match: /ResourceGraph/, body: /virtualmachines/, edit: hide };
    const graph = await listWith([fault], '--subscription', 'azlin demo', '--inventory', 'resource-graph');
    expect(graph).toMatchObject({ exitCode: 0, names: ['one', 'two'], stderr: expect.stringMatching(warning) });
  });

  test('a subscription whose name would forge a line', async () => {
    const edit = ({ value }: { value: object[] }) => ({
      value: value.map((one) => ({ ...one, displayName: 'a\nwarning: forged\u001b[2J' })),
    });
    const faults = [
      { match: /^GET \/subscriptions\?/, edit },
      { match: HERE, reply: refusal(403, 'AuthorizationFailed', 'no') },
    ];
    for (const fault of faults) fleet.resourceManager.faults.add(fault);
    const { stderr } = await azlin(fleet, ['list', '--all', '--no-sessions', '--all-subscriptions'], {
      environment: home(),
    });
    expect(stderr).toContain('"awarning: forged"');
    expect(stderr).not.toMatch(/^warning: forged/m);
  });

  test('a VM that makes no sense costs that VM a warning, not the list', async () => {
    const spoil = (vm: { name: string }): unknown[] =>
      vm.name === 'one' ? [{ ...vm, properties: { networkProfile: 5 } }, null, { zones: 3 }] : [vm];
    const edit = ({ value }: { value: { name: string }[] }) => ({ value: value.flatMap(spoil) });
    const { exitCode, names, stderr } = await listWith([{ match: /Compute\/virtualMachines/, edit }]);
    expect({ exitCode, names }).toEqual({ exitCode: 0, names: ALL });
    expect(stderr).toMatch(/^warning: Azure sent a VM "one" with fields that azlin cannot read \(networkProfile\)/m);
    expect(stderr).toMatch(/^warning: Azure sent a VM without a name; it is left out/m);
  });
});

describe('all failing is an error', () => {
  test.each<[string, Fault, number, RegExp]>([
    [
      '429',
      { match: /./, reply: throttled(DEMO_SUBSCRIPTION, '1200') },
      7,
      /Throttled.*\nhint: Azure is throttling requests/s,
    ],
    [
      '403',
      { match: /./, reply: refusal(403, 'AuthorizationFailed', 'no') },
      5,
      /AuthorizationFailed.*\nhint: .*Reader/s,
    ],
    ['500', { match: /./, reply: refusal(500, 'InternalServerError', 'oops') }, 7, /InternalServerError: oops/],
    ['a server that hangs', { match: /./, delay: HANGING }, 7, /did not answer in/],
    ['cut connections', { match: /./, cut: 'connection' }, 7, /cannot reach|it is cut short/],
    ['truncated JSON', { match: /./, cut: 'json' }, 7, /sent a reply that azlin cannot read/],
  ])('%s', async (_what, fault, exitCode, expected) => {
    for (const source of ['azure', 'resource-graph']) {
      const { stderr, seconds, ...rest } = await listWith([fault], '--inventory', source);
      expect({ source, ...rest }).toMatchObject({ source, exitCode, stdout: '' });
      expect(stderr).toMatch(expected);
      expect(stderr).toMatch(/^hint: /m);
      expect(stderr.match(/^error:/gm)).toHaveLength(1);
      if (hangs(fault)) expect(seconds).toBeLessThan(HANGING / 2_000);
      fleet.resourceManager.faults.clear();
    }
  });
});

describe('Resource Graph', () => {
  test('limited: asked again when its count starts anew', async () => {
    const { status, headers, body } = recorded('err-429-arg-ratelimiting');
    const reply = { status, body, headers: { ...headers, 'x-ms-user-quota-resets-after': '00:00:01' } };
    const { exitCode, names, stderr } = await listWith(
      [{ match: /ResourceGraph/, times: 1, reply }],
      '--inventory',
      'resource-graph',
    );
    expect({ exitCode, names, stderr }).toEqual({ exitCode: 0, names: ALL, stderr: '' });
  });

  test('limited for longer than there is time', async () => {
    const { status, headers, body } = recorded('err-429-arg-ratelimiting');
    const { exitCode, stderr } = await listWith(
      [{ match: /ResourceGraph/, reply: { status, headers, body } }],
      '--inventory',
      'resource-graph',
    );
    expect({ exitCode, stderr }).toEqual({
      exitCode: 7,
      stderr: expect.stringMatching(/Cannot query Azure Resource Graph: RateLimiting: .*Azure says to wait 5 s/),
    });
  });

  test('an answer that is cut short is shown, with what is missing', async () => {
    const edit = (page: object) => ({ ...page, totalRecords: 7 });
    const fault = { match: /ResourceGraph/, body: /virtualmachines/, edit };
    const { exitCode, names, stderr } = await listWith([fault], '--inventory', 'resource-graph');
    expect({ exitCode, names }).toEqual({ exitCode: 0, names: ALL });
    expect(stderr).toMatch(
      /^warning: only 3 VMs of the answer could be read: Azure Resource Graph returned only 3 of 7 rows/m,
    );
  });

  test('a later page that fails: what came before it is shown, and not taken for the whole', async () => {
    const more = (page: object) => ({ ...page, $skipToken: '3' });
    const later = { match: /ResourceGraph/, body: /skipToken/, reply: throttled(DEMO_SUBSCRIPTION, '60') };
    const first = { match: /ResourceGraph/, body: /virtualmachines/, edit: more };
    const { exitCode, names, stderr } = await listWith([later, first], '--inventory', 'resource-graph');
    expect({ exitCode, names }).toEqual({ exitCode: 0, names: ALL });
    expect(stderr).toMatch(
      /^warning: only 3 VMs of the answer could be read: Cannot query Azure Resource Graph: Subscription/m,
    );
  });

  test('who may not see subscriptions may see VMs all the same', async () => {
    const fault = {
      match: /ResourceGraph/,
      body: /^{[^}]*resourcecontainers/,
      edit: (page: object) => ({ ...page, data: [], totalRecords: 0 }),
    };
    const { exitCode, names, stderr } = await listWith([fault], '--inventory', 'resource-graph');
    expect({ exitCode, names, stderr }).toEqual({ exitCode: 0, names: ALL, stderr: '' });
    fleet.resourceManager.faults.clear();
    const refused = { ...fault, edit: undefined, reply: refusal(403, 'AuthorizationFailed', 'no') };
    const unsure = await listWith(
      [{ match: refused.match, body: refused.body, reply: refused.reply }],
      '--inventory',
      'resource-graph',
    );
    expect(unsure).toMatchObject({
      exitCode: 0,
      names: ALL,
      stderr: expect.stringMatching(/^warning: VMs may be missing: Cannot query Azure Resource Graph/m),
    });
  });

  test('a query that Azure does not take: the way around it', async () => {
    const reply = refusal(400, 'BadRequest', 'Please provide a valid query.');
    const { exitCode, stderr } = await listWith([{ match: /ResourceGraph/, reply }], '--inventory', 'resource-graph');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 7,
      stderr: expect.stringMatching(/BadRequest[\s\S]*^hint: set inventory\.source to "azure"/m),
    });
  });

  test.each([
    ['arg-2024-04-01-ResourcesFirstPageQuery', /^$/],
    ['arg-2024-04-01-ResourcesNextPageQuery', /^$/],
    [
      'arg-2024-04-01-ResourcesPropertiesQuery',
      /^(warning: Azure sent a VM without a name; it is left out\n)?warning: /,
    ],
  ])('recorded rows have the envelope that is read: %s', async (name, expected) => {
    const { data, count } = recorded(name).body as { data: object[]; count: number };
    // A page of a longer answer: here it is all there is.
    const edit = () => ({ ...(recorded(name).body as object), $skipToken: undefined, totalRecords: data.length });
    const fault = { match: /ResourceGraph/, body: /virtualmachines/, edit };
    const { exitCode, stdout, stderr } = await listWith([fault], '--inventory', 'resource-graph');
    expect(exitCode).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(1 + (expected.test('') ? count : 0));
    expect(stderr.replace(/^there are no VMs in scope\n/m, '')).toMatch(expected);
  });
});

describe('on a terminal', () => {
  test('a wait is shown after a second, and gone afterwards', async () => {
    fleet.resourceManager.faults.add({ match: /networkInterfaces/, times: 1, delay: 2_000 });
    const terminal = await openTerminal({ ...fleet.environment, ...home() });
    try {
      await terminal.type('clear; azlin list --all --no-sessions\n');
      await terminal.shows(/^Listing VMs: 2 so far \(1 s\)$/m);
      const screen = await terminal.shows(/^two .*\n+local\$/m);
      expect(screen).not.toContain('Listing');
      expect(screen.split('\n')[0]).toMatch(/^HOSTNAME/);
    } finally {
      await terminal.close();
    }
  });

  test('Ctrl-C during a wait that Azure asked for ends at once', async () => {
    // Longer than the screen is waited for.
    fleet.resourceManager.faults.add({ match: /virtualMachines/, reply: throttled(DEMO_SUBSCRIPTION, '60') });
    const patient = freshHome(fleet, '[azure]\ndeadline = "2m"\n');
    const terminal = await openTerminal({ ...fleet.environment, ...patient });
    try {
      await terminal.type('azlin list --no-sessions; echo "code $?"\n');
      await terminal.shows(/^Listing VMs: 0 so far: Azure is throttling requests; trying again in \d+ s \(1 s\)$/m);
      await terminal.press('C-c');
      const screen = await terminal.shows(/code 130/);
      expect(screen).toMatch(/^error: Interrupted/m);
      expect(screen).not.toMatch(/limits requests/);
    } finally {
      await terminal.close();
    }
  });

  test('what held it up is forgotten when it is over', async () => {
    fleet.resourceManager.faults.add({ match: /virtualMachines/, times: 1, reply: throttled(DEMO_SUBSCRIPTION, '2') });
    fleet.resourceManager.faults.add({ match: /virtualMachines/, times: 4, delay: 4_000 });
    const terminal = await openTerminal({ ...fleet.environment, ...freshHome(fleet) });
    try {
      await terminal.type('clear; azlin list --no-sessions\n');
      await terminal.shows(/is throttling requests; trying again in 2 s/);
      await terminal.shows(/^Listing VMs: \d so far \(\d s\)$/m);
    } finally {
      await terminal.close();
    }
  });
});

describe('a reply that repeats the token', () => {
  test.each<[string, (token: string) => unknown]>([
    ['with its header', (token) => `<h1>Forbidden</h1>Authorization: Bearer ${token}`],
    [
      'by itself',
      (token) => ({ error: { code: 'AuthorizationFailed', message: `the token ${token} is not good enough` } }),
    ],
    ['in a page of a proxy', (token) => `<pre>GET / HTTP/1.1\nauthorization: bearer ${token}\n</pre>`],
  ])('%s: nobody reads it', async (_what, body) => {
    const said = execFileSync('az', ['account', 'get-access-token'], { env: fleet.environment, encoding: 'utf8' });
    const { accessToken } = JSON.parse(said) as { accessToken: string };
    expect(accessToken.length).toBeGreaterThan(5);
    for (const args of [[], ['--verbose'], ['--format', 'json'], ['--format', 'ndjson', '--verbose']]) {
      const { stdout, stderr } = await listWith(
        [{ match: /./, reply: { status: 403, body: body(accessToken) } }],
        ...args,
      );
      expect(stderr).toMatch(/Cannot list|403|Forbidden|AuthorizationFailed/);
      expect(stdout + stderr).not.toContain(accessToken);
      fleet.resourceManager.faults.clear();
    }
  });
});

describe('replies that never end', () => {
  const SIZE = 40 * 1024 * 1024;

  test.each<[string, Fault]>([
    [
      'packed',
      {
        match: HERE,
        reply: { status: 200, body: gzipSync(Buffer.alloc(SIZE)), headers: { 'content-encoding': 'gzip' } },
      },
    ],
    ['as they are', { match: HERE, reply: { status: 200, body: Buffer.alloc(SIZE, ' ') } }],
    ['in a refusal', { match: HERE, reply: { status: 403, body: Buffer.alloc(SIZE, ' ') } }],
  ])('%s: more than a reply may have is not read', async (_, fault) => {
    const { exitCode, names, stderr } = await listWith([fault]);
    expect({ exitCode, names }).toEqual({ exitCode: 0, names: ['far'] });
    expect(stderr).toMatch(
      /The reply from https:\S+ to \/subscriptions\/\S+ is larger than 32 MiB; the rest was not read/,
    );
  });

  test('pages without an end: the deadline holds', async () => {
    let page = 0;
    const endless = {
      match: /Compute\/virtualMachines/,
      edit: () => ({ value: [], nextLink: `${fleet.resourceManager.url}${HERE_PATH}?first=${++page}` }),
    };
    const { names, stderr, seconds } = await listWithin(DEADLINE, [endless], []);
    expect(names).toEqual([]);
    expect(stderr).toContain(`did not answer in ${DEADLINE} s`);
    expect(seconds).toBeLessThan(HANGING / 2_000);
    expect(page).toBeGreaterThan(50);
  });
});
