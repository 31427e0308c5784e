import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { refusal, throttled } from '../../src/demo/arm-faults.ts';
import { DEMO_SUBSCRIPTION, type DemoFleet } from '../../src/demo/demo-fleet.ts';
import { realClock } from '../support/clock.ts';
import { startFleet } from '../support/fleet.ts';
import { freshHome, GIVES_TOKEN, withAz } from '../support/fresh-home.ts';
import { machineRun } from '../support/machine.ts';
import { openTerminal, type RealTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { warmAzlin as azlin } from '../support/warm-azlin.ts';

let fleet: DemoFleet;
let home: { readonly AZLIN_HOME: string };
beforeAll(async () => {
  fleet = await startFleet([
    { name: 'up', sessions: ['dev', 'main'] },
    { name: 'down', sessions: ['lost'], stopped: true },
    { name: 'other', sessions: [], stopped: true },
    { name: 'twin', sessions: [], stopped: true, directory: 'twin-a', resourceGroup: 'rg-a' },
    { name: 'twin', sessions: [], stopped: true, directory: 'twin-b', resourceGroup: 'rg-b' },
  ]);
  home = freshHome(fleet);
}, 60_000);
afterEach(() => fleet.resourceManager.faults.clear());
afterAll(() => fleet.close());

const run = (...args: string[]) => azlin(fleet, args, { environment: home });
const statusOf = async (name: string) =>
  JSON.parse((await run('status', name, '--refresh', '--format', 'json')).stdout).status;
const terminalOn = async (work: (terminal: RealTerminal) => Promise<void>) => {
  const terminal = await openTerminal({ ...fleet.environment, ...home }, 90, 24);
  try {
    await work(terminal);
  } finally {
    await terminal.close();
  }
};

describe('start and stop', () => {
  test('one VM: there and back, and what was cached is forgotten', async () => {
    await run('list', '--no-sessions', '-g', 'rg-demo');
    expect(await run('start', 'down')).toEqual(
      expect.objectContaining({
        exitCode: 0,
        stdout: expect.stringMatching(/^down: Running \(127\.[\d.]+\)\n$/),
        stderr: '',
      }),
    );
    expect((await run('exec', 'down', 'echo up')).stdout).toBe('up\n');
    expect((await run('list', '--no-sessions', '-g', 'rg-demo')).stdout).toMatch(/^down +- +Running/m);
    expect((await run('list', '--host', 'down')).stdout).toMatch(/^down +azlin +Running/m);
    expect(await run('stop', 'DOWN', '--yes')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^down: Deallocated/),
    });
    expect((await run('list', '--all', '--no-sessions', '--host', 'down')).stdout).toMatch(/^down +- +Deallocated/m);
  });

  test('several at once; one that Azure cannot start does not hold up the others', async () => {
    fleet.resourceManager.faults.add({
      match: /POST .*\/virtualMachines\/other\/start/i,
      reply: refusal(
        409,
        'AllocationFailed',
        'We do not have sufficient capacity for the requested VM size in this region.',
      ),
    });
    const { exitCode, stdout, stderr } = await run('start', 'down', 'other', 'up');
    expect({ exitCode, stdout }).toEqual({
      exitCode: 7,
      stdout: expect.stringMatching(/^down: Running .*\nup: Running .*\n$/),
    });
    expect(stderr).toMatch(/^error: Cannot start the VM "other": AllocationFailed: We do not have sufficient capacity/);
    expect(await statusOf('other')).toBe('Deallocated');
    await run('stop', 'down', '--yes');
  });

  test('an operation that fails later, and one that is throttled on its way', async () => {
    const failed = {
      status: 'Failed',
      error: { code: 'OverconstrainedAllocationRequest', message: 'No zone has room.' },
    };
    fleet.resourceManager.faults.add({ match: /GET .*\/operations\//, reply: { status: 200, body: failed } });
    expect(await run('start', 'down')).toMatchObject({
      exitCode: 7,
      stderr: expect.stringMatching(
        /^error: Azure could not start the VM "down": OverconstrainedAllocationRequest. No zone has room/,
      ),
    });
    fleet.resourceManager.faults.clear();
    for (const match of [/POST .*\/start/, /GET .*\/operations\//])
      fleet.resourceManager.faults.add({ match, times: 2, reply: throttled(DEMO_SUBSCRIPTION, '1') });
    expect(await run('start', 'down')).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^down: Running/) });
    await run('stop', 'down', '--yes');
  });

  test('who may start VMs but not follow operations: the VM itself is looked at', async () => {
    fleet.resourceManager.faults.add({
      match: /GET .*\/operations\//,
      reply: refusal(403, 'AuthorizationFailed', 'no'),
    });
    expect(await run('start', 'down')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^down: Running/),
      stderr: '',
    });
    fleet.resourceManager.faults.clear();
    fleet.resourceManager.faults.add({ match: /GET .*\/operations\//, reply: throttled(DEMO_SUBSCRIPTION, '1200') });
    const { exitCode, stderr } = await run('stop', 'down', '--yes');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 7,
      stderr: expect.stringMatching(
        /^error: Azure accepted the request to stop the VM "down", but: Cannot follow .*\nhint: Azure may still stop it; azlin status down --refresh/,
      ),
    });
    fleet.resourceManager.faults.clear();
    await until('it to be stopped', async () => (await statusOf('down')) === 'Deallocated');
  });

  test.each([
    [{ status: 'Canceled' }, 'the operation was canceled'],
    [{ status: 'Failed' }, 'it gave no reason'],
  ])('an operation that ends as %j', async (body, why) => {
    fleet.resourceManager.faults.add({ match: /GET .*\/operations\//, reply: { status: 200, body } });
    expect(await run('start', 'other')).toMatchObject({
      exitCode: 7,
      stderr: expect.stringContaining(`Azure could not start the VM "other": ${why}`),
    });
    fleet.resourceManager.faults.clear();
    await until('it to run', async () => (await statusOf('other')) === 'Running');
    await run('stop', 'other', '--yes');
  });

  test('a VM that is gone', async () => {
    fleet.resourceManager.faults.add({
      match: /POST/,
      reply: refusal(404, 'ResourceNotFound', 'The Resource was not found.'),
    });
    expect(await run('start', 'down')).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(
        /^error: Cannot start the VM "down": ResourceNotFound.*\nhint: azlin list --all --refresh/,
      ),
    });
  });

  test('one sign-in serves them all', async () => {
    const log = join(fleet.directory, 'az.log');
    const az = withAz(fleet, `echo "$*" >> '${log}'\n${GIVES_TOKEN}`);
    await azlin(fleet, ['start', 'up', 'rg-a/twin', 'rg-b/twin'], { environment: { ...freshHome(fleet), ...az } });
    // One for the list, one for the power: they are loaded apart.
    expect(readFileSync(log, 'utf8').trim().split('\n')).toHaveLength(2);
    await run('stop', 'rg-a/twin', 'rg-b/twin', '--yes');
  });

  test('the same reason is said once, and an ambiguous name gets a hint for this command', async () => {
    const az = withAz(fleet, "echo 'Please run az login' >&2; exit 1");
    await run('list', '--no-sessions');
    const { exitCode, stderr } = await azlin(fleet, ['start', 'up', 'down', 'other'], {
      environment: { ...home, ...az },
    });
    expect({ exitCode, count: stderr.match(/Not signed in/g)?.length }).toEqual({ exitCode: 5, count: 1 });
    expect((await run('start', 'twin')).stderr).toMatch(/^hint: azlin start rg-a\/twin$/m);
  });

  test('an order that nobody takes has the deadline of a question', async () => {
    fleet.resourceManager.faults.add({ match: /POST/, delay: 60_000 });
    // The list has the same deadline, and comes first.
    const environment = freshHome(fleet, '[azure]\ndeadline = "5s"\n');
    expect(await azlin(fleet, ['start', 'other'], { environment })).toMatchObject({
      exitCode: 7,
      stderr: expect.stringMatching(
        /^error: Cannot start the VM "other": no answer within 5 s\nhint: .*azure\.deadline/,
      ),
    });
  });

  test('messages call a VM what the user would', async () => {
    fleet.resourceManager.faults.add({ match: /POST/, reply: refusal(409, 'Conflict', 'busy') });
    const { stderr } = await run('start', 'rg-a/twin', 'rg-b/twin');
    expect(stderr).toMatch(
      /^error: Cannot start 2 of 2 VMs:\n {2}Cannot start the VM "rg-a\/twin": .*\n {2}Cannot start the VM "rg-b\/twin"/,
    );
  });

  test('a hint means the VMs that were meant', async () => {
    const scope = ['--subscription', 'azlin demo', '-g', 'rg-demo'];
    expect((await run('stop', 'up', ...scope)).stderr).toMatch(
      /^hint: azlin stop --subscription 'azlin demo' --resource-group rg-demo up --yes$/m,
    );
    const { error } = JSON.parse((await run('connect', 'down', ...scope, '--format', 'json')).stderr);
    expect(error.hint).toMatch(/^azlin start --subscription 'azlin demo' --resource-group rg-demo down starts it/);
  });

  test('not allowed: the role that it needs', async () => {
    fleet.resourceManager.faults.add({ match: /POST/, reply: refusal(403, 'AuthorizationFailed', 'no') });
    expect(await run('stop', 'up', '--yes')).toMatchObject({
      exitCode: 5,
      stderr: expect.stringMatching(
        /Cannot stop the VM "up": AuthorizationFailed: no\nhint: .*Virtual Machine Contributor/,
      ),
    });
  });

  test('a deadline', async () => {
    fleet.resourceManager.faults.add({
      match: /GET .*\/operations\//,
      reply: { status: 200, body: { status: 'InProgress' } },
    });
    const environment = freshHome(fleet, '[azure]\npower_deadline = "2s"\n');
    expect(await azlin(fleet, ['start', 'other'], { environment })).toMatchObject({
      exitCode: 7,
      stderr: expect.stringMatching(
        /Azure did not start the VM "other" within 2 s\nhint: Azure may still start it; azlin status other --refresh/,
      ),
    });
    fleet.resourceManager.faults.clear();
    await until('it to run', async () => (await statusOf('other')) === 'Running');
    await run('stop', 'other', '--yes');
  });

  test.each([
    [['start', 'nosuch'], 3, /No VM is named "nosuch"/],
    [['start', 'up', 'dwn'], 3, /No VM is named "dwn"\nDid you mean:\n {2}down/],
    [['stop', 'twin', '--yes'], 4, /Ambiguous VM name "twin"[\s\S]*rg-a\/twin/],
    [['stop', 'up:dev', '--yes'], 2, /"up:dev" does not name a VM\nhint: name the VM alone: up/],
    [['start', '10.0.0.4'], 2, /is an address, but a VM name is needed here/],
    [['stop', 'up'], 2, /Confirmation needed to stop VMs, but this is not a terminal\nhint: azlin stop up --yes/],
    [['start'], 2, /Missing argument: azlin start <vm\.\.>/],
  ])('%j is refused before anything happens', async (args, exitCode, stderr) => {
    const before = fleet.resourceManager.requests.length;
    expect(await run(...args)).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(stderr) });
    expect(fleet.resourceManager.requests.slice(before).filter((request) => request.startsWith('POST'))).toEqual([]);
  });

  test('JSON, and a VM of a resource group', async () => {
    const { stdout } = await run('start', 'rg-b/twin', '--format', 'json');
    expect(JSON.parse(stdout)).toMatchObject([{ hostname: 'rg-b/twin', status: 'Running', resourceGroup: 'rg-b' }]);
    await run('stop', 'rg-b/twin', '--yes');
  });

  test('on a terminal stop says what would end, and asks; no is what Enter means', async () => {
    await terminalOn(async (terminal) => {
      await terminal.type('azlin stop up; echo "code $?"\n');
      await terminal.shows(/^up: 2 sessions$[\s\S]*Stop and deallocate up\?/m);
      await terminal.press('Enter');
      await terminal.shows(/error: Nothing was stopped\n[\s\S]*code 130/);
      expect(await statusOf('up')).toBe('Running');
    });
  });

  test('what somebody is asked about is so, whatever is cached; yes stops it', async () => {
    const old = freshHome(fleet);
    await azlin(fleet, ['list', '--no-sessions'], { environment: old });
    await run('start', 'other');
    await run('ssh', 'other', '-s', 'work', '--detach');
    const terminal = await openTerminal({ ...fleet.environment, ...old }, 90, 24);
    try {
      await terminal.type('azlin stop --quiet other up; echo "code $?"\n');
      await terminal.shows(/Stop and deallocate 2 VMs \(other, up\)\?/);
      await terminal.press('Enter');
      await terminal.shows(/code 130/);
      await terminal.type('clear; azlin stop other; echo "code $?"\n');
      await terminal.shows(/^other: 1 session$[\s\S]*Stop and deallocate other\?/m);
      await terminal.type('y');
      await terminal.press('Enter');
      await terminal.shows(/^other: Deallocated$[\s\S]*code 0/m);
    } finally {
      await terminal.close();
    }
  });

  test('what was listed while somebody thought about it is not believed afterwards', async () => {
    await run('start', 'other');
    await terminalOn(async (terminal) => {
      await terminal.type('clear; azlin stop other\n');
      await terminal.shows(/Stop and deallocate other\?/);
      const since = realClock.now();
      // Longer than it takes to stop the VM.
      await until('somebody to have thought', async () => {
        await run('list', '--refresh', '--no-sessions');
        return realClock.now() - since > 2_500;
      });
      await terminal.type('y');
      await terminal.press('Enter');
      await terminal.shows(/^other: Deallocated$/m);
    });
    expect((await run('list', '--all', '--no-sessions', '--host', 'other')).stdout).toMatch(/^other +- +Deallocated/m);
  });

  test('Ctrl-C while it starts: the line is gone, and what Azure may still do is said', async () => {
    fleet.resourceManager.faults.add({ match: /operations/, reply: { status: 200, body: { status: 'InProgress' } } });
    await terminalOn(async (terminal) => {
      await terminal.type('clear; azlin start other; echo "code $?"\n');
      await terminal.shows(/^Starting other \(\d s\)/m);
      await terminal.press('C-c');
      const screen = await terminal.shows(/code 130/);
      expect(screen).not.toContain('Starting');
      expect(screen).toMatch(
        /^(\^C)?error: Interrupted; Azure may still start other\nhint: azlin status other --refresh/m,
      );
    });
    fleet.resourceManager.faults.clear();
    await until('it to run', async () => (await statusOf('other')) === 'Running');
    await run('stop', 'other', '--yes');
  });

  test('progress on a terminal, gone afterwards', async () => {
    await terminalOn(async (terminal) => {
      fleet.resourceManager.faults.add({ match: /operations/, times: 2, delay: 1_000 });
      await terminal.type('clear; azlin start other\n');
      await terminal.shows(/^Starting other \(\d s\)$/m);
      const screen = await terminal.shows(/^other: Running/m);
      expect(screen).not.toContain('Starting');
    });
    await run('stop', 'other', '--yes');
  });
});

