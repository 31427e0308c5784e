/*
 * Measures both Azure sources with 10,000 VMs in 4 subscriptions: requests, time and peak memory, cold and from the cache, and what it costs to resolve a
 * name among them. Then compares with `az vm list --show-details`, if the machine has az, on a fleet that az can list in reasonable time. The local
 * Resource Manager answers at once with pages of 200 things, each as large as recorded ones; on a real network each page also costs a round trip.
 * Usage: npm run bench:inventory
 */
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type DemoFleet, startDemoFleet } from '../src/demo/demo-fleet.ts';
import { ensureTools } from '../src/demo/tools.ts';
import { realClock } from '../test/support/clock.ts';
import { CLI } from '../test/support/fleet.ts';
import { AZ_PRINCIPAL, installedAz, signInWithAz } from '../test/support/real-az.ts';
import { phantom } from './phantom.ts';

const VMS = 10_000;
const PAGE = 200;
const COLD_RUNS = 5;
const WARM_RUNS = 15;
const AZ_VMS = 100;
/** Bytes of JSON of one thing, as in recordings of Azure (test/fixtures/arm), by the request for it. The demo's own are smaller. */
const SIZES: readonly (readonly [request: RegExp, bytes: number])[] = [
  [/statusOnly/, 2_700],
  [/Compute\/virtualMachines/, 1_700],
  [/networkInterfaces/, 1_900],
  [/publicIPAddresses/, 800],
];
const SUBSCRIPTIONS = [1, 2, 3, 4].map((number) => `${number}0000000-0000-4000-8000-000000000000`);

/** Prints the peak memory of the process when it ends. */
const PEAK = `data:text/javascript,process.on('exit',()=>process.stderr.write('peak '+process.resourceUsage().maxRSS+'\\n'))`;

interface Run {
  readonly ms: number;
  readonly megabytes: number;
  readonly requests: number;
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

async function startFleet(vms: number): Promise<DemoFleet> {
  const each = vms / SUBSCRIPTIONS.length;
  const phantoms = Object.fromEntries(
    SUBSCRIPTIONS.map((id, at) => [id, Array.from({ length: each }, (_, index) => phantom(at * each + index))]),
  );
  return startDemoFleet({
    clock: realClock,
    tools: await ensureTools(process.env, () => {}),
    environment: { ...process.env, NODE_OPTIONS: undefined },
    cli: [process.execPath, CLI],
    machines: [{ name: 'real', sessions: ['dev'], subscription: SUBSCRIPTIONS[0] ?? '' }],
    principals: [AZ_PRINCIPAL],
    phantoms,
    pageSize: PAGE,
  });
}

/** Makes the things in lists as large as they are on Azure. */
function inflate(fleet: DemoFleet): void {
  for (const [match, bytes] of SIZES) {
    const pad = (one: object) => ({ ...one, padding: 'x'.repeat(Math.max(0, bytes - JSON.stringify(one).length)) });
    const edit = ({ value, ...rest }: { readonly value: readonly object[] }) => ({ ...rest, value: value.map(pad) });
    fleet.resourceManager.faults.add({ match, edit });
  }
}

/** Not spawnSync: the local Resource Manager answers from this process. */
function run(fleet: DemoFleet, args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Run> {
  const before = fleet.resourceManager.requests.length;
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const env = { ...fleet.environment, AZURE_SUBSCRIPTION_ID: SUBSCRIPTIONS.join(','), ...environment };
    const child = spawn(process.execPath, ['--import', PEAK, CLI, ...args], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => {
      const ms = performance.now() - started;
      if (code !== 0) return reject(new Error(`azlin ${args.join(' ')} ended with ${code}: ${said.slice(0, 500)}`));
      const megabytes = Number(/peak (\d+)/.exec(said)?.[1]) / 1_024;
      resolve({ ms, megabytes, requests: fleet.resourceManager.requests.length - before });
    });
  });
}

