/*
 * `azlin exec` against `ssh`, on the same sshd with the same key: cold (a process each, in turns) and warm (one process, one
 * connection). Prints medians and ratios. Usage: npm run bench
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createApp } from '../src/app.ts';
import { execCommand } from '../src/operations/exec.ts';
import { CLI, startFleet } from '../test/support/fleet.ts';

const COLD_RUNS = Number(process.argv[2] ?? 30);
const WARM_RUNS = 300;

const fleet = await startFleet([{ name: 'myvm', sessions: ['dev'] }]);
try {
  await cold();
  await warm();
} finally {
  fleet.close();
}

async function cold(): Promise<void> {
  const machine = fleet.machines.get('myvm');
  if (!machine) throw new Error('the fleet has no myvm');
  const config = join(fleet.directory, 'ssh_config');
  writeFileSync(
    config,
    [
      'Host myvm',
      `HostName ${machine.address}`,
      `Port ${machine.port}`,
      `User ${machine.user}`,
      `IdentityFile ${fleet.identity}`,
      'IdentitiesOnly yes',
      'StrictHostKeyChecking accept-new',
      `UserKnownHostsFile ${join(fleet.directory, 'ssh_known_hosts')}`,
      'LogLevel ERROR',
    ].join('\n'),
  );
  const commands: Record<string, readonly string[]> = {
    'ssh myvm true': ['ssh', '-F', config, 'myvm', 'true'],
    'ssh myvm tmux in the session': ['ssh', '-F', config, 'myvm', "tmux -u display-message -p -t '=dev:' x"],
    'azlin exec myvm:dev true': [process.execPath, CLI, 'exec', 'myvm:dev', 'true'],
  };
  const times: Record<string, number[]> = {};
  // The first round fills caches and known_hosts and does not count.
  for (let round = -1; round < COLD_RUNS; round++)
    for (const [name, command] of Object.entries(commands)) {
      const ms = await timeOf(command);
      if (round >= 0) times[name] = [...(times[name] ?? []), ms];
    }
  console.log(`cold, ${COLD_RUNS} runs each, in turns, median and quartiles:`);
  for (const [name, all] of Object.entries(times)) console.log(`  ${name.padEnd(30)} ${describe(all)}`);
  const [ssh = [], sshTmux = [], azlin = []] = Object.values(times);
  console.log(`  ratio to ssh                   ${(median(azlin) / median(ssh)).toFixed(2)}`);
  console.log(`  ratio to ssh with a tmux call  ${(median(azlin) / median(sshTmux)).toFixed(2)}`);
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

/** Commands one after the other over one connection: a bare one, and one in the session's context. */
async function warm(): Promise<void> {
  // The certificate of the local Resource Manager is known to processes that start with it; the cache has the answer already.
  const app = createApp({ ...process, env: fleet.environment } as unknown as NodeJS.Process);
  const config = await app.config({});
  const quiet = () => {};
  const access = await app.access({
    config,
    user: undefined,
    port: undefined,
    forwardAgent: undefined,
    start: { always: false, isOption: false, ask: async () => false },
    progress: quiet,
    aside: quiet,
    warn: quiet,
    trace: quiet,
  });
  const { signal } = new AbortController();
  const target = await access.resolver.resolve('myvm:dev', { fresh: false }, signal);
  const connection = await access.transport.connect(target.endpoint, signal);
  const bare = await timesOf(async () => {
    const remote = await connection.spawn(['true'], { signal });
    remote.stdout.resume();
    remote.stderr.resume();
    await remote.exit;
  });
  const inSession = await timesOf(async () => {
    const request = { identifier: 'myvm:dev', command: ['true'], stdin: false, create: false, timeout: undefined };
    const command = await execCommand(access, request, signal);
    command.stdout.resume();
    command.stderr.resume();
    await command.outcome;
  });
  console.log(`warm, ${WARM_RUNS} runs each, one connection:`);
  console.log(`  a command                      ${describe(bare)}`);
  console.log(`  a command in a session         ${describe(inSession)}`);
  app.close();
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
