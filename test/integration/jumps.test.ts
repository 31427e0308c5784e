import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { bash } from '../support/fleet.ts';
import { type Lab, startLab } from '../support/lab.ts';
import { until } from '../support/until.ts';
import { warmAzlin as azlin } from '../support/warm-azlin.ts';

let lab: Lab;
let bastion: { readonly address: string; readonly port: number; readonly user: string };
let inner: typeof bastion;
beforeAll(async () => {
  lab = await startLab();
  bastion = await lab.start('bastion', {}, { tags: { role: 'bastion' } });
  inner = await lab.start('inner');
  // Their private addresses lead somewhere only from where they are; here that is the same place.
  const { address, port } = await lab.start('worker');
  lab.name('worker', {
    private_address: address,
    port,
    resource_group: 'rg-prod',
    tags: { env: 'prod' },
    user: inner.user,
    id: 'id-of-worker',
  });
  await lab.start('closed', { sshdConfig: ['AllowTcpForwarding no'] });
  await lab.start('stranger', { authorizedKeys: '' });
});
afterAll(() => lab.close());

const at = ({ user, address, port }: typeof bastion) => `${user}@${address}:${port}`;
const exec = (environment: Readonly<Record<string, string>>, ...args: string[]) =>
  azlin({ environment }, ['exec', ...args, 'worker:dev', 'echo hello']);
/** The hosts that were signed in to, in order. */
const way = (stderr: string) => [...stderr.matchAll(/^(\S+): signed in with/gm)].map(([, name]) => name);

describe('over hosts', () => {
  test('one, by address', async () => {
    const { stdout, stderr } = await exec(lab.environment(), '--verbose', '--jump', at(bastion));
    expect({ stdout, way: way(stderr) }).toEqual({ stdout: 'hello\n', way: [bastion.address, 'worker'] });
  });

  test('two; each is checked as its own and pinned', async () => {
    const environment = lab.environment();
    const { stdout, stderr } = await exec(environment, '--verbose', '-J', `${at(bastion)},${at(inner)}`);
    expect({ stdout, way: way(stderr) }).toEqual({
      stdout: 'hello\n',
      way: [bastion.address, inner.address, 'worker'],
    });
    for (const host of [`[${bastion.address}]:${bastion.port}`, `[${inner.address}]:${inner.port}`, 'worker'])
      expect((await azlin({ environment }, ['host-key', 'show', host])).stdout).toContain('ssh-ed25519');
  });

  test('VMs of the fleet by their names, checked as VMs', async () => {
    const environment = lab.environment();
    const { stdout, stderr } = await exec(environment, '--verbose', '--jump', 'bastion,local/inner');
    expect({ stdout, way: way(stderr) }).toEqual({ stdout: 'hello\n', way: ['bastion', 'inner', 'worker'] });
    expect(stderr).toMatch(/new host key of bastion/);
    expect((await azlin({ environment }, ['host-key', 'show', 'bastion'])).stdout).toContain('ssh-ed25519');
  });

  test.each<[string, Readonly<Record<string, string>>, string]>([
    ['AZLIN_PROXYJUMP', { AZLIN_PROXYJUMP: 'bastion' }, ''],
    ['ssh.proxyjump', {}, '[ssh]\nproxyjump = "bastion"\n'],
    ['a rule for its resource group', {}, '[[ssh.jumps]]\nresource_group = "RG-Prod"\nproxyjump = "bastion"\n'],
    [
      'a rule for its tag',
      {},
      '[[ssh.jumps]]\ntag = "env=test"\nproxyjump = "none"\n[[ssh.jumps]]\ntag = "env=prod"\nproxyjump = "bastion"\n',
    ],
  ])('by %s', async (_name, more, config) => {
    const environment = { ...lab.environment(config), ...more };
    expect(way((await exec(environment, '--verbose')).stderr)).toEqual(['bastion', 'worker']);
    expect(way((await exec(environment, '--verbose', '--jump', 'none')).stderr)).toEqual(['worker']);
    // The jump host itself, of which the same is said, and a VM with a public address.
    const self = await azlin({ environment }, ['exec', '--verbose', 'bastion:dev', 'true']);
    expect({ exitCode: self.exitCode, way: way(self.stderr) }).toEqual({ exitCode: 0, way: ['bastion'] });
  });

  test('flag over environment over rules; rules leave VMs with a public address alone', async () => {
    const environment = lab.environment('[[ssh.jumps]]\nproxyjump = "nowhere"\n');
    expect((await azlin({ environment }, ['exec', 'inner:dev', 'true'])).exitCode).toBe(0);
    expect(way((await exec({ ...environment, AZLIN_PROXYJUMP: 'bastion' }, '--verbose')).stderr)).toEqual([
      'bastion',
      'worker',
    ]);
    expect(way((await exec({ ...environment, AZLIN_PROXYJUMP: 'nowhere' }, '-v', '-J', 'inner')).stderr)).toEqual([
      'inner',
      'worker',
    ]);
  });

  test('list goes over the jump host, for the jump host too', async () => {
    const environment = { ...lab.environment(), AZLIN_PROXYJUMP: 'bastion' };
    const { stdout, stderr } = await azlin({ environment }, ['list', '--verbose', '--format', 'csv']);
    expect(stdout).toMatch(/^worker,dev,/m);
    expect(way(stderr)).toEqual(expect.arrayContaining(['inner', 'worker']));
  });
});

