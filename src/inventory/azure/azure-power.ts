import { ComputeManagementClient } from '@azure/arm-compute';
import { withDeadline } from '../../domain/deadline.ts';
import { formatDuration } from '../../domain/duration.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import { printable, shellWord, shorten } from '../../domain/text.ts';
import type { Vm } from '../../domain/vm.ts';
import type { VmPower } from '../vm-power.ts';
import { segmentAfter } from './addresses.ts';
import { type AzureSettings, askAzure } from './asking.ts';
import { azureClientOptions } from './azure-client.ts';
import { azureError } from './azure-errors.ts';

/** Milliseconds between two questions whether Azure is done, where it does not ask for others. */
const POLL_INTERVAL = 1_000;

/** Long-running operations of Resource Manager. `settings.deadline` is for each of them. */
export function azurePower(settings: AzureSettings): VmPower {
  const change = async (verb: 'start' | 'stop', vm: Vm, signal: AbortSignal) => {
    const { clock, endpoint, deadline: ms } = settings;
    const {
      asking: { access },
    } = askAzure(settings, signal);
    const expired = () =>
      new AppError(
        'timed-out',
        `Azure did not ${verb} the VM "${vm.name}" within ${formatDuration(ms)}; it may still do so`,
        {
          hint: `azlin status ${shellWord(vm.name)} --refresh   tells; azure.power_deadline allows more time`,
        },
      );
    // Not the display name of the group, which is Network's spelling: what the id says.
    const group = segmentAfter(vm.id, 'resourceGroups');
    try {
      await withDeadline({ clock, ms, signal, expired }, async (abortSignal) => {
        const client = new ComputeManagementClient(access.credential, vm.subscriptionId, {
          ...azureClientOptions(access),
          endpoint,
        });
        const options = { abortSignal, updateIntervalInMs: POLL_INTERVAL };
        if (verb === 'start') await client.virtualMachines.start(group, vm.name, options);
        else await client.virtualMachines.deallocate(group, vm.name, options);
      });
    } catch (error) {
      signal.throwIfAborted();
      throw operationError(error, { verb, vm, endpoint });
    }
  };
  return {
    start: (vm, signal) => change('start', vm, signal),
    stop: (vm, signal) => change('stop', vm, signal),
  };
}

interface Operation {
  readonly verb: 'start' | 'stop';
  readonly vm: Vm;
  readonly endpoint: string;
}

/** Azure takes an operation and says later that it failed: no capacity, no quota. */
function operationError(thrown: unknown, { verb, vm, endpoint }: Operation): AppError {
  const reason = /long-running operation has failed\. ?(.*)/is.exec(messageOf(thrown))?.[1];
  if (reason === undefined) return azureError(thrown, endpoint);
  return new AppError(
    'azure-failed',
    `Azure could not ${verb} the VM "${vm.name}": ${shorten(printable(reason), 600)}`,
    {
      cause: thrown,
      hint: 'try again later; the portal shows what Azure lacks',
    },
  );
}
