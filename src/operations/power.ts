import { atMost } from '../domain/at-most.ts';
import { AppError, toAppError } from '../domain/errors.ts';
import { count } from '../domain/text.ts';
import { addressOf, mayAnswer, type Vm } from '../domain/vm.ts';
import { findVm, vmRefOf } from '../targets/find-vm.ts';
import { qualifiedName } from '../targets/match.ts';
import type { FleetAccess } from './fleet-access.ts';

/** A VM that was started or stopped, as Azure described it afterwards. */
export interface PowerRow {
  readonly hostname: string;
  readonly status: string;
  readonly ip: string | null;
  readonly resourceGroup: string;
  readonly subscriptionId: string;
}

export interface PowerResult {
  readonly rows: readonly PowerRow[];
  /** What did not work, for whichever VMs. */
  readonly failure: AppError | undefined;
}

/** A VM that the user named, and how. */
export interface NamedVm {
  readonly hostname: string;
  readonly vm: Vm;
}

export interface Work {
  readonly access: FleetAccess;
  readonly signal: AbortSignal;
}

const CONCURRENCY = 16;

/** The VMs that the user names, each once; an AppError for the first that cannot be found, before anything is done. */
export async function namedVms({ access, signal }: Work, names: readonly string[]): Promise<readonly NamedVm[]> {
  const refs = names.map(vmRefOf);
  const find = async (fresh: boolean) => {
    const started = access.clock.now();
    const fleet = await access.inventory.listVms({ fresh }, signal);
    const found = refs.map((ref) => findVm(ref, fleet));
    const error = found.find((one) => one instanceof AppError);
    if (error && !fresh && fleet.fetchedAt < started) return find(true);
    for (const warning of fleet.warnings) access.warn(warning);
    if (error) throw error;
    const vms = new Set(found.flatMap((one) => (one instanceof AppError ? [] : [one])));
    return [...vms].map((vm) => ({ vm, hostname: qualifiedName(vm, fleet.vms) }));
  };
  return find(false);
}

/** What would end with these VMs: `myvm: 2 sessions, 1 client attached`. VMs that cannot be asked are said to be unknown. */
export async function whatRunsOn(
  { access, signal }: Work,
  named: readonly NamedVm[],
  deadline: number,
): Promise<readonly string[]> {
  const vms = named.map(({ vm }) => vm).filter(mayAnswer);
  const request = { vms, maxAge: 0, skipSilent: false, deadline, wholeDeadline: deadline };
  const { answers } = await access.survey.ask(request, signal);
  return named.map(({ hostname, vm }) => {
    const answer = answers.get(vm);
    if (!answer) return `${hostname}: ${vm.powerState}`;
    if (answer.probe === 'no-tmux') return `${hostname}: no tmux`;
    if (answer.probe !== 'ok') return `${hostname}: its sessions are unknown: ${answer.reason}`;
    const attached = answer.sessions.reduce((sum, session) => sum + session.attached, 0);
    return `${hostname}: ${count(answer.sessions.length, 'session')}${attached > 0 ? `, ${count(attached, 'client')} attached` : ''}`;
  });
}

/** Starts or stops every one of them at once. What fails for one VM does not hold up the others. */
export async function changePower(work: Work, verb: 'start' | 'stop', named: readonly NamedVm[]): Promise<PowerResult> {
  const { access } = work;
  const verbing = verb === 'start' ? 'Starting' : 'Stopping';
  let done = 0;
  const tell = () => {
    const [only] = named;
    if (only && named.length === 1) access.progress(`${verbing} ${only.hostname}`);
    else access.progress(`${verbing} ${count(named.length, 'VM')}, ${done} done`);
  };
  tell();
  const failures = await atMost(CONCURRENCY, named, async ({ vm }) => {
    const failure = await changeOne(work, verb, vm);
    done++;
    tell();
    return failure;
  });
  access.progress(undefined);
  const changed = named.filter((_, index) => !failures[index]);
  const failed = failures.filter((one) => one !== undefined);
  return {
    rows: changed.length > 0 ? await rowsAfter(work, changed) : [],
    failure: failed.length > 1 ? joined(failed, named.length, verb) : failed[0],
  };
}

async function changeOne({ access, signal }: Work, verb: 'start' | 'stop', vm: Vm): Promise<AppError | undefined> {
  try {
    await access.power[verb](vm, signal);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return toAppError(error);
  }
}

/** A VM that was started may have another address: Azure is asked again. */
async function rowsAfter({ access, signal }: Work, changed: readonly NamedVm[]): Promise<readonly PowerRow[]> {
  const fleet = await access.inventory.listVms({ fresh: true }, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    access.warn(`what became of the VMs could not be asked: ${toAppError(error).message}`);
    return { vms: [] };
  });
  const byId = new Map(fleet.vms.map((vm) => [vm.id.toLowerCase(), vm]));
  return changed.map(({ hostname, vm: before }) => {
    const vm = byId.get(before.id.toLowerCase());
    return {
      hostname,
      status: vm?.powerState ?? 'Unknown',
      ip: vm ? addressOf(vm) : null,
      resourceGroup: before.resourceGroup,
      subscriptionId: before.subscriptionId,
    };
  });
}

function joined(failures: readonly AppError[], all: number, verb: string): AppError {
  const [first] = failures as readonly [AppError, ...AppError[]];
  const lines = failures.map(({ message }) => `\n  ${message}`).join('');
  return new AppError(first.code, `Cannot ${verb} ${failures.length} of ${count(all, 'VM')}:${lines}`, {
    cause: first,
    hint: first.hint,
  });
}
