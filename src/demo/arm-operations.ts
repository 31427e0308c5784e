import { randomUUID } from 'node:crypto';
import type { Clock } from '../domain/clock.ts';
import { messageOf } from '../domain/errors.ts';
import type { Reply } from './arm-faults.ts';
import type { DemoSubscription, DemoVm } from './arm-resources.ts';

export type OrderVerb = 'start' | 'deallocate' | 'restart';

/** What starting, deallocating and restarting a VM does; gives the VM as it is afterwards. */
export type ChangePower = (verb: OrderVerb, vm: DemoVm) => Promise<DemoVm>;

interface Operation {
  readonly startedAt: number;
  /** What it makes, for those that make something. */
  output?: object;
  outcome: { readonly status: 'InProgress' | 'Succeeded' } | { readonly status: 'Failed'; readonly error: object };
}

export interface Operations {
  /** Starts an operation. The reply says where to ask for its progress. */
  begin(verb: OrderVerb, subscription: DemoSubscription, vm: DemoVm): Reply;
  /** The same for Run Command, which makes a text. */
  run(subscription: DemoSubscription, work: () => Promise<string>): Reply;
  /** The progress of the operation with that id, or what it has made; undefined if there is none. */
  progress(id: string): Reply | undefined;
  output(id: string): object | undefined;
}

/** Long-running operations: the reply is a 202 with a URL to ask until it says Succeeded or Failed. */
export function longRunningOperations(clock: Clock, changePower: ChangePower, base: () => string): Operations {
  const operations = new Map<string, Operation>();
  const replace = (subscription: DemoSubscription, vm: DemoVm) => {
    const at = subscription.vms.findIndex(({ vmId }) => vmId === vm.vmId);
    if (at >= 0) subscription.vms[at] = vm;
  };
  const start = (subscription: DemoSubscription) => {
    const id = randomUUID();
    const operation: Operation = { startedAt: clock.now(), outcome: { status: 'InProgress' } };
    operations.set(id, operation);
    return { operation, reply: accepted(`${base()}/subscriptions/${subscription.id}`, id) };
  };
  return {
    run(subscription, work) {
      const { operation, reply } = start(subscription);
      void work().then(
        (message) => {
          const status = {
            code: 'ProvisioningState/succeeded',
            level: 'Info',
            displayStatus: 'Provisioning succeeded',
            message,
          };
          operation.output = { value: [status] };
          operation.outcome = { status: 'Succeeded' };
        },
        (error: unknown) => {
          operation.outcome = {
            status: 'Failed',
            error: { code: 'VMExtensionProvisioningError', message: messageOf(error) },
          };
        },
      );
      return reply;
    },
    begin(verb, subscription, vm) {
      const { operation, reply } = start(subscription);
      const during = { start: 'starting', deallocate: 'deallocating', restart: 'running' } as const;
      replace(subscription, { ...vm, powerState: during[verb] });
      void changePower(verb, vm).then(
        (changed) => {
          replace(subscription, changed);
          operation.outcome = { status: 'Succeeded' };
        },
        (error: unknown) => {
          replace(subscription, vm);
          operation.outcome = { status: 'Failed', error: { code: 'AllocationFailed', message: messageOf(error) } };
        },
      );
      return reply;
    },
    output: (id) => operations.get(id)?.output,
    progress(id) {
      const operation = operations.get(id);
      if (!operation) return undefined;
      const startTime = new Date(operation.startedAt).toISOString();
      const headers = operation.outcome.status === 'InProgress' ? { headers: { 'retry-after': '1' } } : {};
      return { status: 200, body: { name: id, startTime, ...operation.outcome }, ...headers };
    },
  };
}

/** The answer to an order that takes a while. */
function accepted(subscription: string, id: string): Reply {
  const place = `${subscription}/providers/Microsoft.Compute/locations/westeurope/operations/${id}`;
  const query = 'api-version=2024-07-01';
  return {
    status: 202,
    headers: {
      'azure-asyncoperation': `${place}?${query}`,
      location: `${place}?${query}&monitor=true`,
      'retry-after': '1',
    },
  };
}
