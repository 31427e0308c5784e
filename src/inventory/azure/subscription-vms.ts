import { atMost } from '../../domain/concurrency.ts';
import { count } from '../../domain/text.ts';
import type { PowerState } from '../../domain/vm.ts';
import {
  joinAddresses,
  type NetworkInterface,
  type PublicIpAddress,
  readInterface,
  readPublicIp,
} from './addresses.ts';
import type { AzureWork } from './ask-azure.ts';
import { bodyAt, collect, type Listed, listPages } from './lists.ts';
import { type FleetPart, type Gap, gapOf } from './merge-parts.ts';
import { type ComputeVm, joinVm, readInstanceView, readState, readVm, type VmState } from './vm-from-azure.ts';

export const API_VERSIONS = { 'Microsoft.Compute': '2024-07-01', 'Microsoft.Network': '2024-05-01' } as const;
/** The most VMs whose power states are read one by one. Azure lists states only for a whole subscription, not for a resource group. */
const ONE_BY_ONE = 32;
const CONCURRENCY = 8;

export interface SubscriptionQuestion {
  readonly asking: AzureWork;
  /** Its id. */
  readonly subscription: string;
  readonly resourceGroup: string | undefined;
  /** Called for each VM that is found. */
  readonly found: () => void;
}

/** The VMs of one subscription, or of one resource group in it: four lists at once, joined by id. */
export async function subscriptionVms(question: SubscriptionQuestion): Promise<FleetPart> {
  const { asking, resourceGroup, found } = question;
  const whole = `/subscriptions/${encodeURIComponent(question.subscription)}`;
  const scope = resourceGroup === undefined ? whole : `${whole}/resourceGroups/${encodeURIComponent(resourceGroup)}`;
  const readAndTell = (raw: unknown) => {
    const reading = readVm(raw);
    if (reading.found) found();
    return reading;
  };
  const [vms, listedStates, interfaces, publicIps] = await Promise.all([
    listPages(asking, pathOf(scope, VM_TYPE), readAndTell),
    scope === whole ? listStates(asking, whole) : undefined,
    listPages(asking, pathOf(scope, INTERFACE_TYPE), readInterface),
    listPages(asking, pathOf(scope, PUBLIC_IP_TYPE), readPublicIp),
  ]);
  if (vms.failure && vms.items.length === 0) return { vms: [], problems: vms.problems, failure: vms.failure, gaps: [] };
  const [states, network] = await Promise.all([
    listedStates ?? statesOf(asking, vms.items, whole),
    scope === whole ? { interfaces, publicIps } : elsewhere({ asking, whole, vms: vms.items, interfaces, publicIps }),
  ]);
  const stateOf = new Map(states.items);
  const addresses = joinAddresses(network.interfaces.items, network.publicIps.items);
  return {
    vms: vms.items.map((vm) => joinVm(vm, stateOf.get(vm.key) ?? 'Unknown', addresses)),
    problems: [vms, states, network.interfaces, network.publicIps]
      .flatMap(({ problems }) => problems)
      .concat(silentStates(vms.items, stateOf, states), hiddenInterfaces(vms.items, network.interfaces)),
    failure: undefined,
    gaps: [
      ...gapOf(vms, `only ${count(vms.items.length, 'VM')} of a list could be read`),
      ...stateGap(vms.items, stateOf, states),
      ...gapOf(network.interfaces, 'private addresses are unknown'),
      ...gapOf(network.publicIps, 'public addresses are unknown'),
    ],
  };
}

const VM_TYPE = 'Microsoft.Compute/virtualMachines';
const INTERFACE_TYPE = 'Microsoft.Network/networkInterfaces';
const PUBLIC_IP_TYPE = 'Microsoft.Network/publicIPAddresses';

export function pathOf(scope: string, type: `${keyof typeof API_VERSIONS}/${string}`): string {
  const provider = type.split('/')[0] as keyof typeof API_VERSIONS;
  return `${scope}/providers/${type}?api-version=${API_VERSIONS[provider]}`;
}

