import { isIP } from 'node:net';
import { type Json, jsonReader } from './json.ts';

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
}

export interface PublicIpAddress {
  /** In lower case. */
  readonly key: string;
  readonly resourceGroup: string;
  /** Null while a dynamic address is not assigned. */
  readonly address: string | null;
}

/** A network interface as Resource Manager sends it; undefined for what cannot be one. */
export function readInterface(raw: unknown): NetworkInterface | undefined {
  const { record, text, list } = jsonReader();
  const { id, properties } = record(raw, 'networkInterface');
  const key = text(id, 'id');
  if (key === undefined) return undefined;
  const { primary, ipConfigurations } = record(properties, 'properties');
  const configurations = list(ipConfigurations, 'ipConfigurations').map((one) =>
    readConfiguration(record(record(one, 'ipConfiguration')['properties'], 'properties')),
  );
  return {
    key: key.toLowerCase(),
    primary: primary === true,
    resourceGroup: segmentAfter(key, 'resourceGroups'),
    configurations,
  };
}

function readConfiguration(properties: Json): IpConfiguration {
  const { record, text } = jsonReader();
  return {
    primary: properties['primary'] === true,
    version: properties['privateIPAddressVersion'] === 'IPv6' ? 6 : 4,
    privateIp: addressOrNull(properties['privateIPAddress']),
    publicIpKey: text(record(properties['publicIPAddress'], 'publicIPAddress')['id'], 'id')?.toLowerCase() ?? null,
  };
}

/** A public IP address as Resource Manager sends it; undefined for what cannot be one. */
export function readPublicIp(raw: unknown): PublicIpAddress | undefined {
  const { record, text } = jsonReader();
  const { id, properties } = record(raw, 'publicIPAddress');
  const key = text(id, 'id');
  if (key === undefined) return undefined;
  const address = addressOrNull(record(properties, 'properties')['ipAddress']);
  return { key: key.toLowerCase(), resourceGroup: segmentAfter(key, 'resourceGroups'), address };
}

/** An address that will be connected to, or null for anything else. */
function addressOrNull(value: unknown): string | null {
  return typeof value === 'string' && isIP(value) !== 0 ? value : null;
}

/** A VM's word on one of its interfaces. */
export interface InterfaceRef {
  /** In lower case. */
  readonly key: string;
  readonly primary: boolean;
}

export interface AddressPair {
  readonly publicIp: string | null;
  readonly privateIp: string | null;
}

export interface Addresses {
  /** The primary interface's primary configuration wins; what it lacks the others give. */
  of(interfaces: readonly InterfaceRef[]): AddressPair;
  /** A resource group as it was created, where Network tells: Compute writes it in capitals. */
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
      for (const one of inOrder(refs, interfaceByKey)) {
        for (const configuration of [...one.configurations].sort((a, b) => rank(a) - rank(b))) {
          publicIp ??= addressByKey.get(configuration.publicIpKey ?? '') ?? null;
          privateIp ??= configuration.privateIp;
        }
      }
      return { publicIp, privateIp };
    },
  };
}

/** The interfaces that are known, the primary one first. The VM's word on that counts before the interface's own. */
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