describe('a VM that is stopped and wanted', () => {
  test('without a terminal: the way out', async () => {
    for (const line of [
      ['connect', 'down'],
      ['exec', 'down', 'true'],
      ['ssh', 'down'],
    ])
      expect((await run(...line)).stderr).toMatch(
        /^error: Cannot connect to "down": the VM is deallocated\nhint: azlin start down +starts it; --start does that/,
      );
  });

  test('a command that cannot start VMs does not say that it can', async () => {
    for (const line of [
      ['session', 'down:x'],
      ['disconnect', 'down'],
    ])
      expect((await run(...line)).stderr).toMatch(/^hint: azlin start down starts it$/m);
  });

  test('an inventory that lags behind is not taken at its word', async () => {
    const graph = freshHome(fleet, '[inventory]\nsource = "resource-graph"\n');
    const go = (...args: string[]) => azlin(fleet, args, { environment: graph });
    const stale = (page: { data: object[] }) => ({
      ...page,
      data: page.data.map((row) => ({ ...row, power: 'PowerState/deallocated' })),
    });
    fleet.resourceManager.faults.add({ match: /ResourceGraph/, body: /virtualmachines/, edit: stale });
    expect(await go('start', 'down')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^down: Running \(127/),
    });
    expect(await go('exec', 'down', 'echo up')).toMatchObject({ exitCode: 0, stdout: 'up\n' });
    expect((await go('status', 'down')).stdout).toMatch(/^ {2}status +Running$/m);
    expect((await go('stop', 'down', '--yes')).stdout).toBe('down: Deallocated\n');
    expect(await go('exec', '--start', 'down', 'echo again')).toMatchObject({ exitCode: 0, stdout: 'again\n' });
    await run('stop', 'down', '--yes');
  });

  test('an inventory that lags behind pins no key to whoever has the address by now', async () => {
    await run('start', 'other');
    const graph = freshHome(fleet, '[inventory]\nsource = "resource-graph"\n');
    const other = fleet.machines.get('other');
    const swap = (page: { data: { name: string; tags: object }[] }) => ({
      ...page,
      data: page.data.map((row) =>
        row.name === 'up'
          ? { ...row, tags: { 'azlin-ssh-host': other?.address, 'azlin-ssh-port': `${other?.port}` } }
          : row,
      ),
    });
    fleet.resourceManager.faults.add({ match: /ResourceGraph/, body: /virtualmachines/, edit: swap });
    const exec = () => azlin(fleet, ['exec', 'up:dev', 'pwd'], { environment: graph });
    for (const round of [1, 2])
      expect({ round, ...(await exec()) }).toMatchObject({
        exitCode: 0,
        stdout: expect.stringMatching(/\/up\/home$/m),
      });
    await run('stop', 'other', '--yes');
  });

  test('a VM that only the lagging inventory still knows', async () => {
    const environment = freshHome(fleet, '[inventory]\nsource = "resource-graph"\n');
    fleet.resourceManager.faults.add({
      match: /GET .*virtualMachines\/down/i,
      reply: refusal(404, 'ResourceNotFound', 'gone'),
    });
    for (const line of [
      ['exec', 'down', 'true'],
      ['status', 'down'],
    ])
      expect((await azlin(fleet, line, { environment })).stderr).toMatch(
        /^error: Cannot read the state of the VM "down": ResourceNotFound: gone/m,
      );
  });

  test('what went wrong in the first place counts when it cannot be looked up afresh', async () => {
    const environment = freshHome(fleet);
    await azlin(fleet, ['exec', 'up:dev', 'true'], { environment });
    const az = withAz(fleet, "echo 'Please run az login' >&2; exit 1");
    const { exitCode, stderr } = await azlin(fleet, ['exec', '--port', '1', 'up:dev', 'true'], {
      environment: { ...environment, ...az },
    });
    expect(exitCode).toBe(255);
    expect(stderr).toMatch(/^warning: "up:dev" could not be looked up again: Not signed in/m);
    expect(stderr).toMatch(/^error: Cannot connect to "up" .*connection refused/m);
    const status = await azlin(fleet, ['status', '--port', '1', 'up'], { environment: { ...environment, ...az } });
    expect(status).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/status +Running[\s\S]*connection refused/),
    });
    expect(status.stderr).toMatch(/^warning: "up" could not be looked up again: Not signed in/m);
  });

  test('--start and no address: said at once, and that it was started', async () => {
    await run('stop', 'other', '--yes');
    fleet.resourceManager.faults.add({
      match: /microsoft\.network/i,
      reply: refusal(403, 'AuthorizationFailed', 'no'),
    });
    const { exitCode, stderr } = await azlin(fleet, ['exec', '--start', 'other', 'true'], {
      environment: freshHome(fleet),
    });
    expect(exitCode).toBe(255);
    expect(stderr).toMatch(
      /^warning: "other" was started, but its address could not be looked up: Cannot read the network interface/m,
    );
    expect(stderr).toMatch(/^error: Cannot connect to "other": it has no IP address/m);
    fleet.resourceManager.faults.clear();
    await run('stop', 'other', '--yes');
  });

  test('--start starts it, waits for SSH and goes on', async () => {
    expect(await run('exec', '--start', 'down:new', '--create', 'true')).toMatchObject({ exitCode: 255 });
    expect(await run('exec', '--start', '--create', 'down:new', 'tmux display-message -p "#S"')).toMatchObject({
      exitCode: 0,
      stdout: 'new\n',
    });
    expect(await statusOf('down')).toBe('Running');
    await run('stop', 'down', '--yes');
    expect(await run('ssh', 'down', '--start', '--detach')).toMatchObject({
      exitCode: 0,
      stdout: 'Created session "azlin" on down\n',
    });
    await run('stop', 'down', '--yes');
  });

  test('connect asks on a terminal, waits with progress, and attaches', async () => {
    await terminalOn(async (terminal) => {
      await terminal.type('clear; azlin connect down\n');
      await terminal.shows(/"down" is deallocated\. Start it\?/);
      await terminal.type('y');
      fleet.resourceManager.faults.add({ match: /operations/, times: 2, delay: 1_000 });
      await terminal.press('Enter');
      await terminal.shows(/^Starting down \(\d s\)$/m);
      await terminal.shows(/\[azlin\] 0:/);
      await terminal.press('C-b', 'd');
      await terminal.shows(/:azlin: detached; the session is still running/);
    });
    await run('stop', 'down', '--yes');
  }, 60_000);

  test('connect: no means no', async () => {
    await terminalOn(async (terminal) => {
      await terminal.type('azlin connect down; echo "code $?"\n');
      await terminal.shows(/Start it\?/);
      await terminal.press('Enter');
      await terminal.shows(/Cannot connect to "down": the VM is deallocated[\s\S]*code 7/);
    });
    expect(await statusOf('down')).toBe('Deallocated');
  });
});

