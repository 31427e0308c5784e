/*
 * How much of a cold call is waiting: `azlin exec` with and without shortcuts against `ssh`, the same sshd and key, in turns, on loopback and over real links with
 * a round trip of 50 and 150 ms (bench/slow-link.py). Two links tell how many round trips a call takes. Over the shorter one also `azlin connect` to the first
 * screen against `ssh -t … tmux attach`, and `azlin list --refresh` of 100 VMs against `clush` and `parallel-ssh`, which ask the same with the same fanout.
 * Prints medians and ratios. Needs root and Python.
 * Usage: npm run bench:round-trips [-- RUNS]
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { CLI, startFleet } from '../test/support/fleet.ts';
import { openScreen } from './screen.ts';

const RUNS = Number(process.argv[2] ?? 9);
const LINK = fileURLToPath(new URL('./slow-link.py', import.meta.url));
const PORT = 2222;
/** VMs of the list, each a port of one machine: an sshd listens on 16 at most. */
const VMS = 100;
const PORTS_PER_SSHD = 16;
const FANOUT = '32';

const fleet = await startFleet([{ name: 'vm', sessions: ['dev'] }]);
const machine = fleet.machines.get('vm');
if (!machine) throw new Error('the fleet has no vm');
const { user } = machine;
const children = new Set<ChildProcess>();
const medians: Record<string, number[]> = {};
try {
  await measure('loopback', { address: machine.address, port: machine.port, prefix: [] });
  for (const ms of [50, 150]) await overLink(ms);
  console.log('round trips of a cold call, from the two links:');
  for (const [name, [, short = 0, long]] of Object.entries(medians))
    if (long !== undefined) console.log(`  ${name.padEnd(26)} ${((long - short) / 100).toFixed(1)}`);
} finally {
  for (const child of children) child.kill();
  fleet.close();
}

interface Place {
  readonly address: string;
  readonly port: number;
  /** What a command has to start with to be there. */
  readonly prefix: readonly string[];
}

