import { ComputeManagementClient } from '@azure/arm-compute';
import { type Caller, withSignal } from '../../domain/caller.ts';
import { pause } from '../../domain/clock.ts';
import { withDeadline } from '../../domain/deadline.ts';
import { formatDuration } from '../../domain/duration.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import { printable, shellWord, shorten } from '../../domain/text.ts';
import type { PowerState, Vm } from '../../domain/vm.ts';
import { type NamedVm, type PowerVerb, stateAfter, type VmPower } from '../vm-power.ts';
import { segmentAfter } from './addresses.ts';
import { type AzureSettings, type AzureWork, askAzure, type Credentials, credentialsOf } from './ask-azure.ts';
import { azureError } from './azure-errors.ts';
import { lookAtState, lookAtVm } from './vm-look.ts';
import { azureClientOptions } from './web/azure-client.ts';

/** Milliseconds between two checks whether Azure is done, unless Azure asks for another interval. */
const POLL_INTERVAL = 1_000;
const LOOK_INTERVAL = 2_000;

/** Starts, stops and restarts VMs by long-running operations of Resource Manager. `powerDeadline`: milliseconds for each of them. */
export function azurePower(settings: AzureSettings, powerDeadline: number): VmPower {
  const { clock, endpoint } = settings;
  let credentials: Credentials | undefined;
  const tenantOf = ({ subscriptionId }: Vm) =>
    settings.subscriptions === 'all'
      ? undefined
      : settings.subscriptions.find(({ id }) => id.toLowerCase() === subscriptionId.toLowerCase())?.tenant;
  const ask = ({ vm, hostname }: NamedVm, caller: Caller, deadline: number): AzureWork => {
    credentials ??= credentialsOf(settings, caller.trace);
    const asking = askAzure({ ...settings, deadline }, caller, credentials).in(tenantOf(vm));
    asking.names.set(vm.id.toLowerCase(), hostname);
    return asking;
  };

  /** Checks the state of the VM until it is the wanted one. Throws if the VM goes back to another state. */
  const watch = async (order: Order, named: NamedVm, caller: Caller): Promise<void> => {
    let isChanging = false;
    for (;;) {
      const state = await stateOrUnknown(ask(named, caller, settings.deadline), named);
      if (state === stateAfter(order.verb)) return;
      if (state === 'Starting' || state === 'Stopping') isChanging = true;
      else if (isChanging && state !== 'Unknown') throw failed(order, `it is ${state.toLowerCase()} again`);
      await pause(clock, LOOK_INTERVAL, caller.signal);
    }
  };

  const change = async (verb: PowerVerb, named: NamedVm, caller: Caller): Promise<void> => {
    const { vm, hostname } = named;
    const { signal } = caller;
    const { access } = ask(named, caller, powerDeadline);
    const client = new ComputeManagementClient(access.credential, vm.subscriptionId, {
      ...azureClientOptions(access),
      endpoint,
    });
    // Taken from the id: the `resourceGroup` of the VM may have the spelling that Network uses.
    const group = segmentAfter(vm.id, 'resourceGroups');
    const order = { verb, hostname, endpoint, isTaken: false };
    const limit = (ms: number, within: AbortSignal) => ({
      clock,
      ms,
      signal: within,
      expired: () => tooLate(order, ms),
    });
    try {
      await withDeadline(limit(powerDeadline, signal), async (limited) => {
        const polling = { abortSignal: limited, updateIntervalInMs: POLL_INTERVAL };
        const operations = client.virtualMachines;
        const name = ({ start: 'start', stop: 'deallocate', restart: 'restart' } as const)[verb];
        const poller = operations[name](group, vm.name, polling);
        await withDeadline(limit(settings.deadline, limited), () => poller.submitted());
        order.isTaken = true;
        try {
          await poller;
        } catch (error) {
          // A user who may start VMs but not follow operations may still be allowed to look at the VM.
          if (!(error instanceof AppError) || error.code !== 'azure-denied') throw error;
          await watch(order, named, withSignal(caller, limited));
        }
      });
    } catch (error) {
      signal.throwIfAborted();
      throw operationError(error, order);
    }
  };
  return {
    look: (named, caller) => lookAtVm(ask(named, caller, settings.deadline), named),
    start: (named, caller) => change('start', named, caller),
    stop: (named, caller) => change('stop', named, caller),
    restart: (named, caller) => change('restart', named, caller),
  };
}

/** The power state, or `Unknown` if Azure does not answer: it may answer the next time. */
async function stateOrUnknown(asking: AzureWork, named: NamedVm): Promise<PowerState> {
  try {
    return await lookAtState(asking, named);
  } catch (error) {
    if (error instanceof AppError && (error.code === 'azure-failed' || error.code === 'timed-out')) return 'Unknown';
    throw error;
  }
}

interface Order {
  readonly verb: PowerVerb;
  readonly hostname: string;
  readonly endpoint: string;
  /** Whether Azure has accepted the order. Then it goes on, whatever happens to azlin. */
  readonly isTaken: boolean;
}

const goesOn = ({ verb, hostname }: Order) =>
  `Azure may still ${verb} it; azlin status ${shellWord(hostname)} --refresh shows its state`;

function tooLate(order: Order, ms: number): AppError {
  const { verb, hostname, isTaken } = order;
  if (isTaken)
    return new AppError('timed-out', `Azure did not ${verb} the VM "${hostname}" within ${formatDuration(ms)}`, {
      hint: `${goesOn(order)}; raise azure.power_deadline for more time`,
    });
  return new AppError('timed-out', `Cannot ${verb} the VM "${hostname}": no answer within ${formatDuration(ms)}`, {
    hint: `check the network and the proxy; ${goesOn(order)}; raise azure.deadline for more time`,
  });
}

/** The error for an operation that Azure accepted and later reported as failed: no capacity, no quota. */
function failed({ verb, hostname }: Order, why: string, cause?: unknown): AppError {
  return new AppError('azure-failed', `Azure could not ${verb} the VM "${hostname}": ${shorten(printable(why), 600)}`, {
    cause,
    hint: 'try again later; the activity log in the portal says more',
  });
}

function operationError(thrown: unknown, order: Order): AppError {
  const { verb, hostname, endpoint, isTaken } = order;
  const [ended, reason] =
    /^(?:The long-running operation has failed\.?|Operation was canceled)\s*(.*)/is.exec(messageOf(thrown)) ?? [];
  if (ended !== undefined) {
    const why = reason || (/canceled/i.test(ended) ? 'the operation was canceled' : 'it gave no reason');
    return failed(order, why, thrown);
  }
  const error = azureError(thrown, `${verb} the VM "${hostname}"`, endpoint);
  if (!isTaken || error.code === 'timed-out' || error.message.startsWith('Azure could not')) return error;
  return new AppError(error.code, `Azure accepted the request to ${verb} the VM "${hostname}", but: ${error.message}`, {
    cause: error,
    hint: goesOn(order),
  });
}