describe('by the SSH settings', () => {
  const configured = (text: string) => {
    const environment = lab.environment();
    const path = join(environment.AZLIN_HOME, 'ssh_config');
    writeFileSync(path, text);
    return { ...environment, AZLIN_SSH_CONFIG: path };
  };
  const bastionHost = () => `Host jump\n HostName ${bastion.address}\n Port ${bastion.port}\n User ${bastion.user}\n`;

  test('ProxyJump, by the name that the settings give', async () => {
    const { stdout, stderr } = await exec(configured(`${bastionHost()}Host worker\n ProxyJump jump\n`), '-v');
    expect({ stdout, way: way(stderr) }).toEqual({ stdout: 'hello\n', way: ['jump', 'worker'] });
  });

  test('the first host is reached as its own settings say', async () => {
    const text = `${bastionHost()}Host second\n HostName ${inner.address}\n Port ${inner.port}\n User ${inner.user}\n ProxyJump jump\nHost worker\n ProxyJump second\n`;
    expect(way((await exec(configured(text), '-v')).stderr)).toEqual(['jump', 'second', 'worker']);
  });

  test('a circle is an error that names it', async () => {
    const text = `${bastionHost()} ProxyJump second\nHost second\n HostName ${inner.address}\n Port ${inner.port}\n ProxyJump jump\nHost worker\n ProxyJump second\n`;
    const { exitCode, stderr } = await exec(configured(text));
    expect({ exitCode, stderr }).toEqual({
      exitCode: 255,
      stderr: expect.stringMatching(/the jump hosts form a loop: worker -> second -> jump -> second/),
    });
  });

  test('circles that cross are found as well, by list too, and nothing waits for itself', async () => {
    const host = (name: string, { address, port, user }: typeof bastion, jump: string) =>
      `Host ${name}\n HostName ${address}\n Port ${port}\n User ${user}\n ProxyJump ${jump}\n`;
    const text = `${host('b1', bastion, 'b2')}${host('b2', inner, 'b1')}Host worker\n ProxyJump b1\nHost closed\n ProxyJump b2\n`;
    const environment = configured(text);
    const { stdout, stderr } = await azlin({ environment }, ['list', '--host', '{worker,closed}']);
    expect(stdout).toMatch(/^closed +\?[\s\S]*^worker +\?/m);
    expect(stderr).toMatch(
      /warning: closed: .* form a loop: closed -> b2 -> b1 -> b2[\s\S]*warning: worker: .* form a loop: worker -> b1 -> b2 -> b1/,
    );
  });

  test('hosts that share the name of their keys are different hosts', async () => {
    const text = `${bastionHost()}Host jump worker\n HostKeyAlias cluster\nHost worker\n ProxyJump jump\n`;
    expect(way((await exec(configured(text), '-v')).stderr)).toEqual(['jump', 'worker']);
  });

  test('ProxyCommand, which leaves nothing behind', async () => {
    const command = `ssh -F none -i ${lab.identity} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -W %h:%p -p ${bastion.port} ${bastion.address}`;
    const environment = configured(`Host worker\n ProxyCommand ${command}\n`);
    expect(await exec(environment)).toMatchObject({ exitCode: 0, stdout: 'hello\n', stderr: '' });
    await until(
      'the command to end',
      async () => (await bash({ environment }, `pgrep -f -- '[-]W .*${bastion.port}' || true`)).stdout === '',
    );
  });

  test('a ProxyCommand that fails is quoted', async () => {
    const failed = await exec(configured(`Host worker\n ProxyCommand sh -c 'echo "no way to %h" >&2; exit 3'\n`));
    expect({ exitCode: failed.exitCode, stderr: failed.stderr }).toEqual({
      exitCode: 255,
      stderr: expect.stringMatching(
        /Cannot connect to "worker" .*: ProxyCommand ended with exit status 3: no way to 127\./,
      ),
    });
  });

  test('a ProxyCommand that says nothing runs into the deadline, and is ended', async () => {
    const environment = configured('Host worker\n ProxyCommand sleep 4711\nConnectTimeout 1\n');
    expect((await exec(environment)).stderr).toMatch(/Cannot connect to "worker" .*: no answer in 1 s/);
    await until(
      'the command to end',
      async () => (await bash({ environment }, 'pgrep -f "slee[p] 4711" || true')).stdout === '',
    );
  });
});

