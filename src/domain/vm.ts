import type { NearBastions } from './route.ts';

export type PowerState = 'Running' | 'Stopped' | 'Deallocated' | 'Starting' | 'Stopping' | 'Unknown';

/** An Azure virtual machine, or an entry of a file inventory. Null where the source did not say. */
export interface Vm {
  /** Azure resource id (its case is not reliable), or `file:` and the name. */
  readonly id: string;
  /** What host keys are pinned to: Azure's `vmId`, which no other VM ever gets. */
  readonly vmId: string;
  readonly name: string;
  readonly resourceGroup: string;
  readonly subscriptionId: string;
  readonly region: string;
  readonly size: string;
  readonly powerState: PowerState;
  readonly publicIp: string | null;
  readonly privateIp: string | null;
  readonly adminUser: string | null;
  readonly os: 'linux' | 'windows' | 'unknown';
  /** Whether it has a system-assigned identity, which signing in with Entra ID needs. Absent where the source did not say. */
  readonly hasIdentity?: boolean;
  readonly tags: Readonly<Record<string, string>>;
  /** The virtual network that it is in, by its id in lower case. Absent where the source did not say. */
  readonly network?: string | null;
  /** Absent where there are none, or where nobody looked because the VM has a public address. */
  readonly bastions?: NearBastions;
}

/** Whether Azure can be asked about it: it is not an entry of an inventory file. */
export function isAzureVm({ id }: Vm): boolean {
  return id.startsWith('/subscriptions/');
}

/** The value of a tag. Its name is compared without case, as in Azure. */
export function tagOf(vm: Vm, name: string): string | undefined {
  const wanted = name.toLowerCase();
  const found = Object.entries(vm.tags).find(([key]) => key.toLowerCase() === wanted);
  return found?.[1];
}

/** The address azlin uses: tag `azlin-ssh-host`, else the public, else the private one. */
export function addressOf(vm: Vm): string | null {
  return tagOf(vm, 'azlin-ssh-host') ?? vm.publicIp ?? vm.privateIp;
}

/** Whether SSH is worth trying. It is if the state is unknown, but not if Azure says that the VM is down. */
export function mayAnswer(vm: Vm): boolean {
  return vm.os !== 'windows' && (vm.powerState === 'Running' || vm.powerState === 'Unknown');
}

/** The order of VMs in lists, whatever order the source gave. */
export function compareVms(a: Vm, b: Vm): number {
  return compareText(a.name, b.name) || compareText(a.resourceGroup, b.resourceGroup) || compareText(a.id, b.id);
}

/** Ignores case first, so that lists read naturally; then compares exactly, so that the order is total. */
function compareText(a: string, b: string): number {
  const [x, y] = [a.toLowerCase(), b.toLowerCase()];
  if (x !== y) return x < y ? -1 : 1;
  return a === b ? 0 : a < b ? -1 : 1;
}

/** The names by which users tell VMs apart: with the resource group if two VMs have the same name. */
export function qualifiedNames(vms: readonly Vm[]): ReadonlyMap<Vm, string> {
  const seen = new Map<string, number>();
  for (const { name } of vms) seen.set(name.toLowerCase(), (seen.get(name.toLowerCase()) ?? 0) + 1);
  return new Map(
    vms.map((vm) => [vm, (seen.get(vm.name.toLowerCase()) ?? 0) > 1 ? `${vm.resourceGroup}/${vm.name}` : vm.name]),
  );
}