async function overLink(ms: number): Promise<void> {
  const [client, server] = [`azlin-c-${process.pid}`, `azlin-s-${process.pid}`];
  const link = spawn('python3', [LINK, client, server, `${ms / 2}`], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.add(link);
  await once(link.stdout, 'data');
  const ports = Array.from({ length: VMS }, (_, index) => PORT + 1 + index);
  const groups = [
    [PORT],
    ...Array.from({ length: Math.ceil(VMS / PORTS_PER_SSHD) }, (_, index) =>
      ports.slice(index * PORTS_PER_SSHD, (index + 1) * PORTS_PER_SSHD),
    ),
  ];
  const servers = groups.map((group) => startServer(server, group));
  const place = { address: '10.77.0.2', port: PORT, prefix: ['ip', 'netns', 'exec', client] };
  try {
    await measure(`a round trip of ${ms} ms`, place);
    if (ms !== 50) return;
    await firstScreen(place);
    await list(place, ports);
  } finally {
    for (const sshd of servers) sshd.kill();
    link.stdin.end();
    await once(link, 'close');
  }
}

/** The fleet's own sshd once more, in a namespace. */
function startServer(namespace: string, ports: readonly number[]): ChildProcess {
  const config = join(fleet.directory, `sshd-${ports[0]}`);
  const own = readFileSync(join(fleet.directory, 'vm', 'sshd_config'), 'utf8').replace(
    /^(ListenAddress|Port|PidFile) .*$/gm,
    '',
  );
  // The first mention of a keyword counts.
  const places = ports.map((port) => `Port ${port}`);
  writeFileSync(config, ['ListenAddress 10.77.0.2', ...places, 'MaxStartups 200', own].join('\n'));
  const sshd = spawn('ip', ['netns', 'exec', namespace, '/usr/sbin/sshd', '-D', '-e', '-f', config], {
    stdio: 'ignore',
    env: machine?.environment ?? {},
  });
  children.add(sshd);
  return sshd;
}

async function firstScreen({ address, port, prefix }: Place): Promise<void> {
  const home = mkdtempSync(join(fleet.directory, 'bench-'));
  const ssh = ['ssh', '-tt', ...sshOptions(home), '-p', `${port}`, `${user}@${address}`, 'tmux -u attach -t =dev'];
  const azlin = [process.execPath, CLI, 'connect', '--port', `${port}`, '--user', user, `${address}:dev`];
  const environment = { ...fleet.environment, AZLIN_HOME: join(home, 'azlin') };
  const times: Record<string, number[]> = {};
  for (let round = -2; round < RUNS; round++)
    for (const [name, argv] of Object.entries({ 'ssh -t tmux attach': ssh, 'azlin connect': azlin })) {
      const since = performance.now();
      const screen = openScreen([...prefix, ...argv], environment);
      await screen.shows('[dev]');
      if (round >= 0) times[name] = [...(times[name] ?? []), performance.now() - since];
      const closed = once(screen.child, 'close');
      screen.type('\u0002');
      screen.type('d');
      await closed;
    }
  report('the first screen of a session', times);
}

async function list({ address, prefix }: Place, ports: readonly number[]): Promise<void> {
  const home = mkdtempSync(join(fleet.directory, 'bench-'));
  const names = ports.map((port) => `vm-${port}`);
  const vms = ports.map((port) => ({ name: `vm-${port}`, id: `id-${port}`, address, port, user }));
  writeFileSync(join(home, 'fleet.json'), JSON.stringify({ vms }));
  writeFileSync(join(home, 'hosts'), `${names.join('\n')}\n`);
  const config = join(home, 'ssh_config');
  const hosts = ports.map((port) => `Host vm-${port}\n  HostName ${address}\n  Port ${port}`);
  const common = [
    `  User ${user}`,
    `  IdentityFile ${fleet.identity}`,
    '  IdentitiesOnly yes',
    '  StrictHostKeyChecking accept-new',
  ];
  writeFileSync(
    config,
    [...hosts, 'Host *', ...common, `  UserKnownHostsFile ${home}/known_hosts`, '  LogLevel ERROR'].join('\n'),
  );
  const line = "tmux list-sessions -F '#{session_name} #{session_windows} #{session_attached}'";
  const own = { AZLIN_HOME: join(home, 'azlin'), AZLIN_INVENTORY: join(home, 'fleet.json') };
  await race(
    `list of ${VMS} VMs, fanout ${FANOUT}`,
    {
      clush: { argv: ['clush', '-b', '-f', FANOUT, '--hostfile', join(home, 'hosts'), '-o', `-F ${config}`, line] },
      'parallel-ssh': {
        argv: ['parallel-ssh', '-p', FANOUT, '-t', '60', '-i', '-h', join(home, 'hosts'), '-x', `-F ${config}`, line],
      },
      'azlin list --refresh': { argv: [process.execPath, CLI, 'list', '--refresh'], environment: own },
      'azlin, no shortcuts': {
        argv: [process.execPath, CLI, 'list', '--refresh'],
        environment: { ...own, AZLIN_SHORTCUTS: 'none' },
      },
    },
    prefix,
  );
}

async function measure(where: string, { address, port, prefix }: Place): Promise<void> {
  const home = mkdtempSync(join(fleet.directory, 'bench-'));
  const target = ['--port', `${port}`, '--user', user, `${address}:dev`];
  const exec = (how: string) => [process.execPath, CLI, 'exec', how, ...target, 'true'];
  const own = { AZLIN_HOME: join(home, 'azlin') };
  await race(
    where,
    {
      ssh: { argv: ['ssh', ...sshOptions(home), '-p', `${port}`, `${user}@${address}`, 'true'] },
      'azlin exec': { argv: exec('--direct'), environment: own },
      'azlin exec --durable': { argv: exec('--durable'), environment: own },
      'azlin exec, no shortcuts': { argv: exec('--direct'), environment: { ...own, AZLIN_SHORTCUTS: 'none' } },
    },
    prefix,
  );
}

function sshOptions(home: string): readonly string[] {
  const options = [
    'StrictHostKeyChecking=accept-new',
    `UserKnownHostsFile=${home}/known_hosts`,
    'IdentitiesOnly=yes',
    'LogLevel=ERROR',
  ];
  return ['-F', 'none', '-i', fleet.identity, ...options.flatMap((one) => ['-o', one])];
}

interface Candidate {
  readonly argv: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs them in turns. The first one is what the others are compared with; for a list the best of all others than azlin is. */
async function race(
  where: string,
  candidates: Readonly<Record<string, Candidate>>,
  prefix: readonly string[],
): Promise<void> {
  const times: Record<string, number[]> = {};
  // The first two rounds fill caches and known_hosts and do not count.
  for (let round = -2; round < RUNS; round++)
    for (const [name, { argv, environment = {} }] of Object.entries(candidates)) {
      const [program = '', ...args] = [...prefix, ...argv];
      const since = performance.now();
      const env = { ...fleet.environment, ...environment };
      const { status, stderr } = spawnSync(program, args, { env, encoding: 'utf8' });
      if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
      if (round >= 0) times[name] = [...(times[name] ?? []), performance.now() - since];
    }
  report(where, times);
}

function report(where: string, times: Readonly<Record<string, readonly number[]>>): void {
  console.log(`${where}, ${RUNS} runs each, in turns, medians:`);
  const others = Object.entries(times).filter(([name]) => !name.startsWith('azlin'));
  const best = Math.min(...others.map(([, all]) => median(all)));
  for (const [name, all] of Object.entries(times)) {
    medians[name] = [...(medians[name] ?? []), median(all)];
    console.log(`  ${name.padEnd(26)} ${median(all).toFixed(0).padStart(5)} ms   ${(median(all) / best).toFixed(2)}`);
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
