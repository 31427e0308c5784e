import { AppError } from '../../domain/errors.ts';
import type { RunScript } from '../../domain/remote-script.ts';
import { type Job, parseJobs } from '../../jobs/job.ts';
import { listJobsScript } from '../../jobs/job-scripts.ts';
import { identifierOf, type Target } from '../../targets/target.ts';
import { parseStatus } from '../../tmux/status.ts';
import { runOverSsh } from '../../transport/run-script.ts';
import { askFleet } from '../access/ask-fleet.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { withTarget } from '../access/reach.ts';
import { vmFilter } from '../sessions/list.ts';

/** A job and where it is. */
export interface PlacedJob extends Job {
  readonly hostname: string;
  /** Names its VM exactly. */
  readonly identifier: string;
  /** Seconds since 1970, by the VM's clock, when it was asked. */
  readonly askedAt: number;
}

export interface JobsRequest {
  /** A VM, or a session of one; undefined for every running VM in scope. */
  readonly identifier: string | undefined;
  /** Of every running VM in scope, those whose name matches this pattern. */
  readonly host?: string | undefined;
  /** Only the job of this id. */
  readonly id?: string | undefined;
  /** Milliseconds for each VM, and for all of them. */
  readonly deadline: number;
  readonly wholeDeadline: number;
}

/** The jobs of a session, of a VM or of the fleet, the newest first. VMs that could not be asked go to `access.warn`. */
export async function listJobs(
  access: FleetAccess,
  request: JobsRequest,
  signal: AbortSignal,
): Promise<readonly PlacedJob[]> {
  const { identifier } = request;
  const jobs =
    identifier === undefined
      ? await fleetJobs(access, request, signal)
      : await jobsOf(access, { identifier, id: request.id }, signal);
  return [...jobs].sort((a, b) => (b.startedAt ?? 0) - (a.startedAt ?? 0));
}

/** The jobs of the VM that the identifier names; of one session where it names one. */
export function jobsOf(
  access: FleetAccess,
  { identifier, id }: { readonly identifier: string; readonly id?: string | undefined },
  signal: AbortSignal,
): Promise<readonly PlacedJob[]> {
  return withTarget({ access, identifier, signal }, async ({ target, connection }) => {
    const { clock, commandDeadline: deadline } = access;
    const run = runOverSsh({ connection, endpoint: target.endpoint, clock, deadline });
    const jobs = await askForJobs(run, { id, signal, hostname: target.hostname });
    const mine = id !== undefined || target.origin === 'default' ? jobs : jobs.filter((job) => isOf(job, target));
    return mine.map((job) => ({ ...job, hostname: target.hostname, identifier: identifierOf(target) }));
  });
}

function isOf({ session }: Job, target: Target): boolean {
  return session === target.session;
}

function placeOf(hostname: string, { session }: Job): string {
  return session === '' ? hostname : `${hostname}:${session}`;
}

interface JobsQuestion {
  readonly id: string | undefined;
  readonly hostname: string;
  readonly signal: AbortSignal;
}

async function askForJobs(run: RunScript, { id, hostname, signal }: JobsQuestion) {
  const { stdout } = await run(listJobsScript(id), signal);
  const status = parseStatus(stdout);
  if (status.kind !== 'ok') throw new AppError('vm-failed', `"${hostname}" could not list its jobs`);
  return parseJobs(status.text).map((job) => ({ ...job, askedAt: Number(status.words[0]) }));
}

async function fleetJobs(access: FleetAccess, request: JobsRequest, signal: AbortSignal) {
  const { id, deadline, wholeDeadline } = request;
  const answers = await askFleet(
    access,
    {
      ...{ about: 'jobs', of: vmFilter({ tags: [], host: request.host }), deadline, wholeDeadline },
      ask: ({ run, limited }, { hostname }) => askForJobs(run, { id, hostname, signal: limited }),
    },
    signal,
  );
  const all = answers.flatMap(({ hostname, value }) =>
    value.map((job) => ({ ...job, hostname, identifier: placeOf(hostname, job) })),
  );
  // VMs that share a home see each other's jobs: each is listed once, where it is.
  const own = new Set(all.filter(({ ownedBy }) => ownedBy === null).map((job) => job.id));
  return all.filter(({ id: one, ownedBy }) => ownedBy === null || !own.has(one));
}