async function report(name: string, times: number, once: () => Promise<Run>): Promise<number> {
  const runs: Run[] = [];
  for (let round = 0; round < times; round++) runs.push(await once());
  const ms = median(runs.map((one) => one.ms));
  const megabytes = Math.max(...runs.map((one) => one.megabytes));
  console.log(
    `  ${name.padEnd(46)} ${ms.toFixed(0).padStart(6)} ms  ${megabytes.toFixed(0).padStart(4)} MB  ${String(runs[0]?.requests).padStart(4)} requests`,
  );
  return ms;
}

async function large(): Promise<void> {
  const fleet = await startFleet(VMS);
  inflate(fleet);
  const home = (source: string) => ({
    AZLIN_HOME: mkdtempSync(join(fleet.directory, 'home-')),
    AZLIN_INVENTORY: source,
  });
  try {
    console.log(
      `${VMS.toLocaleString('en')} VMs in ${SUBSCRIPTIONS.length} subscriptions, pages of ${PAGE} (Resource Graph: 1000), median time, highest peak memory:`,
    );
    const start = await report('azlin --version', WARM_RUNS, () => run(fleet, ['--version'], {}));
    const list = ['list', '--all', '--no-sessions', '--format', 'ndjson'];
    for (const source of ['azure', 'resource-graph']) {
      await report(`list, cold, ${source}`, COLD_RUNS, () => run(fleet, list, home(source)));
      const kept = home(source);
      await run(fleet, list, kept);
      await report(`list, from the cache, ${source}`, WARM_RUNS, () => run(fleet, list, kept));
    }
    const kept = home('azure');
    await run(fleet, ['exec', 'real:dev', 'true'], kept);
    const few = { ...home('azure'), AZLIN_RESOURCE_GROUP: 'rg-demo' };
    await run(fleet, ['exec', 'real:dev', 'true'], few);
    const many = await report('exec real:dev true, from the cache', WARM_RUNS, () =>
      run(fleet, ['exec', 'real:dev', 'true'], kept),
    );
    const alone = await report('exec real:dev true, from the cache of one VM', WARM_RUNS, () =>
      run(fleet, ['exec', 'real:dev', 'true'], few),
    );
    const names = await report('__complete, from the cache', WARM_RUNS, () => run(fleet, ['__complete'], kept));
    console.log(
      `  to resolve a name among ${VMS.toLocaleString('en')}: ${(many - alone).toFixed(0)} ms more than among one`,
    );
    console.log(`  to read all names from the cache: ${(names - start).toFixed(0)} ms on top of process start`);
  } finally {
    fleet.close();
  }
}

/** If the machine has the Azure CLI, compares the same list by both, on a fleet that az can list in reasonable time. */
async function againstAz(): Promise<void> {
  const program = installedAz();
  if (program === undefined) return console.log('no Azure CLI on this machine: not compared');
  const fleet = await startFleet(AZ_VMS);
  try {
    const { az } = await signInWithAz(program, fleet);
    const [one = ''] = SUBSCRIPTIONS;
    console.log(`${AZ_VMS / SUBSCRIPTIONS.length} VMs in one subscription:`);
    const before = fleet.resourceManager.requests.length;
    const times: number[] = [];
    for (let round = 0; round < 3; round++) {
      const started = performance.now();
      await az('vm', 'list', '--show-details', '--subscription', one);
      times.push(performance.now() - started);
    }
    const requests = (fleet.resourceManager.requests.length - before) / times.length;
    console.log(
      `  ${'az vm list --show-details'.padEnd(46)} ${median(times).toFixed(0).padStart(6)} ms           ${String(requests).padStart(4)} requests`,
    );
    const azlin = await report('azlin list --all --no-sessions --refresh', COLD_RUNS, () =>
      run(fleet, ['list', '--all', '--no-sessions', '--refresh'], { AZURE_SUBSCRIPTION_ID: one }),
    );
    console.log(`  ratio to az ${(azlin / median(times)).toFixed(3)}`);
  } finally {
    fleet.close();
  }
}

await large();
if (!process.argv.includes('--no-az')) await againstAz();
