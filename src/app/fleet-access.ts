import { hostname } from 'node:os';
import { join } from 'node:path';
import type { AccessRequest } from '../cli/app.ts';
import { AppError } from '../domain/errors.ts';
import { isAzureVm } from '../domain/vm.ts';
import { forgetInventories } from '../inventory/cached-inventory.ts';
import type { NamedVm, VmPower } from '../inventory/vm-power.ts';
import type { FleetAccess } from '../operations/access/fleet-access.ts';
import { makeAccess } from '../operations/access/make-access.ts';
import type { Transport } from '../transport/transport.ts';
import { azureSettingsOf, inventoryOf, type Place } from './inventory.ts';
import { localUser, type Questions, sshOf } from './ssh.ts';

/** What the way to the fleet needs of this machine. */
export interface World extends Place {
  readonly uid: number | undefined;
  /** Undefined where nobody can be asked. `before`: what clears the line for a question. */
  readonly questions: (before: () => void) => Questions | undefined;
}

export interface Access {
  readonly access: FleetAccess;
  readonly transport: Transport;
}

/** The way to the fleet that the settings describe. Nothing is connected to yet. */
export async function accessOf(request: AccessRequest, world: World): Promise<Access> {
  const { config, start, progress, warn, trace } = request;
  const { environment, clock, wallClock } = world;
  const inventory = inventoryOf(request, world);
  const questions = world.questions(() => progress(undefined));
  const { transport, hostKeys, choice } = await sshOf(request, { ...world, questions, inventory });
  const access = makeAccess({
    clock,
    now: wallClock.now,
    inventory,
    power: powerOf(request, world),
    transport,
    hostKeys,
    lags: config.inventory === 'resource-graph',
    choice,
    settings: config,
    label: config.label ?? defaultLabel(environment),
    ...{ start, progress, warn, trace },
  });
  return { access, transport };
}

/** Who somebody is for those with whom they share a VM. */
function defaultLabel(environment: NodeJS.ProcessEnv): string {
  return `${localUser(environment)}@${hostname()}`;
}

/** After a change nothing that was remembered holds. */
function powerOf(request: AccessRequest, world: World): VmPower {
  const { config } = request;
  let made: Promise<VmPower> | undefined;
  const power = async (verb: string, { vm }: NamedVm) => {
    if (!isAzureVm(vm))
      throw new AppError('usage', `"${vm.name}" comes from an inventory file; azlin can ${verb} VMs of Azure only`);
    made ??= azurePowerOf(request, world);
    return made;
  };
  const change = async (verb: 'start' | 'stop', named: NamedVm, signal: AbortSignal) => {
    const azure = await power(verb, named);
    try {
      await azure[verb](named, signal);
    } finally {
      await forgetInventories(join(config.home, 'cache'), world.wallClock);
    }
  };
  return {
    start: (named, signal) => change('start', named, signal),
    stop: (named, signal) => change('stop', named, signal),
    look: async (named, signal) => (await power('look at', named)).look(named, signal),
  };
}

async function azurePowerOf(request: AccessRequest, world: World): Promise<VmPower> {
  const { azurePower } = await import('../inventory/azure/azure-power.ts');
  // What is being waited for is said by whoever wants the VM.
  const settings = { ...(await azureSettingsOf(request, world)), progress: () => {} };
  return azurePower(settings, request.config.powerDeadline);
}
