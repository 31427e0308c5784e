import type { PowerState, Vm } from '../../domain/vm.ts';
import {
  type InterfaceRef,
  type NetworkInterface,
  type PublicIpAddress,
  readInterface,
  readPublicIp,
} from './addresses.ts';
import { jsonReader } from './json.ts';
import { interfacesOf, powerStateOf, readVm } from './vm-from-azure.ts';

/*
 * The query language is Kusto's, as far as Resource Graph knows it. Rows keep the shape that Resource Manager gives things, so that both
 * sources are read by the same code. A VM without interfaces keeps its row: the joins are outer ones.
 */

/** What the sign-in may see of the subscriptions in scope. */
export const VISIBLE_SUBSCRIPTIONS = `resourcecontainers
| where type =~ 'microsoft.resources/subscriptions'
| project id, subscriptionId
| order by id asc`;

/** A row for each VM; `nics` holds one entry for each IP configuration of its interfaces. */
export function graphQuery(resourceGroup: string | undefined): string {
  const group = resourceGroup === undefined ? '' : `\n| where resourceGroup =~ ${kustoText(resourceGroup)}`;
  return `resources
| where type =~ 'microsoft.compute/virtualmachines'${group}
| extend vmKey = tolower(id)
| join kind=leftouter (
    resources
    | where type =~ 'microsoft.network/networkinterfaces' and isnotempty(properties.virtualMachine.id)
    | mv-expand configuration = properties.ipConfigurations
    | extend ipKey = tolower(tostring(configuration.properties.publicIPAddress.id))
    | join kind=leftouter (
        resources
        | where type =~ 'microsoft.network/publicipaddresses'
        | project ipKey = tolower(id), ipAddress = tostring(properties.ipAddress)
    ) on ipKey
    | summarize nics = make_list(pack('id', id, 'primary', properties.primary, 'configuration', configuration, 'ipAddress', ipAddress))
        by vmKey = tolower(tostring(properties.virtualMachine.id))
) on vmKey
| project id, name, location, tags, vmId = tostring(properties.vmId), vmSize = tostring(properties.hardwareProfile.vmSize),
    osType = tostring(properties.storageProfile.osDisk.osType), adminUsername = tostring(properties.osProfile.adminUsername),
    power = tostring(properties.extended.instanceView.powerState.code), networkProfile = properties.networkProfile, nics
| order by id asc`;
}

/** A text between quotes; what it holds cannot end it. */
function kustoText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

export interface GraphVm {
  readonly vm: Omit<Vm, 'powerState' | 'publicIp' | 'privateIp'>;
  readonly powerState: PowerState;
  readonly interfaces: readonly InterfaceRef[];
  readonly known: readonly NetworkInterface[];
  readonly publicIps: readonly PublicIpAddress[];
}

/** A row of the query. `problem` as in `readVm`. */
export function readGraphVm(raw: unknown): { readonly vm: GraphVm | undefined; readonly problem: string | undefined } {
  const reader = jsonReader();
  const row = reader.record(raw, 'row');
  const { vmId, vmSize, osType, adminUsername, networkProfile } = row;
  // Kusto has no missing texts, only empty ones.
  const orNone = (value: unknown) => (value === '' ? undefined : value);
  const { found, problem } = readVm({
    ...row,
    properties: {
      vmId: orNone(vmId),
      hardwareProfile: { vmSize },
      storageProfile: { osDisk: { osType: orNone(osType) } },
      osProfile: { adminUsername: orNone(adminUsername) },
      networkProfile,
    },
  });
  if (!found) return { vm: undefined, problem };
  const configurations = reader.list(row['nics'], 'nics').map((one) => reader.record(one, 'nics'));
  return {
    vm: {
      vm: found.vm,
      powerState: powerStateOf(reader.text(row['power'], 'power') ?? ''),
      interfaces: interfacesOf(reader, networkProfile),
      known: nicsOf(configurations),
      publicIps: configurations.flatMap(({ configuration, ipAddress }) => publicIpOf(configuration, ipAddress) ?? []),
    },
    problem,
  };
}

/** One interface for each id, with all its configurations. */
function nicsOf(rows: readonly Readonly<Record<string, unknown>>[]): readonly NetworkInterface[] {
  const byId = new Map<unknown, unknown[]>();
  for (const { id, configuration } of rows) byId.set(id, [...(byId.get(id) ?? []), configuration]);
  return [...byId].flatMap(([id, ipConfigurations]) => {
    const primary = rows.find((row) => row['id'] === id)?.['primary'];
    return readInterface({ id, properties: { primary, ipConfigurations } }) ?? [];
  });
}

function publicIpOf(configuration: unknown, ipAddress: unknown): PublicIpAddress | undefined {
  const { record } = jsonReader();
  const { publicIPAddress } = record(record(configuration, 'configuration')['properties'], 'properties');
  return readPublicIp({ id: record(publicIPAddress, 'publicIPAddress')['id'], properties: { ipAddress } });
}
