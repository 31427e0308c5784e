import type { Caller } from '../../domain/caller.ts';
import { AppError } from '../../domain/errors.ts';
import { count, shellWord } from '../../domain/text.ts';
import { cancelJobScript, jobIdProblem } from '../../jobs/job-scripts.ts';
import { parseEnd } from '../../jobs/journal.ts';
import { parseStatus } from '../../tmux/status.ts';
import { statusError } from '../../tmux/status-error.ts';
import { runOverSsh } from '../../transport/run-script.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { withTarget } from '../access/with-target.ts';
import { jobsOf, listJobs, type PlacedJob } from './list-jobs.ts';

export interface FindRequest {
  /** A job's id, its beginning, or an identifier. */
  readonly name: string;
  /** Whether it is a whole id, and nothing else will do. */
  readonly isWholeId?: boolean;
  /** The VM, in case several have a job with that id. */
  readonly vm: string | undefined;
  /** Milliseconds for each VM, and for all of them. */
  readonly deadline: number;
  readonly wholeDeadline: number;
}

/** The job that is meant: by its id, the unique beginning of one, or an identifier, which means the newest job there. Throws `job-not-found`, `ambiguous`. */
export async function findJob(access: FleetAccess, request: FindRequest, caller: Caller): Promise<PlacedJob> {
  const { name, vm, isWholeId = false } = request;
  if (isWholeId) return jobById(access, request, caller);
  // What cannot be an id can only be an identifier.
  if (jobIdProblem(name) !== undefined && vm === undefined) return newestJob(access, name, caller);
  try {
    return await jobById(access, request, caller);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'job-not-found' || vm !== undefined) throw error;
    try {
      return await newestJob(access, name, caller);
    } catch (other) {
      // It is not an identifier either, so the user probably meant a job.
      if (other instanceof AppError && /^(vm|session)-not-found$/.test(other.code)) throw error;
      throw other;
    }
  }
}

async function jobById(access: FleetAccess, request: FindRequest, caller: Caller): Promise<PlacedJob> {
  const { name, vm, isWholeId = false } = request;
  const begun = jobIdProblem(name) ? [] : await jobsNamed(access, request, caller);
  const exact = begun.filter(({ id }) => id === name);
  const named = exact.length > 0 || isWholeId ? exact : begun;
  // VMs that share a home directory see each other's jobs, but only the VM that owns a job knows its state.
  const found = named.some(isOwnJob) ? named.filter(isOwnJob) : named;
  const [only, ...others] = found;
  if (only && others.length === 0) return only;
  if (!only) throw notFound(name, vm);
  const isOneId = others.every(({ id }) => id === only.id);
  throw new AppError('ambiguous', `Ambiguous job "${name}"`, {
    candidates: {
      title: isOneId ? `Found on ${count(found.length, 'VM')}` : `The beginning of ${count(found.length, 'job')}`,
      items: found.map(({ id, hostname }) => ({ identifier: isOneId ? hostname : `${id} on ${hostname}`, ip: null })),
    },
    hint: isOneId ? `name the VM: --vm ${shellWord(only.hostname)}` : 'give more of the id',
  });
}

/** VMs that share a home directory see each other's jobs. */
export const isOwnJob = ({ ownedBy }: PlacedJob) => ownedBy === null;

/** The newest job of the session that the identifier names. Throws `job-not-found`. */
async function newestJob(access: FleetAccess, identifier: string, caller: Caller): Promise<PlacedJob> {
  const newest = (await jobsOf(access, { target: identifier }, caller)).find(isOwnJob);
  if (newest) return newest;
  throw new AppError('job-not-found', `No job has been started in "${identifier}"`, {
    hint: `azlin exec --durable ${shellWord(identifier)} COMMAND starts one; azlin logs --screen shows the session`,
  });
}

/** The jobs whose id starts with the name. The VM of a job that this machine has started is known. */
async function jobsNamed(
  access: FleetAccess,
  { name: prefix, vm, deadline, wholeDeadline }: FindRequest,
  caller: Caller,
) {
  if (vm !== undefined) return jobsOf(access, { target: vm, prefix }, caller);
  const found = new Map<string, PlacedJob>();
  for (const known of await access.jobMemory.recall(prefix, caller)) {
    try {
      for (const job of await jobsOf(access, { target: known, prefix }, caller))
        if (job.id === prefix) found.set(job.hostname, job);
    } catch (error) {
      if (caller.signal.aborted || !(error instanceof AppError)) throw error;
      // The job is on this VM. If the VM cannot be reached, that is the answer, unless the VM or the session no longer exists.
      if (error.code !== 'vm-not-found' && error.code !== 'session-not-found') throw error;
    }
  }
  if (found.size > 0) return [...found.values()];
  return listJobs(access, { target: undefined, prefix, deadline, wholeDeadline }, caller);
}

function notFound(name: string, vm: string | undefined): AppError {
  const where = vm === undefined ? 'No VM that could be asked' : `"${vm}"`;
  return new AppError('job-not-found', `${where} has ${vm === undefined ? 'a' : 'no'} job "${name}"`, {
    hint: `azlin jobs${vm === undefined ? '' : ` ${shellWord(vm)}`} lists jobs; they are kept for 7 days`,
  });
}

export interface CancelledJob {
  readonly id: string;
  readonly hostname: string;
  /** As in `azlin jobs`; `ending` if it was not seen to end. */
  readonly state: string;
  /** Whether it had already ended. */
  readonly hadEnded: boolean;
}

/** Ends a job: SIGTERM to its process group, then SIGKILL. A job that has already ended is left alone. */
export function cancelJob(
  access: FleetAccess,
  { id, target: place }: PlacedJob,
  caller: Caller,
): Promise<CancelledJob> {
  return withTarget({ access, target: place, caller }, async ({ target, connection }) => {
    const { endpoint, hostname } = target;
    const { clock, settings } = access;
    const { killAfter } = settings;
    const wait = killAfter + RECORD_LIMIT;
    const deadline = Math.max(settings.commandDeadline, wait + RECORD_LIMIT);
    const run = runOverSsh({ connection, endpoint, clock, deadline });
    const { stdout } = await run(cancelJobScript(id, { wait, killAfter }), caller.signal);
    const status = parseStatus(stdout);
    if (status.kind !== 'ok')
      throw status.kind === 'no-job' ? notFound(id, hostname) : statusError(status, hostname, id);
    const [when, ...how] = status.words;
    const state = parseEnd(how.join(' '))?.kind ?? how[0] ?? 'ending';
    return { id, hostname, state, hadEnded: when === 'ended' };
  });
}

/** Milliseconds until the VM has recorded the end of a job after SIGKILL, and again until azlin knows. */
const RECORD_LIMIT = 5_000;
