/*
 * How much of a cold call is waiting: `azlin exec` with and without shortcuts against `ssh`, the same sshd and key, in turns, on loopback and over real links with
 * a round trip of 50 and 150 ms (bench/slow-link.py). Two links tell how many round trips a call takes. Prints medians and ratios. Needs root and Python.
 * Usage: npm run bench:round-trips [-- RUNS]
 */

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { CLI, startFleet } from '../test/support/fleet.ts';

const RUNS = Number(process.argv[2] ?? 9);
const LINK = fileURLToPath(new URL('./slow-link.py', import.meta.url));
const PORT = 2222;

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
  for (const [name, [, short = 0, long = 0]] of Object.entries(medians))
    console.log(`  ${name.padEnd(26)} ${((long - short) / 100).toFixed(1)}`);
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
  const config = join(fleet.directory, `sshd-${ms}`);
  // As on the fleet's own sshd; the first mention of a keyword counts.
  const own = execFileSync('cat', [join(fleet.directory, 'vm', 'sshd_config')], { encoding: 'utf8' });
  writeFileSync(
    config,
    `ListenAddress 10.77.0.2\nPort ${PORT}\n${own.replace(/^(ListenAddress|Port|PidFile) .*$/gm, '')}`,
  );
  const sshd = spawn('ip', ['netns', 'exec', server, '/usr/sbin/sshd', '-D', '-e', '-f', config], {
    stdio: 'ignore',
    env: machine?.environment ?? {},
  });
  children.add(sshd);
  try {
    await measure(`a round trip of ${ms} ms`, {
      address: '10.77.0.2',
      port: PORT,
      prefix: ['ip', 'netns', 'exec', client],
    });
  } finally {
    sshd.kill();
    link.stdin.end();
    await once(link, 'close');
  }
}

async function measure(where: string, { address, port, prefix }: Place): Promise<void> {
  const known = mkdtempSync(join(fleet.directory, 'bench-'));
  const options = `-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=${known}/known_hosts -o IdentitiesOnly=yes -o LogLevel=ERROR`;
  const ssh = ['ssh', '-F', 'none', '-i', fleet.identity, '-p', `${port}`, ...options.split(' '), `${user}@${address}`];
  const azlin = [process.execPath, CLI];
  const target = ['--port', `${port}`, '--user', user, `${address}:dev`];
  const commands: Record<string, { readonly argv: readonly string[]; readonly shortcuts?: string }> = {
    ssh: { argv: [...ssh, 'true'] },
    'azlin exec': { argv: [...azlin, 'exec', '--direct', ...target, 'true'] },
    'azlin exec --durable': { argv: [...azlin, 'exec', '--durable', ...target, 'true'] },
    'azlin exec, no shortcuts': { argv: [...azlin, 'exec', '--direct', ...target, 'true'], shortcuts: 'none' },
  };
  const times: Record<string, number[]> = {};
  // The first two rounds fill caches and known_hosts and do not count.
  for (let round = -2; round < RUNS; round++)
    for (const [name, { argv, shortcuts = 'all' }] of Object.entries(commands)) {
      const [program = '', ...args] = [...prefix, ...argv];
      const since = performance.now();
      const env = { ...fleet.environment, AZLIN_HOME: join(known, 'azlin'), AZLIN_SHORTCUTS: shortcuts };
      const { status, stderr } = spawnSync(program, args, { env, encoding: 'utf8' });
      if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
      if (round >= 0) times[name] = [...(times[name] ?? []), performance.now() - since];
    }
  console.log(`${where}, ${RUNS} runs each, in turns, medians:`);
  const alone = median(times['ssh'] ?? []);
  for (const [name, all] of Object.entries(times)) {
    medians[name] = [...(medians[name] ?? []), median(all)];
    console.log(
      `  ${name.padEnd(26)} ${median(all).toFixed(0).padStart(5)} ms   ${(median(all) / alone).toFixed(2)} × ssh`,
    );
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
