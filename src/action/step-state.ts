import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ListedJob, StepWorld } from './azlin-process.ts';
import type { Inputs } from './inputs.ts';

type Environment = StepWorld['environment'];

/** One run of this step: its inputs, and where its output goes. */
export interface StepRun {
  readonly inputs: Inputs;
  readonly directory: string;
  readonly stdoutFile: string;
  readonly isMany: boolean;
}

/** What the cancel step needs to end the jobs that this step has left behind. */
export interface StepState {
  /** Names of jobs that this step may have started. */
  readonly jobs: readonly string[];
  /** The VM, where there is only one. */
  readonly host: string | undefined;
  /** The options that say which VMs are meant, who logs in, and which host keys to expect. */
  readonly options: readonly string[];
  /** More options, for `azlin jobs`: the VMs that the target names. */
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

/** Whether the step may have started a job. For several sessions of a VM, azlin adds the session to the id, or its hash if the session does not fit. */
export function isOwn({ jobs, host }: StepState, { id, hostname, session }: ListedJob): boolean {
  if (host !== undefined && hostname.toLowerCase() !== host.toLowerCase()) return false;
  const hash = createHash('sha256').update(session).digest('hex').slice(0, 10);
  return jobs.some((job) => [job, `${job}-${session}`, `${job}-${hash}`].includes(id));
}

/** The runner's folder for files that are needed as long as the workflow job runs. */
export function temporaryOf(environment: Environment): string {
  const path = environment['RUNNER_TEMP'] || '/tmp';
  mkdirSync(path, { recursive: true });
  return path;
}

function pathIn(environment: Environment): string {
  return join(temporaryOf(environment), 'azlin-running.json');
}
