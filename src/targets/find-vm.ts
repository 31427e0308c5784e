import { AppError } from '../domain/errors.ts';
import { nearestNames } from '../domain/nearest.ts';
import type { Vm } from '../domain/vm.ts';
import type { Fleet } from '../inventory/inventory.ts';
import { type HostRef, parseIdentifier } from './identifier.ts';
import { type Asked, ambiguousVm, matchVms, nothingNamed } from './match.ts';

export type VmRef = Extract<HostRef, { kind: 'vm' }>;

/** The VM that a reference names; an AppError, not thrown, when there is none or more than one. */
export function findVm(ref: VmRef, fleet: Fleet, asked: Asked = {}): Vm | AppError {
  const [vm, ...others] = matchVms(fleet.vms, ref);
  if (!vm)
    return noSuchVm(ref.resourceGroup === undefined ? ref.name : `${ref.resourceGroup}/${ref.name}`, ref.name, fleet);
  return others.length > 0 ? ambiguousVm(ref, [vm, ...others], asked) : vm;
}

/** `text`: what was asked for; `name`: the part of it that is the VM's name. */
export function noSuchVm(text: string, name: string, fleet: Fleet): AppError {
  return nothingNamed(
    `No VM is named "${text}"`,
    'vm-not-found',
    nearestNames(
      name,
      fleet.vms.map((vm) => vm.name),
    ),
  );
}

/** A text that can only mean a VM: `vm` or `resource-group/vm`. Throws `usage` or `invalid-identifier`. */
export function vmRefOf(text: string): VmRef {
  const identifier = parseIdentifier(text);
  const { host } = identifier;
  if (host?.kind === 'vm' && identifier.kind === 'bare') return host;
  if (host?.kind === 'address')
    throw new AppError('usage', `"${text}" is an address, but a VM name is needed here`, {
      hint: 'azlin list --all shows the names',
    });
  throw new AppError('usage', `"${text}" does not name a VM`, {
    hint: host ? `name the VM alone: ${host.name}` : 'azlin list --all shows the names',
  });
}
