import type { DemoVm } from '../src/demo/arm-resources.ts';

/** A VM that only the Resource Manager knows. */
export function phantom(index: number): DemoVm {
  const number = String(index).padStart(5, '0');
  return {
    name: `web-${number}`,
    resourceGroup: `rg-${index % 40}`,
    vmId: `b0000000-0000-4000-8000-0000000${number}`,
    size: 'Standard_D4s_v5',
    powerState: index % 10 === 0 ? 'deallocated' : 'running',
    adminUser: 'azureuser',
    publicIp: index % 2 === 0 ? `127.30.${index >> 8}.${index & 255}` : null,
    privateIp: `127.40.${index >> 8}.${index & 255}`,
    tags: { env: index % 3 === 0 ? 'prod' : 'dev', team: `team-${index % 7}`, costCenter: `${4_000 + (index % 50)}` },
  };
}
