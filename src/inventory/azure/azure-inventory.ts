import { atMost } from '../../domain/concurrency.ts';
import { count } from '../../domain/text.ts';
import type { Inventory } from '../inventory.ts';
import { type AzureSettings, askAzure } from './ask-azure.ts';
import { withBastions } from './bastion/bastions.ts';
import { networkLists } from './bastion/network-lists.ts';
import { fleetOf } from './merge-parts.ts';
import { subscriptionVms } from './subscription-vms.ts';
import { subscriptionsOf } from './subscriptions.ts';

/** How many subscriptions are listed at once, with four lists each. */
const CONCURRENCY = 8;

/** VMs from Azure Resource Manager: compute and network lists of every subscription, joined by id. */
export function azureInventory(settings: AzureSettings): Inventory {
  return {
    async listVms(_query, caller) {
      const { resourceGroup, clock } = settings;
      const startedAt = clock.now();
      const asking = askAzure(settings, caller);
      const subscriptions = await subscriptionsOf(settings, asking);
      let vms = 0;
      let done = 0;
      const tell = () => {
        const where =
          subscriptions.length === 1 ? '' : `, ${done} of ${count(subscriptions.length, 'subscription')} done`;
        caller.progress(`Listing VMs: ${vms} so far${where}`);
      };
      const found = () => {
        vms++;
        tell();
      };
      tell();
      const parts = await atMost(CONCURRENCY, subscriptions, async ({ id, tenant }) => {
        const part = await subscriptionVms({ asking: asking.in(tenant), subscription: id, resourceGroup, found });
        done++;
        tell();
        return part;
      });
      const fleet = fleetOf(parts, startedAt);
      if (!settings.looksForBastions) return fleet;
      return { ...fleet, vms: await withBastions(fleet.vms, subscriptions, networkLists(asking)) };
    },
  };
}
