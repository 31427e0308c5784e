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
  /** A job's id, or an identifier, which means the newest job of that session. */
  readonly name: string;
  /** The VM, in case several have a job with that id. */
  readonly vm: string | undefined;
  /** Milliseconds for each VM, and for all of them. */
  readonly deadline: number;
  readonly wholeDeadline: number;
}

/** The job that is meant. Throws `job-not-found` or `ambiguous`. */
export async function findJob(access: FleetAccess, request: FindRequest, caller: Caller): Promise<PlacedJob> {
  const { name, vm } = request;
  const named = jobIdProblem(name) ? [] : await jobsNamed(access, request, caller);
  // VMs that share a home directory see each other's jobs, but only the VM that owns a job knows its state.
  const found = named.some(isOwn) ? named.filter(isOwn) : named;
  const [only, ...others] = found;
  if (only && others.length === 0) return only;
  if (only)
    throw new AppError('ambiguous', `Ambiguous job "${name}"`, {
      candidates: {
        title: `Found on ${count(found.length, 'VM')}`,
        items: found.map(({ hostname }) => ({ identifier: hostname, ip: null })),
      },
      hint: `name the VM: --vm ${shellWord(only.hostname)}`,
    });
  throw notFound(name, vm);
}

const isOwn = ({ ownedBy }: PlacedJob) => ownedBy === null;

/** The newest job of the session that the identifier names. Throws `job-not-found`. */
export async function newestJob(access: FleetAccess, identifier: string, caller: Caller): Promise<PlacedJob> {
  const newest = (await jobsOf(access, { target: identifier }, caller)).find(isOwn);
  if (newest) return newest;
  throw new AppError('job-not-found', `No job has been started in "${identifier}"`, {
    hint: `azlin exec --durable ${shellWord(identifier)} COMMAND starts one; azlin logs --screen shows the session`,
  });
}

/** Whether a name can only be an identifier. */
export function isIdentifier(name: string): boolean {
  return jobIdProblem(name) !== undefined;
}

async function jobsNamed(access: FleetAccess, { name: id, vm, deadline, wholeDeadline }: FindRequest, caller: Caller) {
  if (vm !== undefined) return jobsOf(access, { target: vm, id }, caller);
  const found = new Map<string, PlacedJob>();
  for (const known of await access.jobMemory.recall(id, caller)) {
    try {
      for (const job of await jobsOf(access, { target: known, id }, caller)) found.set(job.hostname, job);
    } catch (error) {
      if (caller.signal.aborted || !(error instanceof AppError)) throw error;
      // The job is on this VM. If the VM cannot be reached, that is the answer, unless the VM or the session no longer exists.
      if (error.code !== 'vm-not-found' && error.code !== 'session-not-found') throw error;
    }
  }
  if (found.size > 0) return [...found.values()];
  return listJobs(access, { target: undefined, id, deadline, wholeDeadline }, caller);
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
