import type { AzureWork } from '../ask-azure.ts';
import { batchesOf, rowsOf } from '../graph-rows.ts';
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

/** Bastions and networks from Resource Graph. */
export function networkRows(asking: AzureWork): NetworkSource {
  const { endpoint } = asking.access;
  const rows = async <T>(
    subscriptions: readonly Subscription[],
    query: string,
    read: (raw: unknown, tenant: string | undefined) => Reading<T>,
  ) => {
    const lists = batchesOf(subscriptions).map(async (batch) => {
      const tenant = batch[0]?.tenant;
      const request = { asking: asking.in(tenant), query, subscriptions: batch };
      const { items, failure } = await rowsOf(request, (raw) => read(raw, tenant));
      if (failure) asking.trace(`azure: cannot look up Bastions: ${failure.message}`);
      return items;
    });
    return (await Promise.all(lists)).flat();
  };
  return {
    bastions: (subscriptions) => rows(subscriptions, BASTIONS, (raw, tenant) => readBastion(raw, { tenant, endpoint })),
    networks: (subscriptions) => rows(subscriptions, NETWORKS, readNetwork),
  };
}
