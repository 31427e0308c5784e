import type { PowerState, Vm } from '../../domain/vm.ts';
import {
  joinAddresses,
  type NetworkInterface,
  type PublicIpAddress,
  readInterface,
  readPublicIp,
} from './addresses.ts';
import { jsonReader, type Reading } from './json.ts';
import { type ComputeVm, joinVm, malformedText, powerStateOf, readVm } from './vm-from-azure.ts';

/*
 * The queries use the part of Kusto that Resource Graph supports. Rows keep the shape of replies of Resource Manager, so that the same code reads both
 * sources. The joins are outer joins, so that a VM without interfaces keeps its row.
 */

/** The subscriptions in scope that the sign-in may see. */
export const VISIBLE_SUBSCRIPTIONS = `resourcecontainers
| where type =~ 'microsoft.resources/subscriptions'
| project id, subscriptionId
| order by id asc`;

/** The resource groups of that name. */
export function groupQuery(resourceGroup: string): string {
  return `resourcecontainers
| where type =~ 'microsoft.resources/subscriptions/resourcegroups'
| where name =~ ${kustoText(resourceGroup)}
| project id
| order by id asc`;
}

/**
 * One row for each IP configuration of each VM, and one for a VM without any. One row for each VM would need `summarize`, and Resource Graph returns only
 * the first page of such a query.
 */
export function graphQuery(resourceGroup: string | undefined): string {
  const group = resourceGroup === undefined ? '' : `\n| where resourceGroup =~ ${kustoText(resourceGroup)}`;
  return `resources
| where type =~ 'microsoft.compute/virtualmachines'${group}
| extend vmKey = tolower(id)
| join kind=leftouter (
    resources
    | where type =~ 'microsoft.network/networkinterfaces'
    | mv-expand configuration = properties.ipConfigurations
    | project vmKey = tolower(tostring(properties.virtualMachine.id)), nicId = id, nicPrimary = tobool(properties.primary),
        configuration, configurationName = tostring(configuration.name),
        ipKey = tolower(tostring(configuration.properties.publicIPAddress.id))
) on vmKey
| join kind=leftouter (
    resources
    | where type =~ 'microsoft.network/publicipaddresses'
    | project ipKey = tolower(id), ipAddress = tostring(properties.ipAddress)
) on ipKey
| project id, name, location, tags, vmId = tostring(properties.vmId), vmSize = tostring(properties.hardwareProfile.vmSize),
    osType = tostring(properties.storageProfile.osDisk.osType), adminUsername = tostring(properties.osProfile.adminUsername),
    power = tostring(properties.extended.instanceView.powerState.code), networkProfile = properties.networkProfile,
    identity, nicId, nicPrimary, configuration, configurationName, ipAddress
| order by id asc, nicId asc, configurationName asc`;
}

/** The text as a quoted Kusto string. Nothing in the text can end the string. */
function kustoText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** A VM and one of its IP configurations. */
export interface GraphRow {
  readonly compute: ComputeVm;
  readonly powerState: PowerState;
  readonly interfaces: readonly NetworkInterface[];
  readonly publicIps: readonly PublicIpAddress[];
}

/** Reads a row of `graphQuery`. */
export function readGraphRow(raw: unknown): Reading<GraphRow> {
  const reader = jsonReader();
  const row = reader.record(raw, 'row');
  const { vmId, vmSize, osType, adminUsername, networkProfile, nicId, nicPrimary, configuration, ipAddress } = row;
  const vm = readVm({
    ...row,
    properties: {
      vmId: orNone(vmId),
      hardwareProfile: { vmSize: orNone(vmSize) },
      storageProfile: { osDisk: { osType: orNone(osType) } },
      osProfile: { adminUsername: orNone(adminUsername) },
      networkProfile,
    },
  });
  if (!vm.found) return { found: undefined, problem: vm.problem };
  const one =
    orNone(nicId) === undefined
      ? undefined
      : readInterface({ id: nicId, properties: nicOf(nicPrimary, configuration) });
  const ipId = publicIpIdOf(configuration);
  const ip = ipId === undefined ? undefined : readPublicIp({ id: ipId, properties: { ipAddress: orNone(ipAddress) } });
  const found = {
    compute: vm.found,
    powerState: powerStateOf(reader.text(row['power'], 'power') ?? ''),
    interfaces: one?.found ? [one.found] : [],
    publicIps: ip?.found ? [ip.found] : [],
  };
  const own = reader.malformed.length === 0 ? undefined : malformedText(vm.found.vm.name, reader.malformed);
  return { found, problem: vm.problem ?? own ?? one?.problem ?? ip?.problem };
}

/** Undefined for an empty string: Kusto has no missing strings. */
function orNone(value: unknown): unknown {
  return value === '' || value === null ? undefined : value;
}

/** The id as Network spells it. A malformed value is ignored here, since `readInterface` reports it. */
function publicIpIdOf(configuration: unknown): string | undefined {
  const { record, text } = jsonReader();
  const { publicIPAddress } = record(record(configuration, '')['properties'], '');
  return text(record(publicIPAddress, '')['id'], '');
}

function nicOf(primary: unknown, configuration: unknown): object {
  // Resource Graph may send booleans as numbers.
  return { primary: primary === true || primary === 1, ipConfigurations: [configuration] };
}

/** The VMs of these rows, each once. */
export function vmsOf(rows: readonly GraphRow[]): readonly Vm[] {
  const byKey = new Map<string, GraphRow[]>();
  for (const row of rows) {
    const same = byKey.get(row.compute.key);
    if (same) same.push(row);
    else byKey.set(row.compute.key, [row]);
  }
  return [...byKey.values()].flatMap((same) => {
    const [first] = same;
    if (!first) return [];
    const interfaces = merged(same.flatMap((row) => row.interfaces));
    const addresses = joinAddresses(
      interfaces,
      same.flatMap(({ publicIps }) => publicIps),
    );
    return [joinVm(first.compute, first.powerState, addresses)];
  });
}

/** How many VMs have interfaces but no row that describes one. Such a VM still has a row. */
export function withoutInterfaces(rows: readonly GraphRow[]): number {
  const hidden = rows.filter(({ compute, interfaces }) => compute.interfaces.length > 0 && interfaces.length === 0);
  return new Set(hidden.map(({ compute }) => compute.key)).size;
}

/** One interface for each id, with all its configurations. */
function merged(interfaces: readonly NetworkInterface[]): readonly NetworkInterface[] {
  const byKey = new Map<string, NetworkInterface>();
  for (const one of interfaces) {
    const configurations = [...(byKey.get(one.key)?.configurations ?? []), ...one.configurations];
    byKey.set(one.key, { ...one, configurations });
  }
  return [...byKey.values()];
}
