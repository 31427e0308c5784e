import { atMost } from '../domain/at-most.ts';
import { formatDuration } from '../domain/duration.ts';
import { AppError } from '../domain/errors.ts';
import type { RunArgv } from '../domain/run-argv.ts';
import { count } from '../domain/text.ts';
import { compareVms, mayAnswer, type Vm } from '../domain/vm.ts';
import { type Job, parseJobs } from '../jobs/job.ts';
import { listJobsArgv } from '../jobs/job-argv.ts';
import { qualifiedNames } from '../targets/match.ts';
import { askVm } from '../targets/probe.ts';
import { identifierOf, type Target } from '../targets/target.ts';
import { parseStatus } from '../tmux/status.ts';
import { firstLook } from '../transport/endpoint.ts';
import { runOverSsh } from '../transport/run-argv.ts';
import type { FleetAccess } from './fleet-access.ts';
import { withTarget } from './reach.ts';

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
  /** Only the job of this id. */
  readonly id?: string | undefined;
  /** Milliseconds for each VM, and for all of them. */
  readonly deadline: number;
  readonly wholeDeadline: number;
}

const CONCURRENCY = 32;

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

async function askForJobs(run: RunArgv, { id, hostname, signal }: JobsQuestion) {
  const { stdout, stderr } = await run(listJobsArgv(id), signal);
  const status = parseStatus(stdout === '' ? stderr : stdout);
  if (status.kind !== 'ok') throw new AppError('vm-failed', `"${hostname}" could not list its jobs`);
  return parseJobs(status.text).map((job) => ({ ...job, askedAt: Number(status.words[0]) }));
}

async function fleetJobs(access: FleetAccess, request: JobsRequest, signal: AbortSignal) {
  const fleet = await access.inventory.listVms({ fresh: false, whole: true }, signal);
  for (const warning of fleet.warnings) access.warn(warning);
  const vms = fleet.vms.filter((vm) => mayAnswer(vm) && vm.os !== 'windows').sort(compareVms);
  const names = qualifiedNames(vms);
  const isOld = fleet.isKept === true || access.lags;
  const { id, deadline, wholeDeadline } = request;
  const until = access.clock.now() + wholeDeadline;
  let answered = 0;
  const tell = () => access.progress(`Asking ${count(vms.length, 'VM')} for jobs: ${answered} answered`);
  tell();
  const ask = async (vm: Vm): Promise<readonly PlacedJob[]> => {
    const hostname = names.get(vm) ?? vm.name;
    const ms = Math.min(deadline, until - access.clock.now());
    const question = { endpoint: () => firstLook(access.endpointOf(vm), isOld), ms, signal };
    const asked =
      ms <= 0
        ? { probe: 'timed-out' as const, reason: `not asked within ${formatDuration(wholeDeadline)}` }
        : await askVm(access, question, ({ run, limited }) => askForJobs(run, { id, hostname, signal: limited }));
    answered++;
    tell();
    if (asked.probe === 'ok')
      return asked.value.map((job) => ({ ...job, hostname, identifier: placeOf(hostname, job) }));
    access.warn(`${hostname}: ${asked.reason}; its jobs are unknown`);
    return [];
  };
  try {
    return (await atMost(CONCURRENCY, vms, ask)).flat();
  } finally {
    access.progress(undefined);
  }
}
