import { type Bastion, isDeveloper, type NearBastions } from '../../../domain/route.ts';
import type { Vm } from '../../../domain/vm.ts';
import { networkKeyOf, segmentAfter } from '../addresses.ts';
import { jsonReader, type Reading } from '../json.ts';

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
  bastions(subscriptions: readonly string[]): Promise<readonly FoundBastion[]>;
  networks(subscriptions: readonly string[]): Promise<readonly FoundNetwork[]>;
}

/** A Bastion as Resource Manager sends it. `tenant`: that of its subscription; null for the active one. */
export function readBastion(raw: unknown, tenant: string | null): Reading<FoundBastion> {
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
    ...{ id, tenant },
    name: reader.text(rawName, 'name') ?? segmentAfter(id, 'bastionHosts'),
    sku: reader.text(reader.record(sku, 'sku')['name'], 'sku') ?? 'Basic',
    // A token is going to be sent there.
    dnsName: /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?$/i.test(dnsName) ? dnsName : '',
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

const subscriptionsIn = (networks: Iterable<string>) => [
  ...new Set([...networks].map((id) => segmentAfter(id, 'subscriptions'))),
];

/** The VMs with the Bastions that they can be reached through. Nothing is looked up unless one of them has no public address. */
export async function withBastions(vms: readonly Vm[], source: NetworkSource): Promise<readonly Vm[]> {
  const isPrivate = ({ publicIp, os }: Vm) => publicIp === null && os !== 'windows';
  const wanted = new Set(vms.filter(isPrivate).flatMap(({ network }) => network ?? []));
  if (wanted.size === 0) return vms;
  const own = subscriptionsIn(wanted);
  const [near, networks] = await Promise.all([source.bastions(own), source.networks(own)]);
  const peersOf = new Map(networks.map(({ key, peers }) => [key, peers]));
  const peers = [...wanted].flatMap((key) => peersOf.get(key) ?? []);
  // The hub of several networks is often in a subscription of its own.
  const others = subscriptionsIn(peers).filter((id) => !own.includes(id));
  const far = others.length === 0 ? [] : await source.bastions(others);
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
