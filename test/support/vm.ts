import type { Session } from '../../src/domain/session.ts';
import type { Vm } from '../../src/domain/vm.ts';

/** A running Linux VM. Pass the fields that matter to the test. */
export function aVm(name: string, fields: Partial<Vm> = {}): Vm {
  return {
    id: `/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/${name}`,
    vmId: `vm-${fields.resourceGroup ?? 'rg'}-${name}`,
    name,
    resourceGroup: 'rg',
    subscriptionId: 's',
    region: 'westeurope',
    size: 'Standard_B1s',
    powerState: 'Running',
    publicIp: '127.0.0.1',
    privateIp: null,
    adminUser: 'azureuser',
    os: 'linux',
    tags: {},
    ...fields,
  };
}

export function aSession(name: string, fields: Partial<Session> = {}): Session {
  return {
    id: '$0',
    name,
    friendlyName: null,
    windows: 1,
    attached: 0,
    createdAt: 1_700_000_000,
    activityAt: 1_700_000_100,
    group: name,
    clients: [],
    expiresAt: null,
    idleTtl: null,
    owner: null,
    idle: null,
    ...fields,
  };
}