describe('status', () => {
  test('a VM, its sessions and who is attached', async () => {
    await terminalOn(async (terminal) => {
      await terminal.type('azlin connect up:dev\n');
      await terminal.shows(/\[dev\] 0:/);
      const { stdout } = await run('status', 'up');
      expect(stdout).toMatch(/^up\n {2}status +Running\n {2}size +Standard_D2s_v5\n {2}region +westeurope\n/);
      expect(stdout).toMatch(/^ {2}sessions +2$/m);
      expect(stdout).toMatch(
        /^SESSION +WINDOWS +CLIENT +SINCE +IDLE +SIZE\ndev +1 +\S+@\S+ +\d{4}-\S+Z +\d+ s +90x24\nmain +1 +- +- +- +-$/m,
      );
      const status = JSON.parse((await run('status', 'up:dev', '--format', 'json')).stdout);
      expect(status).toMatchObject({
        hostname: 'up',
        status: 'Running',
        probe: 'ok',
        ageSeconds: expect.any(Number),
        sessions: [
          {
            session: 'dev',
            clients: [{ client: expect.stringMatching(/pts/), idleSeconds: expect.any(Number), columns: 90 }],
          },
        ],
      });
      await terminal.press('C-b', 'd');
    });
  });

  test('a name that only one VM has, a friendly name, an address, a session that is not there', async () => {
    await machineRun(fleet, 'up', ['tmux', 'set-option', '-t', 'main', '@azlin-name', 'team-a']);
    expect((await run('status', 'team-a')).stdout).toMatch(/^main +team-a +1 /m);
    const { address, port } = fleet.machines.get('up') as { address: string; port: number };
    const direct = await run('status', address, '--port', String(port), '--user', fleet.machines.get('up')?.user ?? '');
    expect(direct.stdout).toMatch(new RegExp(`^${address}\n {2}address +${address}\n {2}sessions +2\n`));
    expect(await run('status', 'up:nosuch')).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('No session named "nosuch" on "up"'),
    });
  });

  test('a stopped VM', async () => {
    expect(await run('status', 'down')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^ {2}status +Deallocated$[\s\S]*^ {2}sessions +none: the VM is deallocated$/m),
    });
  });

  test('a VM that does not answer', async () => {
    const { exitCode, stdout } = await run('status', 'up', '--port', '1');
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(/^ {2}sessions +unknown: Cannot connect to .*connection refused$/m),
    });
  });

  test('every VM in scope, stopped ones too', async () => {
    const { stdout } = await run('status');
    expect(stdout).toMatch(/^HOSTNAME +STATUS +SIZE +REGION +IP +SESSIONS +CLIENTS$/m);
    expect(stdout).toMatch(/^up +Running +Standard_D2s_v5 +westeurope +127[\d.]+ +2 +0$/m);
    expect(stdout).toMatch(/^rg-a\/twin +Deallocated .* - +-$/m);
  });

  test('an answer with something missing is not good enough', async () => {
    const environment = freshHome(fleet);
    fleet.resourceManager.faults.add({ match: /statusOnly/, times: 5, reply: throttled(DEMO_SUBSCRIPTION, '600') });
    await azlin(fleet, ['exec', 'up:dev', 'true'], { environment });
    fleet.resourceManager.faults.clear();
    const { stdout, stderr } = await azlin(fleet, ['status', 'up:dev'], { environment });
    expect({ stdout, stderr }).toEqual({ stdout: expect.stringMatching(/status +Running/), stderr: '' });
  });

  test('a session that has moved to another VM', async () => {
    await run('start', 'other');
    await run('ssh', 'other', '-s', 'solo', '--detach');
    expect((await run('status', 'solo')).stdout).toMatch(/^other\n/);
    await machineRun(fleet, 'other', ['tmux', 'kill-session', '-t', '=solo']);
    await machineRun(fleet, 'up', ['tmux', 'new-session', '-d', '-s', 'solo']);
    expect((await run('status', 'solo')).stdout).toMatch(/^up\n/);
    await machineRun(fleet, 'up', ['tmux', 'kill-session', '-t', '=solo']);
    await run('stop', 'other', '--yes');
  });

  test('a VM without an address: said, and looked up afresh when that is old news', async () => {
    const environment = freshHome(fleet);
    fleet.resourceManager.faults.add({ match: /Microsoft\.Network/, reply: refusal(403, 'AuthorizationFailed', 'no') });
    const status = () => azlin(fleet, ['status', 'up'], { environment });
    for (const round of [1, 2])
      expect({ round, ...(await status()) }).toMatchObject({
        round,
        exitCode: 0,
        stdout: expect.stringMatching(/sessions +unknown: .*no IP address/),
      });
    for (const round of [1, 2])
      expect({ round, ...(await azlin(fleet, ['status', 'down'], { environment })) }).toMatchObject({
        round,
        exitCode: 0,
        stdout: expect.stringMatching(/the VM is deallocated/),
      });
    fleet.resourceManager.faults.clear();
    expect(await azlin(fleet, ['exec', 'up:dev', 'echo hi'], { environment })).toMatchObject({
      exitCode: 0,
      stdout: 'hi\n',
    });
  });

  test('old data is as old as it says, and is not believed when it explains a failure', async () => {
    const environment = freshHome(fleet);
    await azlin(fleet, ['list'], { environment });
    await run('start', 'other');
    const { stdout } = await azlin(fleet, ['status', 'other'], { environment });
    expect(stdout).toMatch(/^ {2}status +Running$[\s\S]*^ {2}data +(asked just now|[2-9] s old; .*)$/m);
    await run('stop', 'other', '--yes');
  });
});
