import { compareVms } from '../domain/vm.ts';
import { qualifiedNames } from '../targets/match.ts';
import type { FleetAccess } from './fleet-access.ts';

/** The names of the VMs as far as the cache knows them. Nobody is asked while a shell waits. */
export async function knownHosts(access: FleetAccess, signal: AbortSignal): Promise<readonly string[]> {
  const { vms } = await access.inventory.listVms({ fresh: false, stale: true }, signal);
  return [...qualifiedNames([...vms].sort(compareVms)).values()];
}