function listStates(asking: AzureWork, subscription: string): Promise<Listed<VmState>> {
  return listPages(asking, `${pathOf(subscription, VM_TYPE)}&statusOnly=true`, readState);
}

async function statesOf(asking: AzureWork, vms: readonly ComputeVm[], subscription: string): Promise<Listed<VmState>> {
  if (vms.length > ONE_BY_ONE) return listStates(asking, subscription);
  const listed = await atMost(CONCURRENCY, vms, ({ key, vm: { id } }) =>
    collect({
      asking,
      first: `${id}/instanceView?api-version=${API_VERSIONS['Microsoft.Compute']}`,
      pageOf: async (at, signal) => ({ raw: [await bodyAt(asking.client, at, signal)], next: undefined }),
      read: (raw) => ({ found: [key, readInstanceView(raw)] as const }),
    }),
  );
  // A VM that no longer exists must not affect the others.
  const failure = listed.find((one) => one.failure && one.failure.code !== 'vm-not-found')?.failure;
  return { items: listed.flatMap(({ items }) => items), problems: [], failure };
}

type States = ReadonlyMap<string, PowerState>;

const withoutState = (vms: readonly ComputeVm[], states: States) => vms.filter(({ key }) => !states.has(key)).length;

function stateGap(vms: readonly ComputeVm[], states: States, listed: Listed<VmState>): readonly Gap[] {
  const unknown = withoutState(vms, states);
  return unknown === 0 ? [] : gapOf(listed, `the power state of ${count(unknown, 'VM')} is unknown`);
}

function silentStates(vms: readonly ComputeVm[], states: States, { failure }: Listed<VmState>): readonly string[] {
  const unknown = withoutState(vms, states);
  return unknown === 0 || failure ? [] : [`Azure did not report the power state of ${count(unknown, 'VM')}`];
}

/** The warning about VMs without visible interfaces: these may be in a resource group that the sign-in cannot read. */
function hiddenInterfaces(vms: readonly ComputeVm[], { items, failure }: Listed<NetworkInterface>): readonly string[] {
  const known = new Set(items.map(({ key }) => key));
  const hidden = vms.filter(({ interfaces }) => interfaces.length > 0 && !interfaces.some(({ key }) => known.has(key)));
  return failure ? [] : hiddenText(hidden.length);
}

export function hiddenText(vms: number): readonly string[] {
  return vms === 0 ? [] : [`Azure shows no network interface for ${count(vms, 'VM')}; their addresses are unknown`];
}

interface Network {
  readonly interfaces: Listed<NetworkInterface>;
  readonly publicIps: Listed<PublicIpAddress>;
}

interface Elsewhere extends Network {
  readonly asking: AzureWork;
  /** The path of the subscription. */
  readonly whole: string;
  readonly vms: readonly ComputeVm[];
}

/** VMs of a resource group may have interfaces and public addresses in other groups. The whole subscription is listed then. */
async function elsewhere({ asking, whole, vms, interfaces, publicIps }: Elsewhere): Promise<Network> {
  const wanted = new Set(vms.flatMap((vm) => vm.interfaces.map(({ key }) => key)));
  const isMissing = (keys: Iterable<string>, known: readonly { readonly key: string }[]) => {
    const there = new Set(known.map(({ key }) => key));
    return [...keys].some((key) => !there.has(key));
  };
  const all = isMissing(wanted, interfaces.items)
    ? await listPages(asking, pathOf(whole, INTERFACE_TYPE), readInterface)
    : interfaces;
  const ips = all.items
    .filter(({ key }) => wanted.has(key))
    .flatMap(({ configurations }) => configurations.flatMap(({ publicIpKey }) => publicIpKey ?? []));
  if (!isMissing(ips, publicIps.items)) return { interfaces: all, publicIps };
  return { interfaces: all, publicIps: await listPages(asking, pathOf(whole, PUBLIC_IP_TYPE), readPublicIp) };
}
