import { isIP } from 'node:net';
import { type Json, type JsonReader, jsonReader, type Reading } from './json.ts';

/** What azlin needs of a network interface. */
export interface NetworkInterface {
  /** In lower case: Compute and Network spell the same id differently. */
  readonly key: string;
  readonly primary: boolean;
  readonly resourceGroup: string;
  readonly configurations: readonly IpConfiguration[];
}

interface IpConfiguration {
  readonly primary: boolean;
  readonly version: 4 | 6;
  readonly privateIp: string | null;
  /** In lower case. */
  readonly publicIpKey: string | null;
  /** The id of its virtual network, in lower case. */
  readonly networkKey: string | null;
}

export interface PublicIpAddress {
  /** In lower case. */
  readonly key: string;
  readonly resourceGroup: string;
  /** Null while a dynamic address is not assigned. */
  readonly address: string | null;
}

/** A network interface as Resource Manager sends it. */
export function readInterface(raw: unknown): Reading<NetworkInterface> {
  const reader = jsonReader();
  const { id: rawId, properties } = reader.record(raw, 'network interface');
  const id = reader.text(rawId, 'id');
  if (id === undefined) return { found: undefined, problem: 'Azure sent a network interface without an id' };
  const { primary, ipConfigurations } = reader.record(properties, 'properties');
  const configurations = reader
    .list(ipConfigurations, 'ipConfigurations')
    .map((one) => readConfiguration(reader, reader.record(one, 'ipConfigurations')));
  const found = {
    key: id.toLowerCase(),
    primary: primary === true,
    resourceGroup: segmentAfter(id, 'resourceGroups'),
    configurations,
  };
  return { found, problem: unreadable('network interface', id, reader) };
}

function readConfiguration(reader: JsonReader, configuration: Json): IpConfiguration {
  const properties = reader.record(configuration['properties'], 'ipConfigurations');
  const publicIp = reader.record(properties['publicIPAddress'], 'publicIPAddress');
  return {
    primary: properties['primary'] === true,
    version: properties['privateIPAddressVersion'] === 'IPv6' ? 6 : 4,
    privateIp: addressOrNull(reader, properties['privateIPAddress'], 'privateIPAddress'),
    publicIpKey: reader.text(publicIp['id'], 'publicIPAddress')?.toLowerCase() ?? null,
    networkKey: networkKeyOf(reader.text(reader.record(properties['subnet'], 'subnet')['id'], 'subnet')),
  };
}

/** The network that a subnet is in, by their ids. */
export function networkKeyOf(subnet: string | undefined): string | null {
  return /^(\/.+\/virtualNetworks\/[^/]+)\/subnets\//i.exec(subnet ?? '')?.[1]?.toLowerCase() ?? null;
}

/** A public IP address as Resource Manager sends it. */
export function readPublicIp(raw: unknown): Reading<PublicIpAddress> {
  const reader = jsonReader();
  const { id: rawId, properties } = reader.record(raw, 'public IP address');
  const id = reader.text(rawId, 'id');
  if (id === undefined) return { found: undefined, problem: 'Azure sent a public IP address without an id' };
  const address = addressOrNull(reader, reader.record(properties, 'properties')['ipAddress'], 'ipAddress');
  const found = { key: id.toLowerCase(), resourceGroup: segmentAfter(id, 'resourceGroups'), address };
  return { found, problem: unreadable('public IP address', id, reader) };
}

function unreadable(kind: string, id: string, { malformed }: JsonReader): string | undefined {
  if (malformed.length === 0) return undefined;
  return `Azure sent a ${kind} "${id.split('/').at(-1)}" with fields that azlin cannot read (${malformed.join(', ')})`;
}

/** The value if it is an IP address, otherwise null: azlin is going to connect to it. */
function addressOrNull(reader: JsonReader, value: unknown, name: string): string | null {
  const text = reader.text(value, name) || null;
  return text !== null && isIP(text) === 0 ? reader.refuse(name) : text;
}

/** How a VM refers to one of its interfaces. */
export interface InterfaceRef {
  /** In lower case. */
  readonly key: string;
  readonly primary: boolean;
}

/** What the interfaces of a VM say. */
export interface AddressPair {
  /** The virtual network that it is in, by its id in lower case. */
  readonly network: string | null;
  readonly publicIp: string | null;
  readonly privateIp: string | null;
}

export interface Addresses {
  /** The primary configuration of the primary interface is preferred; the others supply what it lacks. */
  of(interfaces: readonly InterfaceRef[]): AddressPair;
  /** The name of a resource group as it was created, if Network reports it. Compute writes it in capitals. */
  spellingOf(resourceGroup: string): string;
}

/** Joins interfaces and public addresses by id. */
export function joinAddresses(
  interfaces: readonly NetworkInterface[],
  publicIps: readonly PublicIpAddress[],
): Addresses {
  const interfaceByKey = new Map(interfaces.map((one) => [one.key, one]));
  const addressByKey = new Map(publicIps.map(({ key, address }) => [key, address]));
  const groups = new Map(
    [...interfaces, ...publicIps].map(({ resourceGroup }) => [resourceGroup.toLowerCase(), resourceGroup]),
  );
  return {
    spellingOf: (resourceGroup) => groups.get(resourceGroup.toLowerCase()) ?? resourceGroup,
    of(refs) {
      let publicIp: string | null = null;
      let privateIp: string | null = null;
      let network: string | null = null;
      for (const one of inOrder(refs, interfaceByKey)) {
        for (const configuration of [...one.configurations].sort((a, b) => rank(a) - rank(b))) {
          publicIp ??= addressByKey.get(configuration.publicIpKey ?? '') ?? null;
          privateIp ??= configuration.privateIp;
          network ??= configuration.networkKey;
        }
      }
      return { publicIp, privateIp, network };
    },
  };
}

/** The known interfaces, the primary one first. What the VM says about that outranks what the interfaces say. */
function inOrder(
  refs: readonly InterfaceRef[],
  byKey: ReadonlyMap<string, NetworkInterface>,
): readonly NetworkInterface[] {
  const told = refs.some(({ primary }) => primary);
  return refs
    .flatMap(({ key, primary }) => {
      const found = byKey.get(key);
      return found ? [{ found, first: told ? primary : found.primary }] : [];
    })
    .sort((a, b) => Number(b.first) - Number(a.first))
    .map(({ found }) => found);
}

/** The primary configuration first; IPv4 before IPv6 among the others. */
function rank({ primary, version }: IpConfiguration): number {
  return (primary ? 0 : 2) + (version === 6 ? 1 : 0);
}

/** The part of a resource id that follows `name`; empty when there is none. */
export function segmentAfter(id: string, name: string): string {
  const parts = id.split('/');
  const at = parts.findIndex((part) => part.toLowerCase() === name.toLowerCase());
  return at < 0 ? '' : (parts[at + 1] ?? '');
}
