import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type DemoFleet, type DemoFleetRequest, type DemoMachine, startDemoFleet } from '../../src/demo/demo-fleet.ts';
import { ensureTools } from '../../src/demo/tools.ts';
import { realClock } from './clock.ts';

/** The built CLI, as users run it. */
export const CLI = fileURLToPath(new URL('../../dist/azlin.js', import.meta.url));

export async function startFleet(
  machines?: readonly DemoMachine[],
  more: Partial<Pick<DemoFleetRequest, 'principals' | 'phantoms' | 'pageSize' | 'networks' | 'cli'>> = {},
): Promise<DemoFleet> {
  const tools = await ensureTools(process.env, () => {});
  const cli: readonly string[] = [process.execPath, CLI];
  const environment = { ...process.env, NODE_OPTIONS: undefined, CI: undefined };
  const fleet = await startDemoFleet({
    ...{ clock: realClock, tools, environment, cli, ...more },
    ...(machines ? { machines } : {}),
  });
  // Tests of the daemon turn it on; npm run test:daemon does for all others.
  const persist = process.env['AZLIN_TEST_PERSIST'] ?? '0';
  return { ...fleet, environment: { ...fleet.environment, AZLIN_PERSIST: persist } };
}

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as raw bytes. */
  readonly bytes: Buffer;
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
  readonly cwd?: string;
}

/** Runs the built CLI on a fleet to its end. Standard input is empty unless given. */
export function azlin(
  fleet: Pick<DemoFleet, 'environment'>,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  return finish(process.execPath, [CLI, ...args], fleet, options);
}

/** Runs a line of shell on a fleet. */
export function bash(fleet: Pick<DemoFleet, 'environment'>, line: string, options: RunOptions = {}): Promise<Finished> {
  return finish('/bin/bash', ['-c', line], fleet, options);
}

function finish(
  program: string,
  args: readonly string[],
  fleet: Pick<DemoFleet, 'environment'>,
  options: RunOptions,
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const env = { ...fleet.environment, ...options.environment };
    const child = spawn(program, args, { env, cwd: options.cwd, stdio: 'pipe' });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.once('error', reject);
    child.once('close', (exitCode) => {
      const bytes = Buffer.concat(out);
      resolve({ exitCode, stdout: bytes.toString(), stderr: Buffer.concat(err).toString(), bytes });
    });
    // A program that does not read its input may end before all of it is written.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}
