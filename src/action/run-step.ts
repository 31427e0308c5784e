import { appendFileSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addKey } from './add-key.ts';
import { answerOf, jobsInScope, type StepWorld } from './azlin-process.ts';
import { scopeOptions } from './command-line.ts';
import { execute } from './execute.ts';
import { type Inputs, jobIdOf, readInputs, stepHash } from './inputs.ts';
import {
  hasSucceeded,
  hostOf,
  outcomeOf,
  type ReportedResult,
  reportedReason,
  summaryTable,
  unfinished,
} from './results.ts';
import { type StepRun, saveState, temporaryOf } from './step-state.ts';
import { environmentFileEntry } from './workflow-commands.ts';

type Environment = StepWorld['environment'];

/** Runs the command of the workflow. Returns the exit code of the step. */
export async function runStep(world: StepWorld): Promise<number> {
  const { environment, log } = world;
  const inputs = readInputs(environment);
  for (const { value } of inputs.variables) log.mask(value);
  const directory = mkdtempSync(join(temporaryOf(environment), 'azlin-'));
  await addKey(inputs.sshKey, environment);
  warnOfHostKeys(world, inputs);
  const id = jobIdOf(inputs, environment, occurrenceOf(inputs, environment));
  const isMany = await meansMany(world, inputs);
  const step = { inputs, directory, stdoutFile: join(directory, 'stdout'), isMany };
  writeFileSync(step.stdoutFile, '');
  const { results, jobId } = await inTurns(world, step, id);
  // A lost command may still be running, and the cancel step must be able to end it.
  if (!results.some(({ outcome }) => outcome === 'lost')) saveState(environment, undefined);
  return report(world, results, { jobId: inputs.durable ? jobId : '', stdoutFile: step.stdoutFile });
}

interface Turns {
  readonly results: readonly ReportedResult[];
  /** The id of the job in the last turn. */
  readonly jobId: string;
}

/**
 * Asks for the job of one attempt after the other. A re-run returns to the job of an earlier attempt. If that was cancelled, it has not done its work,
 * and the job of the next attempt is asked for. Only the job of the current attempt is new.
 */
async function inTurns(world: StepWorld, step: StepRun, id: string): Promise<Turns> {
  const { environment, log, cancelled } = world;
  const { inputs, directory, isMany } = step;
  const attempt = inputs.durable ? Number(environment['GITHUB_RUN_ATTEMPT'] ?? '1') : 1;
  const options = scopeOptions(inputs, directory);
  const names = [id, ...Array.from({ length: Math.max(0, attempt - 1) }, (_, n) => `${id}-a${n + 2}`)];
  if (inputs.durable)
    saveState(environment, {
      jobs: names,
      host: isMany ? undefined : hostIn(inputs.target),
      options,
      hosts: hostOptions(inputs.target),
    });
  let { target } = inputs;
  // A job that is cancelled from now on must not be started again.
  const earlier =
    attempt < 2
      ? []
      : (await jobsInScope(world, [...options, ...hostOptions(target)])).filter(({ state }) => state === 'cancelled');
  const isStale = ({ outcome, found, jobId, ...where }: ReportedResult) =>
    outcome === 'cancelled' && found && earlier.some((job) => job.id === jobId && job.hostname === hostOf(where));
  let results: readonly ReportedResult[] = [];
  for (const [turn, jobId] of names.entries()) {
    if (cancelled.aborted)
      return { results: [...results, unfinished(target, 'not-started', 'cancelled before it started')], jobId };
    const isLast = turn === names.length - 1;
    const latest = await execute(world, step, { id: jobId, target, isFirst: turn === 0 || !isMany });
    results = [...results, ...latest];
    const stale = latest.filter(isStale);
    if (isLast || stale.length === 0 || cancelled.aborted) return { results, jobId };
    results = results.filter((one) => !stale.includes(one));
    const again = stale.map((one) => one.target);
    log.notice(`${again.join(', ')}: an earlier attempt was cancelled; running it again`);
    target = isMany ? again.map((name) => name.replace(/[\\,*?[\]{}]/g, '\\$&')).join(',') : inputs.target;
  }
  return { results, jobId: id };
}

