/*
 * Compares `azlin exec '*:azlin'` and `azlin list --refresh` on many sshds on loopback with `clush -b`, `parallel-ssh` and `ansible -m raw`, which do the
 * same, in turns. Then runs azlin on 200 VMs, 40 of which refuse, hang, deny or have no tmux. Prints medians of wall and CPU time, and ratios. The other
 * tools are Debian's clustershell, pssh and ansible-core; those that are missing are left out. Usage: npm run bench:fleet [-- RUNS]
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ensureTools } from '../src/demo/tools.ts';
import { CLI } from '../test/support/fleet.ts';
import { type Lab, startLab } from '../test/support/lab.ts';

const RUNS = Number(process.argv[2] ?? 5);
const FANOUT = '32';
const GOOD = 160;
const COMPARED = 100;
let idle = 0;

await ensureTools(process.env, () => {});
const lab = await startLab();
try {
  const good = Array.from({ length: GOOD }, (_, index) => `vm-${index + 1}`);
  await startAll(lab, good, (name) => ({ address: addressOf(name), sessions: ['azlin'] }));
  idle = servers();
  await compare(good.slice(0, COMPARED));
  await withBadOnes(good);
} finally {
  lab.close();
}

/** Starts a few at a time: each makes a key and starts two servers. */
async function startAll(
  where: Lab,
  names: readonly string[],
  how: (name: string) => NonNullable<Parameters<Lab['start']>[1]>,
): Promise<void> {
  const queue = [...names];
  const worker = async () => {
    for (let name = queue.shift(); name; name = queue.shift()) await where.start(name, how(name));
  };
  await Promise.all(Array.from({ length: 4 }, worker));
}

function addressOf(name: string): string {
  return `127.21.1.${Number(name.split('-').at(-1)) + (name.startsWith('vm') ? 0 : 160)}`;
}

async function compare(names: readonly string[]): Promise<void> {
  const config = join(lab.directory, 'ssh_config');
  const known = join(lab.directory, 'ssh_known_hosts');
  writeFileSync(known, '');
  const only = new Set(names);
  const environment = lab.environment('', (name) => only.has(name));
  const machines = lab.machines().filter(({ name }) => only.has(name));
  writeFileSync(
    config,
    [
      ...machines.map(({ name, address, port }) => `Host ${name}\n  HostName ${address}\n  Port ${port}`),
      'Host *',
      `  User ${machines[0]?.user}`,
      `  IdentityFile ${lab.identity}`,
      '  IdentitiesOnly yes',
      '  StrictHostKeyChecking accept-new',
      `  UserKnownHostsFile ${known}`,
      '  LogLevel ERROR',
    ].join('\n'),
  );
  const hosts = join(lab.directory, 'hosts');
  writeFileSync(hosts, `${names.join('\n')}\n`);
  mkdirSync(join(lab.directory, 'ansible'), { recursive: true });
  const ansible = {
    ANSIBLE_SSH_ARGS: `-F ${config}`,
    ANSIBLE_LOCAL_TEMP: join(lab.directory, 'ansible'),
    ANSIBLE_PIPELINING: 'True',
    ANSIBLE_HOST_KEY_CHECKING: 'True',
  };
  const others = (line: string): Record<string, Candidate> => ({
    clush: { argv: ['clush', '-b', '-f', FANOUT, '--hostfile', hosts, '-o', `-F ${config}`, line] },
    'parallel-ssh': { argv: ['parallel-ssh', '-p', FANOUT, '-t', '60', '-i', '-h', hosts, '-x', `-F ${config}`, line] },
    ansible: { argv: ['ansible', 'all', '-i', hosts, '-f', FANOUT, '-m', 'raw', '-a', line], env: ansible },
  });
  const azlin = (...args: string[]): Candidate => ({ argv: [process.execPath, CLI, ...args], env: environment });
  const list = "tmux list-sessions -F '#{session_name} #{session_windows} #{session_attached}'";
  await race(`exec on ${names.length} VMs`, {
    "azlin exec '*:azlin'": azlin('exec', '--direct', '--group', '*:azlin', 'uname -s'),
    ...others('uname -s'),
  });
  await race(`list of ${names.length} VMs`, { 'azlin list --refresh': azlin('list', '--refresh'), ...others(list) });
}

