/*
 * Kills azlin's daemon at random moments while commands run through it: direct ones are lost at worst and never run twice, jobs are followed to their end by the
 * same call, lists have their rows, and nothing hangs. Usage: npm run soak:daemon [-- KILLS]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { daemonPlace } from '../../src/daemon/place.ts';
import { daemonsBelow, endDaemons } from '../support/daemons.ts';
import { CLI } from '../support/fleet.ts';
import { startLab } from '../support/lab.ts';
import { random } from '../support/random.ts';

const KILLS = Number(process.argv[2] ?? 100);
/** Milliseconds after which a call has hung. */
const HANGS = 60_000;

const lab = await startLab();
const vm = await lab.start('vm');
const environment = { ...lab.environment(), AZLIN_PERSIST: '10m' };
const place = daemonPlace(environment.AZLIN_HOME, process.getuid?.() ?? 0);
const next = random(1);
const outcomes: Record<string, number> = {};
const bad: string[] = [];
let kills = 0;
try {
  await Promise.all([killing(), calls('direct'), calls('job'), calls('list')]);
} finally {
  endDaemons(lab.directory);
  lab.close();
}
console.log(`${kills} kills;`, outcomes);
for (const line of bad) console.log(line);
process.exitCode = bad.length === 0 ? 0 : 1;

async function killing(): Promise<void> {
  while (kills < KILLS) {
    await new Promise((resolve) => setTimeout(resolve, 50 + next() * 900));
    // One that is killed while it starts would not be tried again for a minute.
    for (const name of readdirSync(place.directory))
      if (name.startsWith(place.prefix) && name.endsWith('.failed'))
        rmSync(join(place.directory, name), { force: true });
    for (const pid of daemonsBelow(lab.directory)) {
      process.kill(pid, 'SIGKILL');
      kills++;
    }
  }
}

async function calls(kind: 'direct' | 'job' | 'list'): Promise<void> {
  for (let number = 0; kills < KILLS; number++) {
    const mark = join(vm.home, `${kind}-${number}`);
    const line = `echo x >>${mark}; seq 1000; sleep 0.${Math.floor(next() * 9)}; echo end`;
    const argv = {
      direct: ['exec', 'vm:dev', line],
      job: ['exec', '--durable', 'vm:dev', line],
      list: ['list', '--refresh'],
    }[kind];
    const since = performance.now();
    const { exitCode, stdout, stderr } = await run(argv);
    const ran = existsSync(mark) ? readFileSync(mark, 'utf8').length / 2 : 0;
    const isWhole = kind === 'list' ? /^vm +dev /m.test(stdout) : stdout.endsWith('\n1000\nend\n');
    const took = performance.now() - since;
    const count = (what: string) => {
      outcomes[`${kind} ${what}`] = (outcomes[`${kind} ${what}`] ?? 0) + 1;
    };
    const wrong = (why: string) =>
      bad.push(`${kind} ${number}: ${why}; ran ${ran} times, exit ${exitCode}: ${stderr.trim()}`);
    if (took > HANGS) wrong('hung');
    if (ran > 1) wrong('ran twice');
    if (exitCode === 0 && isWhole) count('done');
    else if (kind === 'list' && /its sessions are unknown/.test(stderr)) count('unknown, and says so');
    else if (exitCode === 0) wrong('ended without all of its output');
    else if (kind === 'direct' && exitCode === 255 && /may have run|was lost/.test(stderr)) count('lost');
    else if (kind === 'list' && exitCode === 7) count('cut off');
    else wrong('failed');
  }
}

function run(argv: readonly string[]): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const child: ChildProcess = spawn(process.execPath, [CLI, ...argv], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), HANGS + 5_000);
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) =>
    child.once('close', (exitCode) => {
      clearTimeout(timer);
      resolve({ exitCode, stdout, stderr });
    }),
  );
}