/** The VM of `vm:session`; undefined if only azlin can tell what is meant. */
function hostIn(target: string): string | undefined {
  return target.includes(':') ? hostOf({ target }) : undefined;
}

/** The VMs that a target names, as options of `azlin jobs`; none if only azlin can tell what is meant. */
function hostOptions(target: string): readonly string[] {
  const parts = target.split(/,(?![^[]*\])/).map((part) => part.trim());
  if (/[{}\\/]/.test(target) || !parts.every((part) => part.includes(':'))) return [];
  const hosts = [...new Set(parts.map((part) => hostOf({ target: part })))];
  // An address is not the name of a VM.
  if (hosts.some((host) => /^[\d.]+$|:/.test(host))) return [];
  return ['--host', hosts.length === 1 ? `${hosts[0]}` : `{${hosts.join(',')}}`];
}

/** Whether the target is a pattern, a list, or an alias, which may mean many. azlin then reports each target separately. */
async function meansMany(world: StepWorld, { target }: Inputs): Promise<boolean> {
  if (/[*?{},]|\[(?![0-9a-fA-F.]*:)/.test(target.replace(/\\./g, ''))) return true;
  if (/[:@/]/.test(target)) return false;
  const { code, stdout } = await answerOf(world, ['aliases', '--format', 'json']);
  if (code !== 0) return false;
  const aliases = JSON.parse(stdout) as readonly { readonly alias: string }[];
  return aliases.some(({ alias }) => alias === target);
}

/** Says so if no host keys are known: a runner that is new for each job sees every key for the first time. */
function warnOfHostKeys({ environment, log }: StepWorld, { knownHosts }: Inputs): void {
  const home = environment['AZLIN_HOME'] ?? join(environment['HOME'] ?? '', '.azlin');
  const { AZLIN_HOST_KEYS: policy = '' } = environment;
  if (knownHosts === '' && !/^(azure|strict)$/.test(policy) && !existsSync(join(home, 'known_hosts')))
    log.notice(
      'No host keys are known: the first key that each VM presents is trusted. Set the input "known-hosts" to pin them, or AZLIN_HOST_KEYS: azure to have Azure prove them.',
    );
}

/** How often this workflow job has run a step that does the same. The runner empties the folder before each job. */
function occurrenceOf(inputs: Inputs, environment: Environment): number {
  const path = join(temporaryOf(environment), `azlin-count-${stepHash(inputs, environment)}`);
  const before = existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
  writeFileSync(path, `${before + 1}`);
  return before;
}

interface Outputs {
  readonly jobId: string;
  readonly stdoutFile: string;
}

function report(
  { environment, log }: StepWorld,
  results: readonly ReportedResult[],
  { jobId, stdoutFile }: Outputs,
): number {
  const exitCode = results.every(hasSucceeded) ? 0 : Math.max(1, ...results.map((one) => one.exitCode ?? 1));
  for (const one of results)
    if (!hasSucceeded(one)) log.error(`azlin ${one.target}`, `${one.target}: ${reportedReason(one)}`);
  const [found] = results.filter((one) => one.found);
  if (found && Number(environment['GITHUB_RUN_ATTEMPT'] ?? '1') > 1)
    log.notice(
      `Job ${found.jobId} already exists from an earlier attempt; this is its output. To run it again, change the input "job".`,
    );
  const entries = {
    outcome: outcomeOf(results),
    'exit-code': `${exitCode}`,
    'job-id': jobId,
    'stdout-file': stdoutFile,
  };
  const outputs = Object.entries(entries).map(([name, value]) => environmentFileEntry(name, value));
  appendTo(environment['GITHUB_OUTPUT'], outputs.join(''));
  appendTo(environment['GITHUB_STEP_SUMMARY'], summaryTable(results));
  return exitCode;
}

function appendTo(path: string | undefined, text: string): void {
  if (path) appendFileSync(path, text);
}
