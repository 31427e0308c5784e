import type { Caller } from '../../domain/caller.ts';
import { inPlaces } from '../../domain/concurrency.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import { listNames } from '../../domain/fold-names.ts';
import { count } from '../../domain/text.ts';
import type { Selected, Unasked } from '../../targets/select.ts';
import { parseSelection } from '../../targets/selection.ts';
import { describeTarget, type Target } from '../../targets/target.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { type Choice, chooseTargets } from '../many/choose.ts';
import { describeChoice, type VmChoice } from '../vms/choose-vms.ts';
import { type FindRequest, findJob, isOwnJob } from './find-job.ts';
import { jobsOf, newestFirst, type PlacedJob } from './list-jobs.ts';

export interface ChooseJobsRequest extends Omit<FindRequest, 'name'> {
  /** Ids, identifiers and patterns, separated by commas; or a choice of the VMs in scope. */
  readonly from: string | VmChoice;
  /** Ask again, without caches. */
  readonly fresh: boolean;
}

export interface ChosenJobs {
  readonly choice: Choice;
  /** The job that a target of the choice stands for. */
  readonly jobOf: (target: Target) => PlacedJob;
}

/**
 * The jobs that are meant: those that are named, and the newest one of each VM or session that a pattern or an option finds. Rejects with an AppError if one
 * that is named cannot be found, or if there are none.
 */
export async function chooseJobs(access: FleetAccess, request: ChooseJobsRequest, caller: Caller): Promise<ChosenJobs> {
  const { from, ...rest } = request;
  const parts = typeof from === 'string' ? parseSelection(from) : [];
  const names = parts.flatMap((part) => (part.kind === 'identifier' ? [part.text] : []));
  const patterns = parts.flatMap((part) => (part.kind === 'pattern' ? [part.text] : []));
  if (request.vm !== undefined && names.length < parts.length)
    throw new AppError('usage', '--vm goes with the id of a job, not with a pattern', {
      hint: `'${request.vm}:*' means the newest job of each session there`,
    });
  const named = await Promise.all(names.map((name) => findJob(access, { ...rest, name }, caller)));
  const isAll = parts.length === 0;
  const isNone = !isAll && patterns.length === 0;
  const found = isNone ? NONE : await jobsOfEach(access, { ...rest, from: isAll ? from : patterns.join(',') }, caller);
  const newest = found.each.map(({ target, jobs }) => ({ target, job: jobs.find(isOwnJob) }));
  const jobs = uniqueJobs([...named, ...newest.flatMap(({ job }) => job ?? [])]);
  const what = typeof from === 'string' ? `"${from}"` : describeChoice(from);
  const without = newest.filter(({ job }) => job === undefined).map(({ target }) => describeTarget(target));
  const lacking = [...found.lacking, ...without];
  const { unasked, stopped } = found;
  if (jobs.length + unasked.length === 0)
    throw new AppError('job-not-found', `Nothing matches ${what}: no job has been started on ${listNames(lacking)}`, {
      hint: 'azlin jobs lists jobs; a pattern names VMs and sessions, not jobs',
    });
  const byTarget = new Map(jobs.map((job) => [job.target, job]));
  // A job that was found by its VM and session is called like them.
  const isById = ({ id }: PlacedJob) => names.some((name) => id.startsWith(name));
  const chosen = jobs.map((job) => ({
    target: job.target,
    mayLack: false,
    name: isById(job) ? nameOf(job) : placeOf(job),
  }));
  const notes = [
    `${what} means ${count(jobs.length, 'job')}${jobs.length > 0 ? `: ${listNames(jobs.map(nameOf))}` : ''}`,
    ...(stopped.length > 0 ? [`left out, not running: ${listNames(stopped)}`] : []),
    ...(lacking.length > 0 ? [`left out, no job there: ${listNames(lacking)}`] : []),
  ];
  return {
    choice: { chosen, unasked, stopped, lacking, notes, isOneEach: false },
    jobOf(target) {
      const job = byTarget.get(target);
      if (!job) throw new AppError('bug', `no job was chosen for "${describeTarget(target)}"`);
      return job;
    },
  };
}

const NONE: JobsOfEach = { each: [], unasked: [], stopped: [], lacking: [] };

/** `v42 on myvm:dev`. */
function nameOf(job: PlacedJob): string {
  return `${job.id} on ${placeOf(job)}`;
}

function placeOf({ hostname, session }: PlacedJob): string {
  return session === '' ? hostname : `${hostname}:${session}`;
}

/** One that was named twice, or by its id and by its session, is one. */
function uniqueJobs(jobs: readonly PlacedJob[]): readonly PlacedJob[] {
  return [
    ...new Map(jobs.map((job) => [`${job.id} ${job.target.vm?.id.toLowerCase() ?? job.hostname}`, job])).values(),
  ];
}

/** The jobs of the targets that a list, a pattern or an option finds, target by target. */
export interface JobsOfEach extends Pick<Selected, 'unasked' | 'stopped' | 'lacking'> {
  readonly each: readonly { readonly target: Target; readonly jobs: readonly PlacedJob[] }[];
}

const CONCURRENCY = 32;

/** Asks each target for its jobs, newest first. Rejects with an AppError if an identifier cannot be found, or if nothing matches. */
export async function jobsOfEach(
  access: FleetAccess,
  { from, fresh, deadline, wholeDeadline }: Omit<ChooseJobsRequest, 'vm'>,
  caller: Caller,
): Promise<JobsOfEach> {
  // A session that has ended may have jobs, so whether it is there does not matter.
  const choosing = { from, fresh, ask: false, deadline, wholeDeadline };
  const { chosen, unasked, stopped, lacking } = await chooseTargets(access, choosing, caller);
  const silent: Unasked[] = [];
  let asked = 0;
  const tell = () => caller.progress(`Asking ${count(chosen.length, 'target')} for jobs: ${asked} answered`);
  tell();
  try {
    const each = await inPlaces({ limit: CONCURRENCY, clock: access.clock }, chosen, async ({ target }) => {
      try {
        return { target, jobs: await jobsOf(access, { target }, caller) };
      } catch (error) {
        caller.signal.throwIfAborted();
        silent.push({ hostname: target.hostname, reason: toAppError(error) });
        return undefined;
      } finally {
        asked++;
        tell();
      }
    });
    return { each: each.filter((one) => one !== undefined), unasked: [...unasked, ...silent], stopped, lacking };
  } finally {
    caller.progress(undefined);
  }
}

/** The jobs of all targets that a list or a pattern finds, newest first. Warns about what could not be asked. */
export async function jobsMeant(
  access: FleetAccess,
  request: Omit<ChooseJobsRequest, 'vm'>,
  caller: Caller,
): Promise<readonly PlacedJob[]> {
  const { each, unasked, stopped, lacking } = await jobsOfEach(access, request, caller);
  for (const { hostname, reason } of unasked) caller.warn(`${hostname}: ${reason.message}; its jobs are unknown`);
  if (stopped.length > 0) caller.warn(`left out, not running: ${listNames(stopped)}`);
  if (lacking.length > 0) caller.warn(`left out, no such session: ${listNames(lacking)}`);
  return newestFirst(uniqueJobs(each.flatMap(({ jobs }) => jobs)));
}
