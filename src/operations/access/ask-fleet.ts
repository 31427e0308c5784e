import type { Caller } from '../../domain/caller.ts';
import { inPlaces } from '../../domain/concurrency.ts';
import { formatDuration } from '../../domain/duration.ts';
import { count } from '../../domain/text.ts';
import { compareVms, mayAnswer, qualifiedNames, type Vm } from '../../domain/vm.ts';
import { type Asking, askVm, noKeyFits, type Probed } from '../../targets/probe.ts';
import { firstLook } from '../../transport/endpoint.ts';
import type { FleetAccess } from './fleet-access.ts';

export interface FleetQuestion<T> {
  /** What the VMs are asked for, as shown to people: `jobs`. */
  readonly about: string;
  /** Which of the running VMs to ask; all by default. */
  readonly of?: (vm: Vm) => boolean;
  /** Milliseconds for each VM, and for all of them. */
  readonly deadline: number;
  readonly wholeDeadline: number;
  readonly ask: (asking: Asking, vm: AskedVm) => Promise<T>;
}

export interface AskedVm {
  readonly vm: Vm;
  /** Names the VM unambiguously. */
  readonly hostname: string;
  /** When it was looked up, in milliseconds since 1970. */
  readonly fetchedAt: number;
}

export interface FleetAnswer<T> extends AskedVm {
  readonly value: T;
}

const CONCURRENCY = 32;

/** Asks every running VM in scope at once. Warns about VMs that cannot be asked, and leaves them out. Rejects if no VM accepts a key. */
export async function askFleet<T>(
  access: FleetAccess,
  { about, of = () => true, deadline, wholeDeadline, ask }: FleetQuestion<T>,
  caller: Caller,
): Promise<readonly FleetAnswer<T>[]> {
  const fleet = await access.inventory.listVms({ fresh: false, whole: true }, caller);
  for (const warning of fleet.warnings) caller.warn(warning);
  const { fetchedAt } = fleet;
  const vms = fleet.vms.filter((vm) => mayAnswer(vm) && vm.os !== 'windows' && of(vm)).sort(compareVms);
  const names = qualifiedNames(fleet.vms);
  const isOld = fleet.isKept === true || access.settings.lags;
  const until = access.clock.now() + wholeDeadline;
  let answered = 0;
  const tell = () => caller.progress(`Asking ${count(vms.length, 'VM')} for ${about}: ${answered} answered`);
  tell();
  const askOne = async (vm: Vm): Promise<AskedVm & { readonly asked: Probed<T> }> => {
    const hostname = names.get(vm) ?? vm.name;
    const ms = Math.min(deadline, until - access.clock.now());
    const question = { endpoint: () => firstLook(access.endpoints.of(vm), isOld), ms, caller };
    const asked =
      ms <= 0
        ? { probe: 'timed-out' as const, reason: `not asked within ${formatDuration(wholeDeadline)}` }
        : await askVm(access, question, (asking) => ask(asking, { vm, hostname, fetchedAt }));
    answered++;
    tell();
    return { vm, hostname, fetchedAt, asked };
  };
  try {
    const answers = await inPlaces({ limit: CONCURRENCY, clock: access.clock }, vms, askOne);
    const failure = noKeyFits(answers.map(({ hostname, asked: answer }) => [hostname, answer]));
    for (const { hostname, asked } of answers)
      if (asked.probe !== 'ok' && !(failure && asked.keyRefused))
        caller.warn(`${hostname}: ${asked.reason}; its ${about} are unknown`);
    if (failure) throw failure;
    return answers.flatMap(({ asked, ...vm }) => (asked.probe === 'ok' ? [{ ...vm, value: asked.value }] : []));
  } finally {
    caller.progress(undefined);
  }
}
