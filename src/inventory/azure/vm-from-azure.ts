import type { VirtualMachine } from '@azure/arm-compute';
import type { PowerState, Vm } from '../../domain/vm.ts';
import { type Addresses, segmentAfter } from './addresses.ts';

const POWER_STATES: Readonly<Record<string, PowerState>> = {
  running: 'Running',
  stopped: 'Stopped',
  deallocated: 'Deallocated',
  starting: 'Starting',
  stopping: 'Stopping',
  deallocating: 'Stopping',
};

/** The power state among the statuses of an instance view: `PowerState/running` and the like. */
export function powerStateOf(statuses: readonly { readonly code?: string | undefined }[] | undefined): PowerState {
  const code = statuses?.map((status) => status.code ?? '').find((text) => /^PowerState\//i.test(text));
  return POWER_STATES[code?.split('/')[1]?.toLowerCase() ?? ''] ?? 'Unknown';
}

/** Azure promises a location and little else: everything missing becomes null, an empty text or `unknown`. */
export function vmFromAzure(vm: VirtualMachine, powerState: PowerState, addresses: Addresses): Vm {
  const id = vm.id ?? '';
  const interfaces = vm.networkProfile?.networkInterfaces ?? [];
  const ordered = [...interfaces].sort((a, b) => Number(b.primary === true) - Number(a.primary === true));
  return {
    id,
    vmId: vm.vmId ?? id.toLowerCase(),
    name: vm.name ?? segmentAfter(id, 'virtualMachines'),
    resourceGroup: addresses.spellingOf(segmentAfter(id, 'resourceGroups')),
    subscriptionId: segmentAfter(id, 'subscriptions'),
    region: vm.location ?? '',
    size: vm.hardwareProfile?.vmSize ?? '',
    powerState,
    ...addresses.of(ordered.map((one) => one.id ?? '')),
    adminUser: vm.osProfile?.adminUsername ?? null,
    os: osOf(vm),
    tags: vm.tags ?? {},
  };
}

function osOf(vm: VirtualMachine): Vm['os'] {
  const type = vm.storageProfile?.osDisk?.osType?.toLowerCase();
  return type === 'windows' || type === 'linux' ? type : 'unknown';
}