interface Candidate {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

interface Took {
  readonly wall: number;
  readonly cpu: number;
}

/** Compares the first candidate with the best of the others. */
async function race(title: string, candidates: Readonly<Record<string, Candidate>>): Promise<void> {
  const there = Object.entries(candidates).filter(([, { argv }]) => spawnSync('which', [argv[0] ?? '']).status === 0);
  const times = new Map<string, Took[]>(there.map(([name]) => [name, []]));
  // The first round fills caches and known_hosts and does not count.
  for (let round = -1; round < RUNS; round++)
    for (const [name, candidate] of there) {
      await quiet();
      const took = await timeOf(candidate);
      if (round >= 0) times.get(name)?.push(took);
    }
  console.log(`${title}, ${RUNS} runs each, in turns, fanout ${FANOUT}, median:`);
  const walls = new Map([...times].map(([name, all]) => [name, median(all.map(({ wall }) => wall))]));
  for (const [name, all] of times)
    console.log(
      `  ${name.padEnd(24)} ${seconds(walls.get(name) ?? 0)} wall  ${seconds(median(all.map(({ cpu }) => cpu)))} CPU of its own`,
    );
  const [own = 0, ...rest] = [...walls.values()];
  if (rest.length > 0) console.log(`  ratio to the best of them ${(own / Math.min(...rest)).toFixed(2)}`);
}

/** The number of server processes: one for each server while nobody is connected. */
function servers(): number {
  return Number(spawnSync('pgrep', ['-c', '-x', 'sshd'], { encoding: 'utf8' }).stdout);
}

/** Waits until the servers have cleaned up after the last run, so that this does not slow down the next one. */
async function quiet(): Promise<void> {
  for (let left = 200; left > 0 && servers() > idle; left--) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Wall time, and CPU time of the tool and all its processes, in seconds. The servers do not count. */
function timeOf({ argv, env }: Candidate): Promise<Took> {
  return new Promise((resolve, reject) => {
    const timed = ['-c', 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null', 'time', ...argv];
    const child = spawn('bash', timed, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.once('close', (code) => {
      const [, wall, user, system] = /([\d.]+) ([\d.]+) ([\d.]+)\s*$/.exec(said) ?? [];
      if (code !== 0) return reject(new Error(`${argv.join(' ')} ended with ${code}: ${said.slice(-2_000)}`));
      resolve({ wall: Number(wall), cpu: Number(user) + Number(system) });
    });
  });
}

/** Measures when all healthy VMs have answered, with and without bad VMs among them. */
async function withBadOnes(good: readonly string[]): Promise<void> {
  const healthy = lab.environment();
  const hung = Array.from({ length: 10 }, (_, index) => `hang-${index + 1}`);
  const servers = hung.map((name) => {
    const server = createServer(() => {});
    server.listen(2222, addressOf(name));
    lab.name(name, { id: `id-of-${name}`, address: addressOf(name), port: 2222 });
    return server;
  });
  for (let n = 1; n <= 10; n++) lab.name(`refuse-${n}`, { id: `id-of-refuse-${n}`, address: `127.21.2.${n}`, port: 9 });
  const denying = Array.from({ length: 10 }, (_, index) => `deny-${index + 11}`);
  await startAll(lab, denying, (name) => ({ address: addressOf(name), sessions: [], authorizedKeys: '' }));
  const bare = { PATH: join(lab.directory, 'no-tmux') };
  mkdirSync(bare.PATH);
  for (const tool of readdirSync('/usr/bin'))
    if (tool !== 'tmux') symlinkSync(`/usr/bin/${tool}`, join(bare.PATH, tool));
  await startAll(
    lab,
    Array.from({ length: 10 }, (_, index) => `bare-${index + 21}`),
    (name) => ({
      address: addressOf(name),
      sessions: [],
      environment: bare,
    }),
  );
  const all = lab.environment();
  for (const [title, args] of Object.entries({
    exec: ['exec', '--direct', '--format', 'ndjson', '--create', '*:azlin', 'uname -s'],
    list: ['list', '--refresh', '--format', 'ndjson'],
  })) {
    const times: number[][] = [[], []];
    let bad = '';
    for (let round = -1; round < RUNS; round++)
      for (const [index, env] of [healthy, all].entries()) {
        const run = await healthyAnswers(args, env, good.length);
        if (round >= 0) times[index]?.push(run.ms);
        bad = run.stderr;
      }
    const [alone = 0, among = 0] = times.map(median);
    console.log(
      `${title}: ${good.length} healthy VMs alone ${alone} ms, among 40 bad ones ${among} ms: ${(among / alone).toFixed(2)}`,
    );
    console.log(
      `  named with a reason: ${bad.split('\n').filter((line) => /(hang|refuse|deny|bare)-\d/.test(line)).length} lines`,
    );
    if (process.env['SHOW']) console.log(bad);
  }
  for (const server of servers) server.close();
}

/** Milliseconds until the last healthy VM has answered, and what was written to stderr. */
function healthyAnswers(args: readonly string[], env: Readonly<Record<string, string>>, wanted: number) {
  return new Promise<{ ms: number; stderr: string }>((resolve, reject) => {
    const startedAt = performance.now();
    const child = spawn(process.execPath, [CLI, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let healthy = 0;
    let ms = 0;
    let rest = '';
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      healthy += lines.filter((line) =>
        /"outcome":"exited","exitCode":0|"session":"azlin".*"probe":"ok"/.test(line),
      ).length;
      if (healthy === wanted && ms === 0) ms = Math.round(performance.now() - startedAt);
    });
    child.once('close', () =>
      ms > 0 ? resolve({ ms, stderr }) : reject(new Error(`${healthy} of ${wanted} answered: ${stderr.slice(-3_000)}`)),
    );
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function seconds(value: number): string {
  return `${value.toFixed(2)} s`.padStart(8);
}
