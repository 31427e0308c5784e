import type { AzureWork } from '../ask-azure.ts';
import { rowsOf } from '../graph-rows.ts';
import type { Reading } from '../json.ts';
import type { Subscription } from '../scope.ts';
import { type NetworkSource, readBastion, readNetwork } from './bastions.ts';

const BASTIONS = `resources
| where type =~ 'microsoft.network/bastionhosts'
| project id, name, sku, properties
| order by id asc`;
const NETWORKS = `resources
| where type =~ 'microsoft.network/virtualnetworks'
| project id, properties = pack('virtualNetworkPeerings', properties.virtualNetworkPeerings)
| order by id asc`;

/** Bastions and networks from Resource Graph: a query for all subscriptions of a tenant. */
export function networkRows(asking: AzureWork, scope: readonly Subscription[]): NetworkSource {
  // The subscription of a hub need not be in scope; it is in the same tenant.
  const tenantOf = (id: string) => (scope.find((one) => one.id.toLowerCase() === id.toLowerCase()) ?? scope[0])?.tenant;
  const rows = async <T>(
    ids: readonly string[],
    query: string,
    read: (raw: unknown, tenant: string | null) => Reading<T>,
  ) => {
    const tenants = [...new Set(ids.map(tenantOf))];
    const lists = tenants.map(async (tenant) => {
      const own = ids.filter((id) => tenantOf(id) === tenant).map((id) => ({ id, name: undefined, tenant }));
      const request = { asking: asking.in(tenant), query, subscriptions: own };
      const { items, failure } = await rowsOf(request, (raw) => read(raw, tenant ?? null));
      if (failure) asking.trace(`azure: the ways to private VMs are not known: ${failure.message}`);
      return items;
    });
    return (await Promise.all(lists)).flat();
  };
  return {
    bastions: (subscriptions) => rows(subscriptions, BASTIONS, readBastion),
    networks: (subscriptions) => rows(subscriptions, NETWORKS, readNetwork),
  };
}
