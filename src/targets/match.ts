import { AppError, type Candidates } from '../domain/errors.ts';
import { count, shellWord } from '../domain/text.ts';
import { addressOf, compareVms, type Vm } from '../domain/vm.ts';
import type { HostRef } from './identifier.ts';

type VmRef = Extract<HostRef, { kind: 'vm' }>;

/** The VMs that the reference names. Case does not matter, as in Azure. */
export function matchVms(vms: readonly Vm[], { name, resourceGroup }: VmRef): readonly Vm[] {
  return vms
    .filter((vm) => same(vm.name, name) && (resourceGroup === undefined || same(vm.resourceGroup, resourceGroup)))
    .sort(compareVms);
}

/** Finds a known VM by its name in newer data: in the same resource group, else wherever it was moved to. */
export function sameVm(known: Vm, vms: readonly Vm[]): Vm | undefined {
  const named = vms.filter(({ name }) => same(name, known.name));
  const [only, ...others] = named;
  return (
    named.find(({ id }) => same(id, known.id)) ??
    named.find(({ resourceGroup }) => same(resourceGroup, known.resourceGroup)) ??
    named.find(({ vmId }) => vmId === known.vmId) ??
    (others.length === 0 ? only : undefined)
  );
}

/** The VM's name, with its resource group if several VMs have that name. In most fleets, names are unique. */
export function qualifiedName(vm: Vm, vms: readonly Vm[]): string {
  return vms.filter((other) => same(other.name, vm.name)).length > 1 ? `${vm.resourceGroup}/${vm.name}` : vm.name;
}

/** What the name was for. */
export interface Asked {
  /** The half after the colon, when there was one. */
  readonly session?: string;
  /** The command that takes such a name; `connect` by default. */
  readonly verb?: string;
}

/** The error for a name that several VMs have. */
export function ambiguousVm(ref: VmRef, found: readonly Vm[], { session, verb = 'connect' }: Asked): AppError {
  const items = found.map((vm) => ({
    identifier: `${vm.resourceGroup}/${vm.name}${session === undefined ? '' : `:${session}`}`,
    ip: addressOf(vm),
  }));
  const isGroups = new Set(found.map((vm) => vm.resourceGroup.toLowerCase())).size === found.length;
  const title = isGroups ? `Found in ${count(found.length, 'resource group')}` : `Found ${found.length} times`;
  return new AppError('ambiguous', `Ambiguous VM name "${ref.name}"`, {
    candidates: { title, items },
    hint: isGroups
      ? `azlin ${verb} ${shellWord(items[0]?.identifier ?? '')}`
      : `for only one of them: ${found.map(({ subscriptionId }) => `--subscription ${subscriptionId}`).join(' or ')}`,
  });
}

/** The error for a name that nothing has, with similar names. */
export function nothingNamed(
  message: string,
  code: 'vm-not-found' | 'session-not-found',
  near: readonly string[],
): AppError {
  const candidates: Candidates | undefined =
    near.length === 0
      ? undefined
      : { title: 'Did you mean', items: near.map((identifier) => ({ identifier, ip: null })) };
  return new AppError(code, message, { candidates, hint: 'azlin list --all shows the VMs and their sessions' });
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
