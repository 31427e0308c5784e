import { ComputeManagementClient } from '@azure/arm-compute';
import { pause } from '../../domain/clock.ts';
import { withDeadline } from '../../domain/deadline.ts';
import { formatDuration } from '../../domain/duration.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import { printable, shellWord, shorten } from '../../domain/text.ts';
import type { Vm } from '../../domain/vm.ts';
import type { NamedVm, VmPower } from '../vm-power.ts';
import { segmentAfter } from './addresses.ts';
import { type AzureSettings, askAzure, credentialsOf } from './asking.ts';
import { azureClientOptions } from './azure-client.ts';
import { azureError } from './azure-errors.ts';
import { subscriptionVms } from './subscription-vms.ts';

/** Milliseconds between two questions whether Azure is done, where it does not ask for others. */
const POLL_INTERVAL = 1_000;

type Verb = 'start' | 'stop';

/** Long-running operations of Resource Manager. `powerDeadline`: milliseconds for each of them. */
export function azurePower(settings: AzureSettings, powerDeadline: number): VmPower {
  const credentials = credentialsOf(settings);
  const tenantOf = ({ subscriptionId }: Vm) =>
    settings.subscriptions === 'all'
      ? undefined
      : settings.subscriptions.find(({ id }) => id.toLowerCase() === subscriptionId.toLowerCase())?.tenant;
  const ask = ({ vm, hostname }: NamedVm, signal: AbortSignal, deadline: number) => {
    const asking = askAzure({ ...settings, deadline }, signal, credentials).in(tenantOf(vm));
    asking.names.set(vm.id.toLowerCase(), hostname);
    return asking;
  };

  const look = async (named: NamedVm, signal: AbortSignal): Promise<Vm> => {
    const { vm, hostname } = named;
    const asking = ask(named, signal, settings.deadline);
    // What the id says: the VM's own field may be the spelling of Network.
    const resourceGroup = segmentAfter(vm.id, 'resourceGroups');
    const { vms, failure } = await subscriptionVms({
      asking,
      subscription: vm.subscriptionId,
      resourceGroup,
      found: () => {},
    });
    if (failure) throw failure;
    const now = vms.find(({ id }) => id.toLowerCase() === vm.id.toLowerCase());
    if (now) return now;
    throw new AppError('vm-not-found', `The VM "${hostname}" does not exist any more`, { hint: 'azlin list --all' });
  };

  const change = async (verb: Verb, named: NamedVm, signal: AbortSignal): Promise<void> => {
    const { clock, endpoint } = settings;
    const { vm, hostname } = named;
    const { access } = ask(named, signal, powerDeadline);
    const options = { ...azureClientOptions(access), endpoint };
    const client = new ComputeManagementClient(access.credential, vm.subscriptionId, options);
    const group = segmentAfter(vm.id, 'resourceGroups');
    const order = { verb, hostname, endpoint, isTaken: false };
    const expired = () => tooLate(order, powerDeadline);
    try {
      await withDeadline({ clock, ms: powerDeadline, signal, expired }, async (limited) => {
        const polling = { abortSignal: limited, updateIntervalInMs: POLL_INTERVAL };
        const operations = client.virtualMachines;
        const poller =
          verb === 'start' ? operations.start(group, vm.name, polling) : operations.deallocate(group, vm.name, polling);
        await poller.submitted();
        order.isTaken = true;
        try {
          await poller;
        } catch (error) {
          // Who may start VMs but not follow operations can still look at the VM.
          if (!(error instanceof AppError) || error.code !== 'azure-denied') throw error;
          const wanted = verb === 'start' ? 'Running' : 'Deallocated';
          while ((await look(named, limited)).powerState !== wanted) await pause(clock, POLL_INTERVAL, limited);
        }
      });
    } catch (error) {
      if (signal.aborted) throw interrupted(order, signal.reason);
      throw operationError(error, order);
    }
  };
  return {
    look,
    start: (named, signal) => change('start', named, signal),
    stop: (named, signal) => change('stop', named, signal),
  };
}

interface Order {
  readonly verb: Verb;
  readonly hostname: string;
  readonly endpoint: string;
  /** Whether Azure has taken it: then it goes on, whatever becomes of azlin. */
  readonly isTaken: boolean;
}

const goesOn = ({ verb, hostname }: Order) =>
  `Azure may still ${verb} it: azlin status ${shellWord(hostname)} --refresh   tells`;

function tooLate(order: Order, ms: number): AppError {
  const { verb, hostname, isTaken } = order;
  const message = isTaken
    ? `Azure did not ${verb} the VM "${hostname}" within ${formatDuration(ms)}`
    : `Cannot ${verb} the VM "${hostname}": no answer within ${formatDuration(ms)}`;
  const hint = isTaken ? goesOn(order) : 'check the network and the proxy, or try again';
  return new AppError('timed-out', message, { hint: `${hint}; azure.power_deadline allows more time` });
}

function interrupted(order: Order, reason: unknown): unknown {
  if (!order.isTaken) return reason;
  return new AppError('interrupted', `Interrupted while the VM "${order.hostname}" was changing`, {
    hint: goesOn(order),
  });
}

/** Azure takes an operation and says later that it failed: no capacity, no quota. */
function operationError(thrown: unknown, order: Order): AppError {
  const { verb, hostname, endpoint, isTaken } = order;
  const [ended, reason] =
    /^(?:The long-running operation has failed\.?|Operation was canceled)\s*(.*)/is.exec(messageOf(thrown)) ?? [];
  if (ended !== undefined) {
    const why = reason || (/canceled/i.test(ended) ? 'the operation was canceled' : 'it does not say why');
    return new AppError(
      'azure-failed',
      `Azure could not ${verb} the VM "${hostname}": ${shorten(printable(why), 600)}`,
      {
        cause: thrown,
        hint: 'try again later; the activity log in the portal tells more',
      },
    );
  }
  const error = azureError(thrown, `${verb} the VM "${hostname}"`, endpoint);
  if (!isTaken || error.code === 'timed-out') return error;
  return new AppError(error.code, `Azure took the order to ${verb} the VM "${hostname}", but: ${error.message}`, {
    cause: error,
    hint: goesOn(order),
  });
}
