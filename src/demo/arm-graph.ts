import { type Reply, refusal } from './arm-faults.ts';
import {
  type DemoSubscription,
  type DemoVm,
  networkResourcesOf,
  type Resource,
  resourcesOf,
  vmIdOf,
} from './arm-resources.ts';

/*
 * Azure Resource Graph, as far as azlin asks it. It does not run Kusto: it knows the two tables that azlin queries, and gives the columns that
 * the last `project` of the query names, so that a column which is not asked for is not there.
 */

export interface GraphQuestion {
  readonly subscriptions: readonly DemoSubscription[];
  readonly body: unknown;
}

interface QueryRequest {
  readonly subscriptions?: readonly string[];
  readonly query?: string;
  readonly options?: { readonly $top?: number; readonly $skipToken?: string; readonly resultFormat?: string };
}

export function graphReply({ subscriptions: all, body }: GraphQuestion): Reply {
  const { subscriptions: wanted, query = '', options = {} } = (body ?? {}) as QueryRequest;
  // Subscriptions that the sign-in may not read are left out silently.
  const open = all.filter(({ closed }) => !closed);
  const seen = wanted ? open.filter(({ id }) => wanted.some((one) => one.toLowerCase() === id.toLowerCase())) : open;
  const rows = rowsOf(query, seen);
  if (!rows || options.resultFormat !== 'objectArray')
    return refusal(400, 'BadRequest', 'Please provide a valid query.');
  const from = Number(options.$skipToken ?? 0);
  const to = from + Math.min(options.$top ?? 100, 1_000);
  const data = rows.slice(from, to).map((row) => projected(row(), query));
  const more = to < rows.length ? { $skipToken: String(to) } : {};
  const page = { totalRecords: rows.length, count: data.length, data, facets: [], resultTruncated: 'false', ...more };
  return { status: 200, body: page };
}

function rowsOf(query: string, subscriptions: readonly DemoSubscription[]): readonly (() => Resource)[] | undefined {
  const container = /^resourcecontainers[\s\S]*resourcegroups'\n\| where name =~ '([^']*)'$/m
    .exec(query)?.[1]
    ?.toLowerCase();
  if (container !== undefined) return groupsOf(subscriptions, container);
  if (/^resourcecontainers\b[\s\S]*'microsoft\.resources\/subscriptions'/i.test(query))
    return subscriptions.map(({ id }) => () => ({ id: `/subscriptions/${id}`, subscriptionId: id }));
  const inNetworks = /^resources\n\| where type =~ '(microsoft\.network\/\w+)'/.exec(query)?.[1];
  if (inNetworks !== undefined)
    return subscriptions
      .flatMap(({ networks = [] }) => networkResourcesOf(inNetworks, networks) ?? [])
      .map((one) => () => one);
  if (!/^resources\b[\s\S]*'microsoft\.compute\/virtualmachines'/i.test(query)) return undefined;
  const group = /^\| where resourceGroup =~ '((?:[^'\\]|\\.)*)'$/m
    .exec(query)?.[1]
    ?.replace(/\\(.)/g, '$1')
    .toLowerCase();
  // If the quoted name ends before its line does, something was injected into the query.
  if (group === undefined && query.includes('resourceGroup')) return undefined;
  return subscriptions.flatMap(({ id, vms }) =>
    vms
      .filter(({ resourceGroup }) => group === undefined || resourceGroup.toLowerCase() === group)
      .map((vm) => () => rowsOfVm(id, vm)[0] ?? {}),
  );
}

function groupsOf(subscriptions: readonly DemoSubscription[], name: string): readonly (() => Resource)[] {
  const groups = subscriptions.flatMap(({ id, vms }) => vms.map(({ resourceGroup }) => ({ id, resourceGroup })));
  const found = groups.filter(({ resourceGroup }) => resourceGroup.toLowerCase() === name);
  return found.map(({ id, resourceGroup }) => () => ({ id: `/subscriptions/${id}/resourceGroups/${resourceGroup}` }));
}

/** Only the columns of the last `project`. */
function projected(row: Resource, query: string): Resource {
  const clause =
    query
      .split(/\|\s*project\s/)
      .at(-1)
      ?.split('|')[0] ?? '';
  const columns = clause.split(',').map((column) => column.trim().split(/\s|=/)[0] ?? '');
  return Object.fromEntries(Object.entries(row).filter(([name]) => columns.includes(name)));
}

function rowsOfVm(subscription: string, vm: DemoVm): readonly Resource[] {
  const of = (type: string) => resourcesOf(type, subscription, [vm])?.[0];
  const nic = of('Microsoft.Network/networkInterfaces') as { id: string; properties: { ipConfigurations: Resource[] } };
  const ip = of('Microsoft.Network/publicIPAddresses') as { properties: { ipAddress?: string } } | undefined;
  const machine = of('Microsoft.Compute/virtualMachines') as {
    properties: { networkProfile: unknown };
    identity?: Resource;
  };
  return nic.properties.ipConfigurations.map((configuration) => ({
    id: vmIdOf(subscription, vm),
    name: vm.name,
    location: 'westeurope',
    tags: vm.tags,
    vmId: vm.vmId,
    vmSize: vm.size,
    osType: 'Linux',
    adminUsername: vm.adminUser,
    identity: machine.identity ?? null,
    power: `PowerState/${vm.powerState}`,
    networkProfile: machine.properties.networkProfile,
    nicId: nic.id,
    nicPrimary: true,
    configuration,
    configurationName: configuration['name'],
    ipAddress: ip?.properties.ipAddress ?? '',
  }));
}
