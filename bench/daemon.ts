/*
 * What azlin's daemon saves, paired in one run with what one would use otherwise: warm calls against `node -e 0` and `ssh` with ControlMaster, on loopback and
 * through a proxy that delays 25 ms each way; a bare name and a list among 200 watched VMs; attaching; a long stream, and a terminal beside one. Then its memory
 * and its idle CPU, and 10,000 calls. Prints medians and ratios. Usage: npm run bench:daemon [-- RUNS]
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, connect as dial, type Socket } from 'node:net';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { daemonPlace } from '../src/daemon/place.ts';
import { daemonsBelow } from '../test/support/daemons.ts';
import { CLI } from '../test/support/fleet.ts';
import { startLab } from '../test/support/lab.ts';
import { median, race } from './race.ts';
import { openScreen } from './screen.ts';

const RUNS = Number(process.argv[2] ?? 15);
const VMS = 200;
const CALLS = 10_000;
const BYTES = 100_000_000;
const KEYS = 300;

const lab = await startLab();
const vm = await lab.start('vm', { sessions: ['dev', 'bulk'] });
const children = new Set<ChildProcess>();
const azlin = [process.execPath, CLI];
const node = [process.execPath, '-e', '0'];
try {
  const far = await delayed(vm.address, vm.port, 25);
  lab.name('far', { id: 'id-of-far', address: '127.0.0.1', port: far, user: vm.user });
  const environment = withDaemon(lab.environment('', (name) => name === 'vm' || name === 'far'));
  await warm(environment, 'loopback', 'vm', vm.port, vm.address);
  await warm(environment, 'through a proxy, a round trip of 50 ms', 'far', far, '127.0.0.1');
  await attach(environment, far);
  await stream(environment);
  await echoBeside(environment);
  await many();
} finally {
  for (const child of children) child.kill();
  for (const pid of daemonsBelow(lab.directory)) process.kill(pid);
  lab.close();
}

type Environment = Readonly<Record<string, string>>;

function withDaemon({ AZLIN_PERSIST: _, ...environment }: Environment): Environment {
  return { ...environment, AZLIN_PERSIST: '1h' };
}

function alone(environment: Environment): Environment {
  return { ...environment, AZLIN_PERSIST: '0' };
}

/** A port that leads to another one, with a delay each way. */
async function delayed(address: string, port: number, ms: number): Promise<number> {
  const pass = (from: Socket, to: Socket) => {
    from.on('data', (chunk) => setTimeout(() => to.writable && to.write(chunk), ms));
    from.on('close', () => setTimeout(() => to.destroy(), ms)).on('error', () => {});
  };
  const server = createServer({ noDelay: true }, (client) => {
    const far = dial({ host: address, port, noDelay: true });
    pass(client, far);
    pass(far, client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return (server.address() as { port: number }).port;
}

async function warm(
  environment: Environment,
  where: string,
  name: string,
  port: number,
  address: string,
): Promise<void> {
  const home = mkdtempSync(join(lab.directory, 'ssh-'));
  const ssh = sshTo(home, port, address);
  const master = spawn('ssh', ['-N', '-M', '-S', join(home, 'mux'), ...ssh], { stdio: 'ignore' });
  children.add(master);
  const exec = [...azlin, 'exec', `${name}:dev`, 'true'];
  await race(RUNS, `warm calls, ${where}`, {
    'node -e 0': { argv: node },
    'azlin exec, through the daemon': { argv: exec, environment },
    'azlin exec, without it': { argv: exec, environment: alone(environment) },
    'ssh with ControlMaster': { argv: ['ssh', '-S', join(home, 'mux'), ...ssh, 'true'] },
    ssh: { argv: ['ssh', ...ssh, 'true'] },
  });
  master.kill();
}

function sshTo(home: string, port: number, address: string): readonly string[] {
  const options = [
    'StrictHostKeyChecking=accept-new',
    `UserKnownHostsFile=${home}/known_hosts`,
    'IdentitiesOnly=yes',
    'LogLevel=ERROR',
  ];
  const words = options.flatMap((one) => ['-o', one]);
  return ['-F', 'none', '-i', lab.identity, ...words, '-p', `${port}`, `${vm.user}@${address}`];
}

/** Milliseconds from the start of a program to the first screen of the session. */
async function firstScreen(argv: readonly string[], environment: Environment): Promise<number> {
  const since = performance.now();
  const screen = openScreen(argv, environment);
  await screen.shows('[dev]');
  const took = performance.now() - since;
  const closed = once(screen.child, 'close');
  screen.type('\u0002');
  screen.type('d');
  await closed;
  return took;
}

async function attach(environment: Environment, port: number): Promise<void> {
  const home = mkdtempSync(join(lab.directory, 'ssh-'));
  const ssh = sshTo(home, port, '127.0.0.1');
  const master = spawn('ssh', ['-N', '-M', '-S', join(home, 'mux'), ...ssh], { stdio: 'ignore' });
  children.add(master);
  const connect = [...azlin, 'connect', 'far:dev'];
  const ways: Readonly<Record<string, readonly [readonly string[], Environment]>> = {
    'azlin connect, through the daemon': [connect, environment],
    'azlin connect, without it': [connect, alone(environment)],
    'ssh -t with ControlMaster': [
      ['ssh', '-tt', '-S', join(home, 'mux'), ...ssh, 'tmux -u attach -t =dev'],
      environment,
    ],
  };
  const times: Record<string, number[]> = {};
  for (let round = -2; round < RUNS; round++)
    for (const [name, [argv, variables]] of Object.entries(ways)) {
      const took = await firstScreen(argv, variables);
      if (round >= 0) times[name] = [...(times[name] ?? []), took];
    }
  console.log('the first screen of a session, a round trip of 50 ms, medians:');
  for (const [name, all] of Object.entries(times))
    console.log(`  ${name.padEnd(34)} ${median(all).toFixed(0).padStart(5)} ms`);
  master.kill();
}

async function stream(environment: Environment): Promise<void> {
  const argv = [...azlin, 'exec', 'vm:dev', `head -c ${BYTES} /dev/zero`];
  const rates: Record<string, number[]> = {};
  for (let round = -1; round < 5; round++)
    for (const [name, variables] of Object.entries({ daemon: environment, direct: alone(environment) })) {
      const since = performance.now();
      const child = spawn(argv[0] ?? '', argv.slice(1), {
        env: { ...process.env, ...variables },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      child.stdout.resume();
      await once(child, 'close');
      if (round >= 0) rates[name] = [...(rates[name] ?? []), BYTES / (performance.now() - since) / 1_000];
    }
  const [daemon, direct] = [median(rates['daemon'] ?? []), median(rates['direct'] ?? [])];
  console.log(
    `100 MB: ${daemon.toFixed(0)} MB/s through the daemon, ${direct.toFixed(0)} MB/s directly (${(daemon / direct).toFixed(2)})`,
  );
}

/** The time from a key to its echo while much output goes to somebody else. */
async function echoBeside(environment: Environment): Promise<void> {
  const found: Record<string, readonly number[]> = {};
  for (const [name, variables] of Object.entries({ directly: alone(environment), 'through the daemon': environment })) {
    const screen = openScreen([...azlin, 'connect', 'vm:dev'], variables);
    await screen.shows('[dev]');
    screen.type('exec cat >/dev/null\n');
    await screen.shows('/dev/null');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const bulk = spawn(azlin[0] ?? '', [...azlin.slice(1), 'exec', 'vm:bulk', 'cat /dev/zero'], {
      env: { ...process.env, ...variables },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    bulk.stdout.resume();
    await once(bulk.stdout, 'data');
    const times: number[] = [];
    for (let index = 0; index < KEYS; index++) {
      const key = 'abcdefghijklmnopqrstuvwxyz'[index % 26] ?? '';
      const since = performance.now();
      const shown = screen.shows(key);
      screen.type(key);
      await shown;
      times.push(performance.now() - since);
      if (index % 60 === 59) screen.type('\n');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    bulk.kill('SIGKILL');
    const closed = once(screen.child, 'close');
    screen.child.kill('SIGKILL');
    await closed;
    execFileSync('tmux', ['respawn-pane', '-k', '-t', '=dev:'], { env: vm.environment });
    found[name] = times.sort((a, b) => a - b);
  }
  const at = (name: string, part: number) => found[name]?.[Math.floor(KEYS * part)] ?? Number.NaN;
  for (const part of [0.5, 0.99])
    console.log(
      `echo beside a stream, p${part * 100}: ${at('directly', part).toFixed(1)} ms directly, ${at('through the daemon', part).toFixed(1)} ms through the daemon (${(at('through the daemon', part) / at('directly', part)).toFixed(2)})`,
    );
}

async function many(): Promise<void> {
  const home = mkdtempSync(join(lab.directory, 'many-'));
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(home, 'host_key')]);
  const script = fileURLToPath(new URL('./many-vms.ts', import.meta.url));
  const servers = spawn(
    process.execPath,
    ['--import', 'tsx', script, join(home, 'host_key'), `${lab.identity}.pub`, `${VMS}`],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  children.add(servers);
  const [said] = await once(servers.stdout, 'data');
  const port = Number(String(said));
  const stand = Array.from({ length: VMS - 1 }, (_, index) => ({
    name: `web-${index}`,
    id: `id-${index}`,
    address: `127.22.${index >> 7}.${(index & 127) + 1}`,
    port,
    user: 'root',
  }));
  const { address, port: own, user } = vm;
  const vms = [...stand, { name: 'vm', id: 'id-of-vm', address, port: own, user }];
  const inventory = join(home, 'fleet.json');
  writeFileSync(inventory, JSON.stringify({ vms }));
  const environment: Environment = { ...withDaemon(lab.environment()), AZLIN_INVENTORY: inventory };
  const list = [...azlin, 'list'];
  const run = (argv: readonly string[]) =>
    execFileSync(argv[0] ?? '', argv.slice(1), {
      env: { ...process.env, ...environment },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  run(list);
  await new Promise((resolve) => setTimeout(resolve, 8_000));
  const [pid = 0] = daemonsBelow(environment['AZLIN_HOME'] ?? '');
  await race(RUNS, `among ${VMS} watched VMs`, {
    'node -e 0': { argv: node },
    'azlin exec dev true': { argv: [...azlin, 'exec', 'dev', 'true'], environment },
    'azlin list': { argv: list, environment },
  });
  console.log(`${run(list).trim().split('\n').length - 1} rows; memory of the daemon ${memory(pid)} MB`);
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const [before, since] = [cpu(pid), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, 30_000));
  console.log(`idle: ${(((cpu(pid) - before) / (performance.now() - since)) * 100).toFixed(2)} % of a core`);
  const place = daemonPlace(environment['AZLIN_HOME'] ?? '', process.getuid?.() ?? 0);
  const socket = execFileSync('sh', ['-c', `ls ${place.directory} | grep '^${place.prefix}' | grep -v '[.]'`], {
    encoding: 'utf8',
  }).trim();
  const marks: string[] = [];
  const start = performance.now();
  for (let call = 1; call <= CALLS; call++) {
    await line(join(place.directory, socket), ['exec', `web-${call % (VMS - 1)}:main`, 'true'], environment);
    if (call % (CALLS / 5) === 0) marks.push(`${memory(pid)}`);
  }
  console.log(
    `${CALLS} calls, ${((performance.now() - start) / CALLS).toFixed(1)} ms each; memory after each fifth: ${marks.join(', ')} MB`,
  );
}

/** A line as a client sends it, without a process for each. */
function line(path: string, argv: readonly string[], environment: Environment): Promise<void> {
  const ask = { ask: 'line', argv, environment, terminals: { stdin: false, stdout: null, stderr: null } };
  const content = Buffer.from(JSON.stringify(ask));
  const header = Buffer.alloc(5);
  header.writeUInt32BE(content.length, 1);
  return new Promise((resolve, reject) => {
    let said = '';
    const socket = dial(path, () => socket.write(Buffer.concat([header, content])));
    socket.on('data', (chunk) => {
      said += chunk.toString('latin1');
    });
    socket.on('close', () => (/"exitCode":0/.test(said) ? resolve() : reject(new Error(said)))).on('error', reject);
  });
}

/** Megabytes. */
function memory(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_000);
}

/** Milliseconds of CPU so far. */
function cpu(pid: number): number {
  const words = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(words[11]) + Number(words[12])) * 10;
}
