import { atMost } from '../../../domain/concurrency.ts';
import type { AzureWork } from '../ask-azure.ts';
import type { Reading } from '../json.ts';
import { listPages } from '../lists.ts';
import type { Subscription } from '../scope.ts';
import { pathOf } from '../subscription-vms.ts';
import { type NetworkSource, readBastion, readNetwork } from './bastions.ts';

const CONCURRENCY = 8;

/** Bastions and networks from Resource Manager, subscription by subscription. */
export function networkLists(asking: AzureWork, scope: readonly Subscription[]): NetworkSource {
  // The subscription of a hub need not be in scope; it is in the same tenant.
  const tenantOf = (id: string) => (scope.find((one) => one.id.toLowerCase() === id.toLowerCase()) ?? scope[0])?.tenant;
  const listed = async <T>(
    subscriptions: readonly string[],
    type: Parameters<typeof pathOf>[1],
    read: (raw: unknown, tenant: string | null) => Reading<T>,
  ) => {
    const lists = await atMost(CONCURRENCY, subscriptions, async (id) => {
      const tenant = tenantOf(id);
      const path = pathOf(`/subscriptions/${encodeURIComponent(id)}`, type);
      const { items, failure } = await listPages(asking.in(tenant), path, (raw) => read(raw, tenant ?? null));
      if (failure) asking.trace(`azure: the ways to private VMs are not known: ${failure.message}`);
      return items;
    });
    return lists.flat();
  };
  return {
    bastions: (subscriptions) => listed(subscriptions, 'Microsoft.Network/bastionHosts', readBastion),
    networks: (subscriptions) => listed(subscriptions, 'Microsoft.Network/virtualNetworks', readNetwork),
  };
}
