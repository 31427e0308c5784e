import { AppError } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import type { Vm } from '../../domain/vm.ts';
import type { Fleet } from '../../inventory/inventory.ts';
import { findVm, vmRefOf } from '../../targets/find-vm.ts';
import { matchingVms } from '../../targets/select.ts';
import { parseSelection } from '../../targets/selection.ts';
import { vmFilter } from '../sessions/list.ts';

/** Which VMs, by what they are instead of by an identifier. */
export interface VmChoice {
  /** `KEY` or `KEY=VALUE`; all must hold. */
  readonly tags: readonly string[];
  /** A pattern of names. */
  readonly host: string | undefined;
  /** A session of each, by name or by pattern; undefined for the default session. */
  readonly session: string | undefined;
}

/** VMs that were named, and those that match something. */
export interface FoundVms {
  readonly named: readonly Vm[];
  readonly matched: readonly Vm[];
}

/** VMs by names, lists and patterns. Throws where one of them means none, or a name means several. */
export function vmsNamed(texts: readonly string[], fleet: Fleet, verb: string): FoundVms {
  const named: Vm[] = [];
  const matched: Vm[] = [];
  for (const part of texts.flatMap(parseSelection)) {
    if (part.kind === 'identifier') {
      const vm = findVm(vmRefOf(part.text), fleet, { verb });
      if (vm instanceof AppError) throw vm;
      named.push(vm);
      continue;
    }
    if (part.session !== undefined || part.user !== undefined)
      throw new AppError('usage', `"${part.text}" does not name VMs`, {
        hint: "name VMs alone, without a session: 'web-*'",
      });
    const vms = matchingVms(part, fleet.vms);
    if (vms.length === 0) throw noSuchVms(part.text);
    matched.push(...vms);
  }
  return { named, matched };
}

/** VMs by what they are. Throws an AppError where there are none. */
export function chosenVms(choice: VmChoice, fleet: Fleet): FoundVms {
  const matched = matchingVms({ resourceGroup: undefined, host: '*' }, fleet.vms.filter(vmFilter(choice)));
  if (matched.length === 0)
    throw new AppError(
      'vm-not-found',
      `No VM matches ${describeChoice(choice)}; ${count(fleet.vms.length, 'VM')} in scope`,
      {
        hint: 'azlin list --all shows the VMs',
      },
    );
  return { named: [], matched };
}

export function describeChoice({ tags, host, session }: VmChoice): string {
  const words = [...tags.map((tag) => `--tag ${tag}`), ...(host === undefined ? [] : [`--host ${host}`])];
  const vms = words.length === 0 ? '--all' : words.join(' ');
  return session === undefined ? vms : `${vms} --session ${session}`;
}

export function noSuchVms(text: string): AppError {
  return new AppError('vm-not-found', `No VM matches "${text}"; nothing was done`, {
    hint: 'azlin list --all shows the VMs',
  });
}
