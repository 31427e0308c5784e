import { isIP } from 'node:net';
import type { Caller } from '../domain/caller.ts';
import { AppError } from '../domain/errors.ts';
import type { Hop } from '../domain/route.ts';
import { shellWord } from '../domain/text.ts';
import { mayAnswer, type Vm } from '../domain/vm.ts';
import type { Fleet, Inventory } from '../inventory/inventory.ts';
import { type Endpoint, endpointOfHop, endpointOfVm, type LoginChoice } from '../transport/endpoint.ts';
import { findVm, type VmRef } from './find-vm.ts';
import { matchVms } from './match.ts';

export interface HopSettings {
  readonly inventory: Inventory;
  readonly choice: LoginChoice;
  /** Whether a host key is pinned for the endpoint. */
  readonly isKnownHost: (endpoint: Endpoint) => Promise<boolean>;
}

/**
 * Finds the endpoint of a jump host. If a VM of the fleet has that name, it is reached and checked like that VM; otherwise it is a host as ssh knows it.
 * `inFleet`: the host to be reached is a VM, so the fleet is known already. Rejects with an AppError.
 */
export function hopEndpoints({ inventory, choice, isKnownHost }: HopSettings) {
  // Options that the user gave for the VM itself are not meant for its jump hosts.
  const {
    flagUser: _user,
    flagPort: _port,
    identifierUser: _identifier,
    jump: _jump,
    bastion,
    entra,
    ...general
  } = choice;
  const own: LoginChoice = {
    ...general,
    bastion: { general: bastion?.general },
    ...(entra ? { entra: entra.isFlag ? { ...entra, choice: 'auto', isFlag: false } : entra } : {}),
    forwardAgent: false,
  };
  return async (hop: Hop, inFleet: boolean, caller: Caller): Promise<Endpoint> => {
    const ref = inFleet ? vmRefOfHop(hop) : undefined;
    if (!ref) return endpointOfHop(hop, own);
    const fleet = await inventory.listVms({ fresh: false }, caller);
    const vm = vmOfHop(ref, fleet);
    if (!vm) return endpointOfHop(hop, own);
    const endpoint = endpointOf(vm, hop, own);
    // Before a key is pinned on first sight, look the address up again: another VM may have the old one by now.
    if (!fleet.isKept || (await isKnownHost(endpoint))) return endpoint;
    const latest = vmOfHop(ref, await inventory.listVms({ fresh: true }, caller));
    return latest ? endpointOf(latest, hop, own) : endpoint;
  };
}

function vmRefOfHop({ host }: Hop): VmRef | undefined {
  if (isIP(host)) return undefined;
  const [first = '', second] = host.split('/');
  return {
    kind: 'vm',
    user: undefined,
    name: second ?? first,
    resourceGroup: second === undefined ? undefined : first,
  };
}

/** Undefined for a name that no VM has. Throws an AppError instead if the name has a resource group, since it must be a VM then. */
function vmOfHop(ref: VmRef, fleet: Fleet): Vm | undefined {
  if (ref.resourceGroup === undefined && matchVms(fleet.vms, ref).length === 0) return undefined;
  const vm = findVm(ref, fleet);
  if (vm instanceof AppError) throw vm;
  return vm;
}

function endpointOf(vm: Vm, { user, port }: Hop, choice: LoginChoice): Endpoint {
  if (mayAnswer(vm)) return endpointOfVm(vm, { ...choice, flagUser: user, flagPort: port });
  throw new AppError('vm-not-running', `the VM is ${vm.powerState.toLowerCase()}`, {
    hint: `azlin start ${shellWord(vm.name)} starts the jump host`,
  });
}
