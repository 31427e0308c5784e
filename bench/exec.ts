/*
 * Compares `azlin exec`, direct and durable, with `ssh`, with and without ControlMaster, on the same sshd with the same key: cold (one process each, in
 * turns), warm (one process, one connection), the rate of a long stream, and the first byte of a slow command. Prints medians and ratios.
 * Usage: npm run bench [-- RUNS]
 */

import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { createApp } from '../src/app/create-app.ts';
import { silentCaller } from '../src/domain/caller.ts';
import { execCommand, type RunningCommand } from '../src/operations/exec/exec.ts';
import { execDurably } from '../src/operations/jobs/durable.ts';
import { commandScript } from '../src/remote/remote-script.ts';
import { CLI, startFleet } from '../test/support/fleet.ts';
import { sshTo } from './ssh-to.ts';

const COLD_RUNS = Number(process.argv[2] ?? 30);
const WARM_RUNS = 200;
const STREAM_RUNS = 5;
const STREAM_BYTES = 500_000_000;

const fleet = await startFleet([{ name: 'myvm', sessions: ['dev'] }]);
const ssh = sshTo(fleet, 'myvm');
const azlin = [process.execPath, CLI, 'exec'];
try {
  const master = spawn('ssh', [...ssh.master, 'sleep 1000'], { stdio: 'ignore' });
  await cold();
  await stream();
  await firstByte();
  master.kill();
  await warm();
} finally {
  fleet.close();
}

async function cold(): Promise<void> {
  const commands: Record<string, readonly string[]> = {
    'ssh myvm true': [...ssh.alone, 'true'],
    'ssh with ControlMaster': [...ssh.shared, 'true'],
    'ssh, tmux in the session': [...ssh.alone, "tmux -u display-message -p -t '=dev:' x"],
    'azlin exec --direct': [...azlin, '--direct', 'myvm:dev', 'true'],
    'azlin exec --durable': [...azlin, '--durable', 'myvm:dev', 'true'],
  };
  const times: Record<string, number[]> = {};
  // The first round fills caches and known_hosts and does not count.
  for (let round = -1; round < COLD_RUNS; round++)
    for (const [name, command] of Object.entries(commands)) {
      const { ms } = await timeOf(command);
      if (round >= 0) times[name] = [...(times[name] ?? []), ms];
    }
  console.log(`cold, ${COLD_RUNS} runs each, in turns, median and quartiles:`);
  for (const [name, all] of Object.entries(times)) console.log(`  ${name.padEnd(30)} ${describe(all)}`);
  const [alone = [], , sshTmux = [], direct = [], durable = []] = Object.values(times);
  console.log(`  direct, ratio to ssh           ${(median(direct) / median(alone)).toFixed(2)}`);
  console.log(`  direct, to ssh with a tmux call ${(median(direct) / median(sshTmux)).toFixed(2)}`);
  console.log(`  durable adds                   ${(median(durable) - median(direct)).toFixed(1)} ms`);
}

async function stream(): Promise<void> {
  const line = `head -c ${STREAM_BYTES} /dev/zero`;
  const rates: Record<string, number[]> = {};
  for (let round = -1; round < STREAM_RUNS; round++)
    for (const [name, command] of Object.entries({
      ssh: [...ssh.alone, line],
      direct: [...azlin, '--direct', 'myvm:dev', line],
      durable: [...azlin, '--durable', 'myvm:dev', line],
    })) {
      const { ms, bytes } = await timeOf(command);
      if (bytes !== STREAM_BYTES) throw new Error(`${name} gave ${bytes} bytes`);
      if (round >= 0) rates[name] = [...(rates[name] ?? []), STREAM_BYTES / 1_000 / ms];
    }
  const { ssh: alone = [], direct = [], durable = [] } = rates;
  console.log(`a stream of ${STREAM_BYTES / 1_000_000} MB, ${STREAM_RUNS} runs each, login included:`);
  for (const [name, all] of Object.entries(rates)) console.log(`  ${name.padEnd(30)} ${Math.round(median(all))} MB/s`);
  console.log(`  direct, ratio to ssh           ${(median(direct) / median(alone)).toFixed(2)}`);
  console.log(`  durable, ratio to ssh          ${(median(durable) / median(alone)).toFixed(2)}`);
}

