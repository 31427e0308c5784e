/*
 * What a Bastion costs, paired in one run: the same machine reached directly and through the double of Azure Bastion, both on loopback. Azure itself adds most of a
 * second to each new connection. Prints medians and ratios. Usage: npm run bench:bastion [-- RUNS]
 */
import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { daemonsBelow } from '../test/support/daemons.ts';
import { CLI, startFleet } from '../test/support/fleet.ts';
import { median, race } from './race.ts';

const RUNS = Number(process.argv[2] ?? 15);
const BYTES = 100_000_000;

// Bastions are looked up because of the private VM.
const fleet = await startFleet(
  [
    { name: 'vm', sessions: ['dev'], network: 'own' },
    { name: 'private', sessions: [], privateOnly: true, network: 'own', stopped: true },
  ],
  { networks: [{ name: 'own', bastion: { name: 'bas-own' } }] },
);
const azlin = [process.execPath, CLI];
const through = ['--bastion', 'bas-own'];
const alone = { ...fleet.environment, AZLIN_PERSIST: '0' };
const warm = { ...fleet.environment, AZLIN_PERSIST: '1h' };
try {
  const line = (...options: readonly string[]) => [...azlin, 'exec', ...options, 'vm:dev', 'true'];
  await race(RUNS, 'a new connection', {
    directly: { argv: line(), environment: alone },
    'through the Bastion': { argv: line(...through), environment: alone },
  });
  await race(RUNS, 'warm, through the daemon', {
    directly: { argv: line(), environment: warm },
    'through the Bastion': { argv: line(), environment: { ...warm, AZLIN_BASTION: 'bas-own' } },
  });
  const speeds: Record<string, number[]> = {};
  for (let round = 0; round < 5; round++)
    for (const [name, options] of [
      ['directly', []],
      ['through the Bastion', through],
    ] as const)
      speeds[name] = [...(speeds[name] ?? []), await speed(options)];
  const [direct = Number.NaN, tunnelled = Number.NaN] = Object.values(speeds).map(median);
  console.log(
    `100 MB: ${tunnelled.toFixed(0)} MB/s through the Bastion, ${direct.toFixed(0)} MB/s directly (${(tunnelled / direct).toFixed(2)})`,
  );
} finally {
  for (const pid of daemonsBelow(fleet.directory)) process.kill(pid);
  fleet.close();
}

/** Megabytes a second. */
function speed(options: readonly string[]): Promise<number> {
  const [program = '', ...args] = [...azlin, 'exec', ...options, 'vm:dev', `echo; head -c ${BYTES} /dev/zero`];
  const child = spawn(program, args, { env: alone, stdio: ['ignore', 'pipe', 'inherit'] });
  let since = 0;
  child.stdout.on('data', () => {
    since ||= performance.now();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve(BYTES / 1_000 / (performance.now() - since)));
  });
}
