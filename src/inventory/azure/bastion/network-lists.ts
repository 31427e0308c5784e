import { atMost } from '../../../domain/concurrency.ts';
import type { AzureWork } from '../ask-azure.ts';
import type { Reading } from '../json.ts';
import { listPages } from '../lists.ts';
import type { Subscription } from '../scope.ts';
import { pathOf } from '../subscription-vms.ts';
import { type NetworkSource, readBastion, readNetwork } from './bastions.ts';

const CONCURRENCY = 8;

/** Bastions and networks from Resource Manager, subscription by subscription. */
export function networkLists(asking: AzureWork): NetworkSource {
  const { endpoint } = asking.access;
  const listed = async <T>(
    subscriptions: readonly Subscription[],
    type: Parameters<typeof pathOf>[1],
    read: (raw: unknown, tenant: string | undefined) => Reading<T>,
  ) => {
    const lists = await atMost(CONCURRENCY, subscriptions, async ({ id, tenant }) => {
      const path = pathOf(`/subscriptions/${encodeURIComponent(id)}`, type);
      const { items, failure } = await listPages(asking.in(tenant), path, (raw) => read(raw, tenant));
      if (failure) asking.trace(`azure: cannot look up Bastions: ${failure.message}`);
      return items;
    });
    return lists.flat();
  };
  return {
    bastions: (subscriptions) =>
      listed(subscriptions, 'Microsoft.Network/bastionHosts', (raw, tenant) => readBastion(raw, { tenant, endpoint })),
    networks: (subscriptions) => listed(subscriptions, 'Microsoft.Network/virtualNetworks', readNetwork),
  };
}
