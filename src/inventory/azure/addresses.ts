/** The parts of a network interface that azlin reads, as Resource Manager sends them. */
export interface NetworkInterface {
  readonly id?: string;
  readonly properties?: {
    readonly ipConfigurations?: readonly {
      readonly properties?: {
        readonly primary?: boolean;
        readonly privateIPAddress?: string;
        readonly privateIPAddressVersion?: string;
        readonly publicIPAddress?: { readonly id?: string };
      };
    }[];
  };
}

export interface PublicIpAddress {
  readonly id?: string;
  /** Absent while a dynamic address is not assigned. */
  readonly properties?: { readonly ipAddress?: string };
}

export interface AddressPair {
  readonly publicIp: string | null;
  readonly privateIp: string | null;
}

export interface Addresses {
  /** The addresses behind the interfaces with these ids, the primary interface first. */
  of(interfaceIds: readonly string[]): AddressPair;
  /** A resource group as it was created, where Network tells: Compute writes it in capitals. */
  spellingOf(resourceGroup: string): string;
}

/** Joins interfaces and public addresses by id, without case: Compute and Network spell the same id differently. */
export function joinAddresses(
  interfaces: readonly NetworkInterface[],
  publicIps: readonly PublicIpAddress[],
): Addresses {
  const byId = new Map(interfaces.map((one) => [one.id?.toLowerCase() ?? '', one]));
  const ipById = new Map(publicIps.map((one) => [one.id?.toLowerCase() ?? '', one.properties?.ipAddress]));
  const groups = new Map(
    [...interfaces, ...publicIps].map(({ id = '' }) => [
      segmentAfter(id, 'resourceGroups').toLowerCase(),
      segmentAfter(id, 'resourceGroups'),
    ]),
  );
  return {
    spellingOf: (resourceGroup) => groups.get(resourceGroup.toLowerCase()) ?? resourceGroup,
    of(interfaceIds) {
      let publicIp: string | null = null;
      let privateIp: string | null = null;
      for (const id of interfaceIds) {
        for (const configuration of configurationsOf(byId.get(id.toLowerCase()))) {
          publicIp ??= ipById.get(configuration?.publicIPAddress?.id?.toLowerCase() ?? '-') ?? null;
          privateIp ??= configuration?.privateIPAddress ?? null;
        }
      }
      return { publicIp, privateIp };
    },
  };
}

/** The primary configuration first; IPv4 before IPv6 among the others. */
function configurationsOf(one: NetworkInterface | undefined) {
  const all = (one?.properties?.ipConfigurations ?? []).map((configuration) => configuration.properties);
  const rank = (properties: (typeof all)[number]) =>
    (properties?.primary ? 0 : 2) + (properties?.privateIPAddressVersion === 'IPv6' ? 1 : 0);
  return [...all].sort((a, b) => rank(a) - rank(b));
}

/** The part of a resource id that follows `name`; empty when there is none. */
export function segmentAfter(id: string, name: string): string {
  const parts = id.split('/');
  const at = parts.findIndex((part) => part.toLowerCase() === name.toLowerCase());
  return at < 0 ? '' : (parts[at + 1] ?? '');
}