/** Measures the time from the start of the process to the first byte of a command that goes on for a second. */
async function firstByte(): Promise<void> {
  const line = 'echo first; sleep 1; echo second';
  console.log('the first byte of a slow command, 5 runs each:');
  for (const [name, command] of Object.entries({
    ssh: [...ssh.alone, line],
    direct: [...azlin, '--direct', 'myvm:dev', line],
    durable: [...azlin, '--durable', 'myvm:dev', line],
  })) {
    const times: number[] = [];
    for (let round = 0; round < 5; round++) times.push((await timeOf(command)).first);
    console.log(`  ${name.padEnd(30)} ${describe(times)}`);
  }
}

/** Not spawnSync: the local Resource Manager answers from this process. */
function timeOf([program = '', ...args]: readonly string[]): Promise<{ ms: number; first: number; bytes: number }> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    let first = Number.NaN;
    let bytes = 0;
    const child = spawn(program, args, { env: fleet.environment, stdio: ['ignore', 'pipe', 'inherit'] });
    child.once('error', reject);
    child.stdout.on('data', (chunk: Buffer) => {
      if (bytes === 0) first = performance.now() - start;
      bytes += chunk.length;
    });
    child.once('close', (code) => {
      if (code === 0) resolve({ ms: performance.now() - start, first, bytes });
      else reject(new Error(`${program} ${args.join(' ')} ended with ${code}`));
    });
  });
}

/** Runs commands one after the other over one connection: a bare one, then in the session's context, direct and durable. */
async function warm(): Promise<void> {
  // Only processes that start with the certificate of the local Resource Manager trust it. This one uses the answer in the cache.
  const app = createApp({ ...process, env: fleet.environment } as unknown as NodeJS.Process);
  const config = await app.config({});
  const access = await app.access({ config, user: undefined, port: undefined, forwardAgent: undefined });
  const { signal } = new AbortController();
  const caller = silentCaller(signal);
  const target = await access.resolver.resolve('myvm:dev', { fresh: false }, caller);
  const connection = await access.transport.connect(target.endpoint, caller);
  const bare = await timesOf(async () => {
    const remote = await connection.spawn(commandScript(['true']), { signal });
    remote.stdout.resume();
    remote.stderr.resume();
    await remote.exit;
  });
  const request = { target: 'myvm:dev', command: ['true'], stdin: undefined, create: false, timeout: undefined };
  const ended = async (command: RunningCommand) => {
    command.stdout.resume();
    command.stderr.resume();
    await command.outcome;
  };
  const direct = await timesOf(async () => ended(await execCommand(access, request, caller)));
  const job = { ...request, job: undefined, grace: undefined, endsWithUs: false, detach: false };
  const durable = await timesOf(async () => ended(await execDurably(access, job, caller)));
  console.log(`warm, ${WARM_RUNS} runs each, one connection:`);
  console.log(`  a command                             ${describe(bare)}`);
  console.log(`  in a session, direct           ${describe(direct)}`);
  console.log(`  in a session, durable          ${describe(durable)}`);
  console.log(`  durable adds                   ${(median(durable) - median(direct)).toFixed(1)} ms`);
  await app.close(() => {});
}

async function timesOf(run: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < WARM_RUNS; index++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return times;
}

function quantile(times: readonly number[], at: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] ?? Number.NaN;
}

function median(times: readonly number[]): number {
  return quantile(times, 0.5);
}

function describe(times: readonly number[]): string {
  return `${median(times).toFixed(1)} ms (${quantile(times, 0.25).toFixed(1)} to ${quantile(times, 0.75).toFixed(1)})`;
}
