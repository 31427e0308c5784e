/*
 * Measures what a call costs before it does anything, compared with `node -e 0`; completion over 2,000 sessions; `azlin exec` compared with `ssh`; and the
 * cost of loading each part and package. All in turns, in one run. Prints medians, ratios, and whether they are within their limits.
 * Usage: npm run bench:startup [-- RUNS]
 */

import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { DEMO_SUBSCRIPTION } from '../src/demo/demo-fleet.ts';
import { silentCaller } from '../src/domain/caller.ts';
import type { Session } from '../src/domain/session.ts';
import type { Vm } from '../src/domain/vm.ts';
import { type Memory, surveyMemory } from '../src/targets/survey-memory.ts';
import { CLI, startFleet } from '../test/support/fleet.ts';
import { phantom } from './phantom.ts';
import { sshTo } from './ssh-to.ts';

const RUNS = Number(process.argv[2] ?? 30);
const NODE = process.env['BENCH_NODE'] ?? process.execPath;
const VMS = 400;
const SESSIONS_EACH = 5;

const fleet = await startFleet([{ name: 'myvm', sessions: ['dev'] }], {
  phantoms: { [DEMO_SUBSCRIPTION]: Array.from({ length: VMS - 1 }, (_, index) => phantom(index)) },
  pageSize: 100,
});
const home = fleet.environment['AZLIN_HOME'] ?? '';
try {
  const ssh = sshTo(fleet, 'myvm');
  const azlin = [NODE, CLI];
  await timeOf([...azlin, 'list', '--all', '--no-sessions', '--quiet']);
  await rememberSessions();
  const commands: Readonly<Record<string, readonly string[]>> = {
    'node -e 0': [NODE, '-e', '0'],
    'azlin --version': [...azlin, '--version'],
    'azlin --help': [...azlin, '--help'],
    'azlin exec --help': [...azlin, 'exec', '--help'],
    'completion of host:session': [...azlin, '__complete', '--', 'zsh', 'azlin', 'connect', 'web-00017:'],
    'ssh myvm true': [...ssh.alone, 'true'],
    'azlin exec myvm:dev true': [...azlin, 'exec', 'myvm:dev', 'true'],
  };
  const times: Record<string, number[]> = {};
  // The first round fills caches and known_hosts and does not count.
  for (let round = -1; round < RUNS; round++)
    for (const [name, command] of Object.entries(commands)) {
      const ms = await timeOf(command);
      if (round >= 0) times[name] = [...(times[name] ?? []), ms];
    }
  console.log(
    `${execFileSync(NODE, ['--version']).toString().trim()}, ${RUNS} runs each, in turns, medians; ${VMS} VMs, ${VMS * SESSIONS_EACH} sessions in the cache`,
  );
  const medians = Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]));
  for (const [name, ms] of Object.entries(medians)) console.log(`  ${name.padEnd(28)} ${ms.toFixed(1)} ms`);
  const ratio = (name: string, to: string, limit: number) => {
    const found = (medians[name] ?? Number.NaN) / (medians[to] ?? Number.NaN);
    console.log(
      `  ${`${name} / ${to}`.padEnd(46)} ${found.toFixed(2)}   at most ${limit}: ${found <= limit ? 'yes' : 'NO'}`,
    );
  };
  ratio('azlin --version', 'node -e 0', 1.3);
  ratio('azlin --help', 'node -e 0', 1.6);
  ratio('completion of host:session', 'node -e 0', 1.8);
  ratio('azlin exec myvm:dev true', 'ssh myvm true', 0.8);
} finally {
  fleet.close();
}
imports();

async function rememberSessions(): Promise<void> {
  const cache = join(home, 'cache');
  const file = readdirSync(cache).find((name) => /^inventory-\w+\.json$/.test(name));
  if (!file) throw new Error('the inventory is not cached');
  const { value } = JSON.parse(readFileSync(join(cache, file), 'utf8')) as { value: { vms: readonly Vm[] } };
  const askedAt = Date.now();
  const sessions: readonly Session[] = Array.from({ length: SESSIONS_EACH }, (_, index) => ({
    id: `$${index}`,
    name: `session-${index}`,
    friendlyName: null,
    windows: 1,
    attached: 0,
    createdAt: 0,
    activityAt: 0,
    group: `session-${index}`,
    clients: [],
    expiresAt: null,
    idleTtl: null,
    owner: null,
    idle: null,
  }));
  const memory: Memory = Object.fromEntries(
    value.vms.map(({ vmId }) => [`azureuser@${vmId} 127.0.0.1:22`, { askedAt, answer: { probe: 'ok', sessions } }]),
  );
  await surveyMemory(cache).keep(memory, { ...silentCaller(new AbortController().signal), warn: console.error });
}

/** Measures the cost of loading each part of dist/ and each package, each in a new process that has loaded nothing else. */
function imports(): void {
  const parts = readdirSync(new URL('../dist/parts/', import.meta.url)).filter((name) => name.endsWith('.js'));
  const sources = readdirSync(new URL('../src/', import.meta.url), { recursive: true, encoding: 'utf8' });
  const named = sources.flatMap((path) => {
    if (!path.endsWith('.ts')) return [];
    const text = readFileSync(new URL(`../src/${path}`, import.meta.url), 'utf8');
    return [...text.matchAll(/(?:from |import\()'((?!node:)[@a-z][^']*)'/g)].map(([, name = '']) => name);
  });
  // azlin's own name appears in a comment.
  const packages = [...new Set(named)].filter((name) => name !== 'azlin');
  const root = new URL('../', import.meta.url).pathname;
  const cost = (what: string) => {
    const line = `const t = performance.now(); import(${JSON.stringify(what)}).then(() => console.log(performance.now() - t))`;
    return median(Array.from({ length: 5 }, () => Number(execFileSync(NODE, ['-e', line], { cwd: root }).toString())));
  };
  console.log('loading a part of the bundle, alone:');
  for (const [name, ms] of sorted(
    parts.map((part) => [part.replace(/-[\w-]{8}\.js$/, ''), cost(`./dist/parts/${part}`)]),
  ))
    if (ms >= 2) console.log(`  ${name.padEnd(28)} ${ms.toFixed(1)} ms`);
  console.log('importing a package as it comes:');
  for (const [name, ms] of sorted(packages.map((name) => [name, cost(name)])))
    console.log(`  ${name.padEnd(28)} ${ms.toFixed(1)} ms`);
}

function sorted(costs: readonly (readonly [string, number])[]): readonly (readonly [string, number])[] {
  return [...costs].sort(([, a], [, b]) => b - a);
}

/** Not spawnSync: the local Resource Manager answers from this process. */
function timeOf([program = '', ...args]: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(program, args, { env: fleet.environment, stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(performance.now() - start);
      else reject(new Error(`${program} ${args.join(' ')} ended with ${code}`));
    });
  });
}

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
}
