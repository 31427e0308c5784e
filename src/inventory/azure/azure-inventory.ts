import { atMost } from '../../domain/at-most.ts';
import { AppError } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import type { PowerState } from '../../domain/vm.ts';
import type { Inventory } from '../inventory.ts';
import { joinAddresses, readInterface, readPublicIp } from './addresses.ts';
import { type Asking, type AzureSettings, askAzure } from './asking.ts';
import { bodyAt, collect, type Listed, listPages } from './lists.ts';
import { fleetOf, gapOf, type Part } from './parts.ts';
import type { Subscription } from './scope.ts';
import { type ComputeVm, joinVm, readInstanceView, readState, readVm } from './vm-from-azure.ts';

const API_VERSIONS = { 'Microsoft.Compute': '2024-07-01', 'Microsoft.Network': '2024-05-01' } as const;
const SUBSCRIPTIONS = '/subscriptions?api-version=2022-12-01';
/** Subscriptions that are listed at a time, with four lists each. */
const CONCURRENCY = 8;
/** Azure gives the states of a whole subscription as a list, those of a resource group only one by one: so many are worth it. */
const ONE_BY_ONE = 32;

/** VMs from Azure Resource Manager: compute and network lists of every subscription, joined by id. */
export function azureInventory(settings: AzureSettings): Inventory {
  return {
    async listVms(_query, signal) {
      const { asking, names } = askAzure(settings, signal);
      const subscriptions = settings.subscriptions === 'all' ? await allSubscriptions(asking) : settings.subscriptions;
      for (const { id, name } of subscriptions) if (name !== undefined) names.set(id.toLowerCase(), name);
      let vms = 0;
      let done = 0;
      const tell = (more: number) => {
        vms += more;
        const where = subscriptions.length === 1 ? '' : ` in ${done} of ${count(subscriptions.length, 'subscription')}`;
        settings.progress(`Listing VMs: ${vms}${where} so far`);
      };
      tell(0);
      const parts = await atMost(CONCURRENCY, subscriptions, async (subscription) => {
        const { resourceGroup } = settings;
        const part = await listSubscription({ asking, subscription, resourceGroup, found: () => tell(1) });
        done++;
        return part;
      });
      return fleetOf(parts, settings.clock.now());
    },
  };
}

/** Every subscription that the sign-in can see. */
async function allSubscriptions(asking: Asking): Promise<readonly Subscription[]> {
  const { items, failure } = await listPages(asking, SUBSCRIPTIONS, readSubscription);
  // A list that broke off would leave subscriptions out in silence.
  if (failure) throw failure;
  if (items.length > 0) return items;
  throw new AppError('azure-denied', 'This sign-in sees no Azure subscription', {
    hint: 'az account list --output table; az login --tenant … signs in to another tenant',
  });
}

function readSubscription(raw: unknown): Subscription | undefined {
  const { subscriptionId, displayName, state } = (raw ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof subscriptionId !== 'string' || state === 'Deleted') return undefined;
  return { id: subscriptionId, name: typeof displayName === 'string' ? displayName : undefined };
}

interface SubscriptionList {
  readonly asking: Asking;
  readonly subscription: Subscription;
  readonly resourceGroup: string | undefined;
  /** Called for each VM. */
  readonly found: () => void;
}

async function listSubscription({ asking, subscription, resourceGroup, found }: SubscriptionList): Promise<Part> {
  const whole = `/subscriptions/${encodeURIComponent(subscription.id)}`;
  const scope = resourceGroup === undefined ? whole : `${whole}/resourceGroups/${encodeURIComponent(resourceGroup)}`;
  const warnings: string[] = [];
  const readAndTell = (raw: unknown) => {
    const { found: vm, problem } = readVm(raw);
    if (problem !== undefined) warnings.push(problem);
    if (vm) found();
    return vm;
  };
  const [vms, listedStates, interfaces, publicIps] = await Promise.all([
    listPages(asking, pathOf(scope, 'Microsoft.Compute/virtualMachines'), readAndTell),
    resourceGroup === undefined ? listStates(asking, whole) : undefined,
    listPages(asking, pathOf(scope, 'Microsoft.Network/networkInterfaces'), readInterface),
    listPages(asking, pathOf(scope, 'Microsoft.Network/publicIPAddresses'), readPublicIp),
  ]);
  if (vms.failure && vms.items.length === 0) return { vms: [], warnings, failure: vms.failure, gaps: [] };
  const isFew = vms.items.length <= ONE_BY_ONE;
  const states = listedStates ?? (await (isFew ? statesOneByOne(asking, vms.items) : listStates(asking, whole)));
  const stateOf = new Map(states.items);
  const addresses = joinAddresses(interfaces.items, publicIps.items);
  return {
    vms: vms.items.map((vm) => joinVm(vm, stateOf.get(vm.key) ?? 'Unknown', addresses)),
    warnings,
    failure: undefined,
    gaps: [
      ...gapOf(vms, `only ${count(vms.items.length, 'VM')} of a list are known`),
      ...gapOf(states, 'power states are unknown'),
      ...gapOf(interfaces, 'private addresses are unknown'),
      ...gapOf(publicIps, 'public addresses are unknown'),
    ],
  };
}

function pathOf(scope: string, type: `${keyof typeof API_VERSIONS}/${string}`): string {
  const provider = type.split('/')[0] as keyof typeof API_VERSIONS;
  return `${scope}/providers/${type}?api-version=${API_VERSIONS[provider]}`;
}

type State = readonly [key: string, state: PowerState];

function listStates(asking: Asking, subscription: string): Promise<Listed<State>> {
  return listPages(asking, `${pathOf(subscription, 'Microsoft.Compute/virtualMachines')}&statusOnly=true`, readState);
}

async function statesOneByOne(asking: Asking, vms: readonly ComputeVm[]): Promise<Listed<State>> {
  const listed = await atMost(CONCURRENCY, vms, ({ key, vm: { id } }) =>
    collect({
      asking,
      first: `${id}/instanceView?api-version=${API_VERSIONS['Microsoft.Compute']}`,
      pageOf: async (at, signal) => ({ raw: [await bodyAt(asking.client, at, signal)], next: undefined }),
      read: (raw): State => [key, readInstanceView(raw)],
    }),
  );
  return { items: listed.flatMap(({ items }) => items), failure: listed.find(({ failure }) => failure)?.failure };
}
