import type { VirtualMachine } from '@azure/arm-compute';
import type { Clock } from '../../domain/clock.ts';
import { withDeadline } from '../../domain/deadline.ts';
import { formatDuration } from '../../domain/duration.ts';
import { AppError } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import type { PowerState, Vm } from '../../domain/vm.ts';
import type { Fleet, Inventory } from '../inventory.ts';
import { type Addresses, joinAddresses } from './addresses.ts';
import { type ResourceManager, resourceManager } from './arm-lists.ts';
import { azureError } from './azure-errors.ts';
import { azureCredential, type CredentialKind } from './credential.ts';
import { powerStateOf, vmFromAzure } from './vm-from-azure.ts';

export interface AzureSettings {
  readonly clock: Clock;
  readonly subscriptions: readonly string[];
  readonly resourceGroup: string | undefined;
  /** The URL of Resource Manager. */
  readonly endpoint: string;
  readonly credential: CredentialKind | undefined;
  /** Milliseconds for everything Azure is asked. */
  readonly deadline: number;
}

/** VMs from Azure Resource Manager: compute and network lists of every subscription, joined by id. */
export function azureInventory(settings: AzureSettings): Inventory {
  const { clock, endpoint, deadline, subscriptions, resourceGroup } = settings;
  const credential = azureCredential(settings.credential);
  const expired = () =>
    new AppError('timed-out', `Azure Resource Manager at ${endpoint} did not answer in ${formatDuration(deadline)}`, {
      hint: 'check the network and the proxy, or try again',
    });
  return {
    listVms: (_query, signal) =>
      withDeadline({ clock, ms: deadline, signal, expired }, async (limited) => {
        try {
          const parts = await Promise.all(
            subscriptions.map((subscription) =>
              listSubscription(
                resourceManager({ credential, endpoint, subscription, resourceGroup }),
                resourceGroup,
                limited,
              ),
            ),
          );
          return {
            vms: parts.flatMap((part) => part.vms),
            warnings: parts.flatMap((part) => part.warnings),
            fetchedAt: clock.now(),
          };
        } catch (error) {
          throw azureError(error, endpoint);
        }
      }),
  };
}

async function listSubscription(
  azure: ResourceManager,
  resourceGroup: string | undefined,
  signal: AbortSignal,
): Promise<Pick<Fleet, 'vms' | 'warnings'>> {
  const warnings: string[] = [];
  const [vms, states, addresses] = await Promise.all([
    azure.virtualMachines(signal),
    resourceGroup ? undefined : statesOf(azure, warnings, signal),
    addressesOf(azure, warnings, signal),
  ]);
  const powerStates = states ?? (await statesOneByOne(azure, vms, signal));
  const unknown = resourceGroup ? vms.filter((vm) => !powerStates.has(keyOf(vm))).length : 0;
  if (unknown > 0) warnings.push(`the power state of ${count(unknown, 'VM')} is unknown`);
  return { vms: vms.map((vm): Vm => vmFromAzure(vm, powerStates.get(keyOf(vm)) ?? 'Unknown', addresses)), warnings };
}

type PowerStates = ReadonlyMap<string, PowerState>;

const keyOf = (vm: VirtualMachine) => vm.id?.toLowerCase() ?? '';

async function statesOf(azure: ResourceManager, warnings: string[], signal: AbortSignal): Promise<PowerStates> {
  const states = await optional(azure.virtualMachineStates(signal), 'power states are unknown', warnings);
  return new Map((states ?? []).map((vm) => [keyOf(vm), powerStateOf(vm.instanceView?.statuses)]));
}

/** Azure gives the states of a whole subscription at once, those of a resource group only one by one. */
async function statesOneByOne(
  azure: ResourceManager,
  vms: readonly VirtualMachine[],
  signal: AbortSignal,
): Promise<PowerStates> {
  const states = new Map<string, PowerState>();
  const queue = [...vms];
  const worker = async () => {
    for (let vm = queue.shift(); vm; vm = queue.shift()) {
      try {
        states.set(keyOf(vm), powerStateOf((await azure.instanceView(vm.name ?? '', signal))?.statuses));
      } catch (error) {
        if (signal.aborted) throw error;
        // It is Unknown then, and counted.
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return states;
}

async function addressesOf(azure: ResourceManager, warnings: string[], signal: AbortSignal): Promise<Addresses> {
  const [interfaces, publicIps] = await Promise.all([
    optional(azure.networkInterfaces(signal), 'private addresses are unknown', warnings),
    optional(azure.publicIpAddresses(signal), 'public addresses are unknown', warnings),
  ]);
  return joinAddresses(interfaces ?? [], publicIps ?? []);
}

/** A list that is refused costs its part of the answer, with a warning; an unreachable Azure or a bad sign-in costs all of it. */
async function optional<T>(list: Promise<T>, consequence: string, warnings: string[]): Promise<T | undefined> {
  try {
    return await list;
  } catch (error) {
    if (!(error instanceof AppError) || error.code === 'not-signed-in') throw error;
    warnings.push(`${consequence}: ${error.message}`);
    return undefined;
  }
}
