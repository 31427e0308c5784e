import { cloudAt } from '../../../domain/cloud.ts';
import { type Bastion, isDeveloper, type NearBastions } from '../../../domain/route.ts';
import type { Vm } from '../../../domain/vm.ts';
import { networkKeyOf, segmentAfter } from '../addresses.ts';
import { jsonReader, type Reading } from '../json.ts';
import type { Subscription } from '../scope.ts';

/** A Bastion and where it is. */
export interface FoundBastion {
  readonly bastion: Bastion;
  /** The id of its virtual network, in lower case. */
  readonly network: string;
}

export interface FoundNetwork {
  /** In lower case, as all ids here. */
  readonly key: string;
  readonly peers: readonly string[];
}

/** Where Bastions and networks are looked up. Both resolve to what can be read: nobody needs a Bastion that they may not see. */
export interface NetworkSource {
  bastions(subscriptions: readonly Subscription[]): Promise<readonly FoundBastion[]>;
  networks(subscriptions: readonly Subscription[]): Promise<readonly FoundNetwork[]>;
}

/** Where Azure's own Bastions are. Nobody else can have a host there, and a token is going to be sent to it. */
const AZURES = /\.bastion(?:global)?\.(?:azure\.(?:com|us|cn)|usgovcloudapi\.net|chinacloudapi\.cn)$/i;
const HOST = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?$/i;

/** Who says it: the tenant of its subscription, undefined for the active one, and the URL of Resource Manager. */
export interface BastionSource {
  readonly tenant: string | undefined;
  readonly endpoint: string;
}

/** A Bastion as Resource Manager sends it. */
export function readBastion(raw: unknown, { tenant, endpoint }: BastionSource): Reading<FoundBastion> {
  const reader = jsonReader();
  const { id: rawId, name: rawName, sku, properties: rawProperties } = reader.record(raw, 'Bastion');
  const id = reader.text(rawId, 'id');
  if (id === undefined) return { found: undefined };
  const properties = reader.record(rawProperties, 'properties');
  const subnets = reader
    .list(properties['ipConfigurations'], 'ipConfigurations')
    .map((one) => reader.record(reader.record(reader.record(one, '')['properties'], '')['subnet'], '')['id']);
  const inSubnet = networkKeyOf(reader.text(subnets[0], 'subnet'));
  // The Developer SKU is in no subnet.
  const attached = reader.text(reader.record(properties['virtualNetwork'], 'virtualNetwork')['id'], 'virtualNetwork');
  const network = inSubnet ?? attached?.toLowerCase();
  const dnsName = reader.text(properties['dnsName'], 'dnsName') ?? '';
  if (network === undefined) return { found: undefined };
  const bastion: Bastion = {
    ...{ id, tenant: tenant ?? null },
    name: reader.text(rawName, 'name') ?? segmentAfter(id, 'bastionHosts'),
    sku: reader.text(reader.record(sku, 'sku')['name'], 'sku') ?? 'Basic',
    // A private or local cloud has hosts of its own.
    dnsName: (cloudAt(endpoint) === undefined ? HOST : AZURES).test(dnsName) && HOST.test(dnsName) ? dnsName : '',
    hasTunnels: properties['enableTunneling'] === true,
    hasIpConnect: properties['enableIpConnect'] === true,
  };
  return { found: { bastion, network } };
}

/** A virtual network as Resource Manager sends it. */
export function readNetwork(raw: unknown): Reading<FoundNetwork> {
  const reader = jsonReader();
  const { id: rawId, properties } = reader.record(raw, 'virtual network');
  const id = reader.text(rawId, 'id');
  if (id === undefined) return { found: undefined };
  const peerings = reader.list(reader.record(properties, 'properties')['virtualNetworkPeerings'], 'peerings');
  const peers = peerings.flatMap((one) => {
    const { peeringState, remoteVirtualNetwork } = reader.record(reader.record(one, '')['properties'], 'peerings');
    const remote = reader.text(reader.record(remoteVirtualNetwork, 'peerings')['id'], 'peerings');
    return peeringState === 'Connected' && remote !== undefined ? [remote.toLowerCase()] : [];
  });
  return { found: { key: id.toLowerCase(), peers } };
}

const subscriptionIn = (network: string) => segmentAfter(network, 'subscriptions').toLowerCase();

/** The VMs with the Bastions that they can be reached through. Nothing is looked up unless one of them has no public address. `scope`: their subscriptions. */
export async function withBastions(
  vms: readonly Vm[],
  scope: readonly Subscription[],
  source: NetworkSource,
): Promise<readonly Vm[]> {
  const isPrivate = ({ publicIp, os }: Vm) => publicIp === null && os !== 'windows';
  const wanted = new Set(vms.filter(isPrivate).flatMap(({ network }) => network ?? []));
  if (wanted.size === 0) return vms;
  const known = new Map(scope.map((one) => [one.id.toLowerCase(), one]));
  const own = [...new Set([...wanted].map(subscriptionIn))].flatMap((id) => known.get(id) ?? []);
  const [near, networks] = await Promise.all([source.bastions(own), source.networks(own)]);
  const peersOf = new Map(networks.map(({ key, peers }) => [key, peers]));
  // The hub of several networks is often in a subscription of its own, which is in the tenant of those that name it.
  const hubs = new Map<string, Subscription>();
  for (const network of wanted)
    for (const id of (peersOf.get(network) ?? []).map(subscriptionIn)) {
      const { tenant } = known.get(id) ?? known.get(subscriptionIn(network)) ?? {};
      if (!own.some((one) => one.id.toLowerCase() === id)) hubs.set(id, { id, name: undefined, tenant });
    }
  const far = hubs.size === 0 ? [] : await source.bastions([...hubs.values()]);
  const byNetwork = new Map<string, Bastion[]>();
  for (const { network, bastion } of [...near, ...far])
    byNetwork.set(network, [...(byNetwork.get(network) ?? []), bastion]);
  if (byNetwork.size === 0) return vms;
  const found = new Map<string, NearBastions>();
  for (const network of new Set(vms.flatMap((vm) => vm.network ?? []))) {
    const peered = (peersOf.get(network) ?? []).flatMap((peer) => byNetwork.get(peer) ?? []);
    const all = { own: byNetwork.get(network) ?? [], peered: peered.filter((one) => !isDeveloper(one)) };
    if (all.own.length + all.peered.length > 0) found.set(network, all);
  }
  return vms.map((vm) => {
    const bastions = found.get(vm.network ?? '');
    return bastions ? { ...vm, bastions } : vm;
  });
}
