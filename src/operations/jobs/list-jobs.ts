import type { Caller } from '../../domain/caller.ts';
import { AppError } from '../../domain/errors.ts';
import type { RunScript } from '../../domain/remote-script.ts';
import { type Job, parseJobs } from '../../jobs/job.ts';
import { listJobsScript } from '../../jobs/job-scripts.ts';
import { exactTarget, type Target, type TargetRef, targetOf } from '../../targets/target.ts';
import { parseStatus } from '../../tmux/status.ts';
import { type AskedVm, askFleet } from '../access/ask-fleet.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { withTarget } from '../access/with-target.ts';
import { type VmChoice, vmFilter } from '../vms/choose-vms.ts';

/** A job and where it is. */
export interface PlacedJob extends Job {
  readonly hostname: string;
  /** Where it runs. */
  readonly target: Target;
  /** When the VM was asked: seconds since 1970, by the VM's clock. */
  readonly askedAt: number;
}

export interface JobsRequest {
  /** A VM, or a session of one; undefined for every running VM in scope. */
  readonly target: TargetRef | undefined;
  /** Which of the VMs in scope; all by default. */
  readonly of?: Pick<VmChoice, 'tags' | 'hosts'> | undefined;
  /** Only jobs whose id starts with this. */
  readonly prefix?: string | undefined;
  /** Milliseconds for each VM, and for all of them. */
  readonly deadline: number;
  readonly wholeDeadline: number;
}

/** The jobs of a session, a VM or the fleet, newest first. Warns about VMs that could not be asked. */
export async function listJobs(
  access: FleetAccess,
  request: JobsRequest,
  caller: Caller,
): Promise<readonly PlacedJob[]> {
  const { target, prefix } = request;
  const jobs =
    target === undefined ? await fleetJobs(access, request, caller) : await jobsOf(access, { target, prefix }, caller);
  return newestFirst(jobs);
}

export function newestFirst(jobs: readonly PlacedJob[]): readonly PlacedJob[] {
  return [...jobs].sort((a, b) => (b.startedAt ?? 0) - (a.startedAt ?? 0));
}

/** The jobs of one VM; only those of one session if the target names one. */
export function jobsOf(
  access: FleetAccess,
  { target: ref, prefix }: { readonly target: TargetRef; readonly prefix?: string | undefined },
  caller: Caller,
): Promise<readonly PlacedJob[]> {
  return withTarget({ access, target: ref, caller }, async ({ target, run }) => {
    const jobs = await askForJobs(run, { prefix, signal: caller.signal, hostname: target.hostname });
    const mine = prefix !== undefined || target.origin === 'default' ? jobs : jobs.filter((job) => isOf(job, target));
    return mine.map((job) => ({ ...job, hostname: target.hostname, target: exactTarget(target) }));
  });
}

function isOf({ session }: Job, target: Target): boolean {
  return session === target.session;
}

/** Where a job of the fleet runs; it may belong to no session. */
function placeOf({ endpoints, settings }: FleetAccess, { vm, hostname, fetchedAt }: AskedVm, { session }: Job): Target {
  const isAlone = session === '';
  const fields = {
    ...{ hostname, vm, user: undefined, cached: true, fetchedAt },
    session: isAlone ? settings.defaultSession : session,
    origin: isAlone ? 'default' : 'named',
  } as const;
  return targetOf(fields, () => endpoints.of(vm));
}

interface JobsQuestion {
  readonly prefix: string | undefined;
  readonly hostname: string;
  readonly signal: AbortSignal;
}

async function askForJobs(run: RunScript, { prefix, hostname, signal }: JobsQuestion) {
  const { stdout } = await run(listJobsScript(prefix), signal);
  const status = parseStatus(stdout);
  if (status.kind !== 'ok') throw new AppError('vm-failed', `"${hostname}" could not list its jobs`);
  return parseJobs(status.text).map((job) => ({ ...job, askedAt: Number(status.words[0]) }));
}

async function fleetJobs(access: FleetAccess, request: JobsRequest, caller: Caller) {
  const { prefix, deadline, wholeDeadline } = request;
  const answers = await askFleet(
    access,
    {
      ...{ about: 'jobs', of: vmFilter(request.of ?? { tags: [], hosts: [] }), deadline, wholeDeadline },
      ask: ({ run, limited }, { hostname }) => askForJobs(run, { prefix, hostname, signal: limited }),
    },
    caller,
  );
  const all = answers.flatMap(({ value, ...asked }) =>
    value.map((job) => ({ ...job, hostname: asked.hostname, target: placeOf(access, asked, job) })),
  );
  // VMs that share a home directory see each other's jobs. List each job once, on the VM that owns it.
  const own = new Set(all.filter(({ ownedBy }) => ownedBy === null).map((job) => job.id));
  return all.filter(({ id: one, ownedBy }) => ownedBy === null || !own.has(one));
}
