import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ListedJob, StepWorld } from './azlin-process.ts';
import type { Inputs } from './inputs.ts';

type Environment = StepWorld['environment'];

/** What this step is about. */
export interface StepRun {
  readonly inputs: Inputs;
  readonly directory: string;
  readonly stdoutFile: string;
  readonly isMany: boolean;
}

/** What a later step needs to end what this one has left. */
export interface StepState {
  /** Names of jobs that this step may have started. */
  readonly jobs: readonly string[];
  /** The VM, where there is only one. */
  readonly host: string | undefined;
  /** Which VMs are meant, and how they are known. */
  readonly options: readonly string[];
  /** More of them, for `azlin jobs`. */
  readonly hosts: readonly string[];
}

export function saveState(environment: Environment, state: StepState | undefined): void {
  writeFileSync(pathIn(environment), state === undefined ? '' : JSON.stringify(state));
}

export function savedState(environment: Environment): StepState | undefined {
  const path = pathIn(environment);
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return text === '' ? undefined : (JSON.parse(text) as StepState);
}

/** Whether a job is one of the step's. With several sessions of a VM azlin adds the session to the name, and where that makes no name its hash. */
export function isOwn({ jobs, host }: StepState, { id, hostname, session }: ListedJob): boolean {
  if (host !== undefined && hostname.toLowerCase() !== host.toLowerCase()) return false;
  const hash = createHash('sha256').update(session).digest('hex').slice(0, 10);
  return jobs.some((job) => [job, `${job}-${session}`, `${job}-${hash}`].includes(id));
}

/** The runner's folder for what lasts as long as the workflow job. */
export function temporaryOf(environment: Environment): string {
  const path = environment['RUNNER_TEMP'] || '/tmp';
  mkdirSync(path, { recursive: true });
  return path;
}

function pathIn(environment: Environment): string {
  return join(temporaryOf(environment), 'azlin-running.json');
}