describe('a way that breaks while it is used', () => {
  /** Runs a command over it and breaks it once that runs; how long azlin took to notice. */
  async function broken(
    environment: Readonly<Record<string, string>>,
    jump: readonly string[],
    breakIt: () => unknown,
  ) {
    const mark = `60.${Math.floor(Math.random() * 1e9)}`;
    const running = azlin({ environment }, ['exec', ...jump, 'worker:dev', `exec sleep ${mark}`]);
    await until(
      'the command to run',
      async () => (await bash({ environment }, `pgrep -f '^sleep ${mark}' || true`)).stdout !== '',
    );
    await breakIt();
    const began = Date.now();
    return { ...(await running), took: Date.now() - began };
  }

  test('a ProxyCommand that is killed is noticed at once', async () => {
    const environment = lab.environment();
    const path = join(environment.AZLIN_HOME, 'ssh_config');
    const command = `ssh -F none -i ${lab.identity} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -W %h:%p -p ${bastion.port} ${bastion.address}`;
    writeFileSync(path, `Host worker\n ProxyCommand ${command}\n`);
    const kill = () => bash({ environment }, `pkill -f -- '[-]W .*${bastion.port}'`);
    const { exitCode, stderr, took } = await broken({ ...environment, AZLIN_SSH_CONFIG: path }, [], kill);
    expect({ exitCode, stderr }).toEqual({ exitCode: 255, stderr: expect.stringMatching(/was lost/) });
    expect(took).toBeLessThan(8_000);
  });

  test('a jump host that goes away is noticed at once', async () => {
    const passing = await lab.start('passing');
    const { exitCode, took } = await broken(lab.environment(), ['--jump', at(passing)], () => lab.stop('passing'));
    expect(exitCode).toBe(255);
    expect(took).toBeLessThan(8_000);
  });

  test('a ProxyCommand that takes no notice of the end does not outlive azlin', async () => {
    const environment = lab.environment();
    const path = join(environment.AZLIN_HOME, 'ssh_config');
    const relay = `node -e "process.on('SIGTERM',()=>{}); const s=require('net').connect(%p,'%h'); process.stdin.on('data',d=>s.write(d)); s.on('data',d=>process.stdout.write(d)); setInterval(()=>{},1000); /* stubborn-${bastion.port} */"`;
    writeFileSync(path, `Host worker\n ProxyCommand ${relay}\n`);
    expect(await exec({ ...environment, AZLIN_SSH_CONFIG: path })).toMatchObject({ stdout: 'hello\n' });
    await until(
      'the command to end',
      async () => (await bash({ environment }, `pgrep -f 'stubbor[n]-${bastion.port}' || true`)).stdout === '',
    );
  });
});

