import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import type { WorkflowLog } from './workflow-commands.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface StepWorld {
  readonly environment: Environment;
  /** Program and arguments that run azlin. */
  readonly azlin: readonly [string, ...string[]];
  readonly log: WorkflowLog;
  /** Aborts when the workflow is cancelled. */
  readonly cancelled: AbortSignal;
}

export function startAzlin(
  { azlin, environment }: Pick<StepWorld, 'azlin' | 'environment'>,
  argv: readonly string[],
): ChildProcess {
  const [program, ...first] = azlin;
  const env = Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('INPUT_')));
  // If the workflow gives the host keys, those that this runner has seen before must not count.
  const settings = argv[argv.indexOf('--ssh-config') + 1];
  if (argv.includes('--ssh-config') && settings) env['AZLIN_KNOWN_HOSTS'] = join(dirname(settings), 'pinned');
  // In its own process group: a signal to the runner's whole group would otherwise reach it twice.
  return spawn(program, [...first, ...argv], { env, stdio: 'pipe', detached: true });
}

export interface AzlinAnswer {
  readonly code: number;
  readonly stdout: string;
}

/** Runs a short azlin command. Its stderr goes to the log. */
export function answerOf(
  world: Pick<StepWorld, 'azlin' | 'environment' | 'log'>,
  argv: readonly string[],
): Promise<AzlinAnswer> {
  return new Promise((resolve, reject) => {
    const child = startAzlin(world, argv);
    let [stdout, stderr] = ['', ''];
    child.stdin?.end();
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (stderr !== '') world.log.text(stderr);
      resolve({ code: code ?? 1, stdout });
    });
  });
}

/** A job as `azlin jobs` lists it. */
export interface ListedJob {
  readonly id: string;
  readonly hostname: string;
  readonly session: string;
  readonly state: string;
}

/** The jobs of the VMs in scope; none if they cannot be listed, and the log says why. */
export async function jobsInScope(
  world: Pick<StepWorld, 'azlin' | 'environment' | 'log'>,
  options: readonly string[],
): Promise<readonly ListedJob[]> {
  const { code, stdout } = await answerOf(world, ['jobs', '--format', 'json', ...options]);
  return code === 0 ? (JSON.parse(stdout) as readonly ListedJob[]) : [];
}
