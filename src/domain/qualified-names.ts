import type { Vm } from './vm.ts';

/** The names by which users tell VMs apart: with the resource group where a name stands twice. */
export function qualifiedNames(vms: readonly Vm[]): ReadonlyMap<Vm, string> {
  const seen = new Map<string, number>();
  for (const { name } of vms) seen.set(name.toLowerCase(), (seen.get(name.toLowerCase()) ?? 0) + 1);
  return new Map(
    vms.map((vm) => [vm, (seen.get(vm.name.toLowerCase()) ?? 0) > 1 ? `${vm.resourceGroup}/${vm.name}` : vm.name]),
  );
}