describe('what goes wrong on the way', () => {
  test("one VM's jump host is that VM's trouble, not the fleet's", async () => {
    const { address, port } = await lab.start('astray');
    for (const jump of ['rg-x/nobody', 'astray-1', '127.21.9.9:1']) {
      lab.name('astray', { address, port, user: inner.user, tags: { 'azlin-ssh-jump': jump } });
      const environment = lab.environment();
      const list = await azlin({ environment }, ['list', '--format', 'csv']);
      expect({
        jump,
        exitCode: list.exitCode,
        row: /^astray,.*$/m.exec(list.stdout)?.[0],
        stderr: list.stderr,
      }).toEqual({
        jump,
        exitCode: 0,
        row: expect.stringMatching(/,unreachable$/),
        stderr: expect.stringMatching(/warning: astray: Cannot connect to "astray"/),
      });
      expect(list.stdout).toMatch(/^inner,dev,/m);
    }
    lab.stop('astray');
    lab.name('astray', { status: 'Stopped' });
  });

  test('two machines of one private address are two: the jump is not left out', async () => {
    // Where it stands, the address is that of another machine.
    const here = await lab.start('here', { address: '127.21.3.3' });
    lab.name('there', { private_address: here.address, port: here.port, user: here.user, id: 'id-of-there' });
    const environment = lab.environment();
    const { stderr } = await azlin({ environment }, ['exec', '--verbose', '--jump', 'here', 'there:dev', 'true']);
    expect(way(stderr)).toEqual(['here', 'there']);
  });

  test('what a ProxyCommand says is shown, also when all is well', async () => {
    const environment = lab.environment();
    const path = join(environment.AZLIN_HOME, 'ssh_config');
    const command = `ssh -F none -i ${lab.identity} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -W %h:%p -p ${bastion.port} ${bastion.address}`;
    writeFileSync(path, `Host worker\n ProxyCommand sh -c 'echo "a note" >&2; exec ${command}'\n`);
    const { stdout, stderr } = await exec({ ...environment, AZLIN_SSH_CONFIG: path });
    expect({ stdout, stderr }).toEqual({ stdout: 'hello\n', stderr: 'warning: worker: ProxyCommand says: a note\n' });
  });

  test('no room for another process: that VM is unreachable, and azlin goes on', async () => {
    const environment = lab.environment();
    const path = join(environment.AZLIN_HOME, 'ssh_config');
    writeFileSync(path, 'Host worker\n ProxyCommand sleep 1\n');
    const line = `${process.execPath} dist/azlin.js list --host worker`;
    const { stderr, exitCode } = await bash(
      { environment: { ...environment, AZLIN_SSH_CONFIG: path, SHELL: '/nonexistent/shell' } },
      line,
    );
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: expect.stringMatching(/^warning: worker: Cannot connect to "worker".*Cannot start ProxyCommand/),
    });
  });

  test('a ProxyCommand that does not exist', async () => {
    const environment = lab.environment();
    const path = join(environment.AZLIN_HOME, 'ssh_config');
    writeFileSync(path, 'Host worker\n ProxyCommand no-such-program-at-all %h\n');
    const { stderr } = await exec({ ...environment, AZLIN_SSH_CONFIG: path });
    expect(stderr).toMatch(/Cannot connect to "worker" .*: ProxyCommand ended with exit status 127: .*not found/);
  });

  test.each<[string, string, RegExp]>([
    [
      'a host that may not forward',
      'closed',
      /Cannot connect to "worker" .* through "closed": it cannot reach 127\.\S+ port \d+: /,
    ],
    [
      'a host that lets nobody in',
      'stranger',
      /Cannot connect to "worker" .* through "stranger": Cannot sign in to "stranger"/,
    ],
    ['a host that is not there', '127.21.9.9:1', /through "127\.21\.9\.9:1": Cannot connect to .*connection refused/],
    ['no host', 'a b', /Invalid value for the flag for ssh\.proxyjump: "a b": expected \[user@\]host/],
    ['an option', '-oProxyCommand=reboot', /Invalid value for the flag for ssh\.proxyjump/],
    ['a name that is not ASCII', 'büro', /through "büro": "büro" is not a host name or address/],
    ['a VM that is not there', 'rg-prod/nobody', /No VM is named "rg-prod\/nobody"/],
  ])('%s', async (_name, jump, expected) => {
    const { exitCode, stderr } = await exec(lab.environment(), `--jump=${jump}`);
    expect({ exitCode, stderr }).toEqual({ exitCode: 255, stderr: expect.stringMatching(expected) });
  });

  test('an address is reached without asking for VMs, and that is said', async () => {
    const target = [
      'exec',
      '--jump',
      'bastion',
      '--port',
      String(inner.port),
      `${inner.user}@${inner.address}:dev`,
      'true',
    ];
    const { stderr } = await azlin({ environment: lab.environment() }, target);
    expect(stderr).toMatch(/through "bastion": .*unknown host name\nhint: azlin does not ask Azure for an address/);
  });

  test('a jump host with another key than before is refused', async () => {
    const environment = lab.environment();
    writeFileSync(join(environment.AZLIN_HOME, 'known_hosts'), `id-of-bastion ${lab.hostKey('ed25519').publicKey}\n`);
    const { exitCode, stderr } = await azlin({ environment }, ['connect', '--jump', 'bastion', 'worker:dev']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 6,
      stderr: expect.stringMatching(
        /through "bastion": The host key of "bastion" has changed[\s\S]*hint: azlin host-key forget bastion/,
      ),
    });
  });

  test('a worker that is not there is said to be so by the jump host', async () => {
    lab.name('gone', { address: '127.0.0.1', port: 1 });
    const environment = lab.environment();
    const { stderr } = await azlin({ environment }, ['connect', '--jump', 'bastion', 'gone:dev']);
    expect(stderr).toMatch(
      /Cannot connect to "gone" .* through "bastion": it cannot reach 127\.0\.0\.1 port 1: Connection refused/,
    );
  });
});
