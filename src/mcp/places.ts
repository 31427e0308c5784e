import type { Caller } from '../domain/caller.ts';
import { qualifiedNames } from '../domain/vm.ts';
import type { FleetAccess } from '../operations/access/fleet-access.ts';
import type { Target } from '../targets/target.ts';
import type { GuardedVm, GuardPlace } from './guard.ts';

/** Where a call goes. `vm` is null for an address. */
export type PlacedAt = Pick<Target, 'hostname' | 'session'> & { readonly vm: GuardedVm | null };

/** What rules have to be asked about: an address stands for every VM in scope that has it, as far as they are known without asking again. Rejects with an AppError. */
export async function placesOf(at: PlacedAt, access: FleetAccess, caller: Caller): Promise<readonly GuardPlace[]> {
  const { hostname, session, vm } = at;
  if (vm) return [{ hostname, session, vm }];
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  const { vms } = await access.inventory.listVms({ fresh: false, whole: true }, caller);
  const names = qualifiedNames(vms);
  const found = vms.filter((one) => [access.endpoints.addressOf(one), one.publicIp, one.privateIp].includes(address));
  if (found.length === 0) return [{ hostname, session, vm: null }];
  return found.map((one) => ({ hostname: names.get(one) ?? one.name, session, vm: one }));
}
