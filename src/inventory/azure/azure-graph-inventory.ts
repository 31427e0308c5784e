import { AppError } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import type { Vm } from '../../domain/vm.ts';
import type { Inventory } from '../inventory.ts';
import { type AzureSettings, askAzure } from './ask-azure.ts';
import { withBastions } from './bastion/bastions.ts';
import { networkRows } from './bastion/network-rows.ts';
import {
  graphQuery,
  groupQuery,
  readGraphRow,
  VISIBLE_SUBSCRIPTIONS,
  vmsOf,
  withoutInterfaces,
} from './graph-query.ts';
import { batchesOf, type GraphRequest, rowsOf } from './graph-rows.ts';
import { isRecord, type Reading } from './json.ts';
import { type FleetPart, fleetOf, type Gap, gapOf } from './merge-parts.ts';
import { hiddenText } from './subscription-vms.ts';
import { subscriptionsOf } from './subscriptions.ts';

/** VMs from Azure Resource Graph: one query for all subscriptions, which also joins addresses and power states. */
export function azureGraphInventory(settings: AzureSettings): Inventory {
  return {
    async listVms(_query, caller) {
      const { resourceGroup, clock } = settings;
      const { progress } = caller;
      const startedAt = clock.now();
      const asking = askAzure(settings, caller);
      progress('Querying Azure Resource Graph');
      const subscriptions = await subscriptionsOf(settings, asking);
      let vms = 0;
      const found = () => progress(`Querying Azure Resource Graph: ${++vms} VMs so far`);
      const batches = batchesOf(subscriptions).map((batch) => ({
        asking: asking.in(batch[0]?.tenant),
        subscriptions: batch,
      }));
      const query = graphQuery(resourceGroup);
      const fleet = fleetOf(await Promise.all(batches.map((batch) => partOf({ ...batch, query }, found))), startedAt);
      // A resource group that does not exist has no VMs either, but naming it is a mistake.
      if (resourceGroup !== undefined && fleet.vms.length === 0 && fleet.warnings.length === 0) {
        const groups = await Promise.all(
          batches.map((batch) => rowsOf({ ...batch, query: groupQuery(resourceGroup) }, (raw) => ({ found: raw }))),
        );
        if (groups.every(({ items, failure }) => items.length === 0 && !failure)) throw noSuchGroup(resourceGroup);
      }
      if (!settings.looksForBastions) return fleet;
      return { ...fleet, vms: await withBastions(fleet.vms, subscriptions, networkRows(asking)) };
    },
  };
}

function noSuchGroup(name: string): AppError {
  return new AppError('usage', `Resource group "${name}" could not be found`, {
    hint: 'az group list --output table shows the resource groups',
  });
}

async function partOf(request: GraphRequest, found: () => void): Promise<FleetPart> {
  const [rows, visible] = await Promise.all([
    rowsOf(request, (raw) => {
      const reading = readGraphRow(raw);
      if (reading.found) found();
      return reading;
    }),
    rowsOf({ ...request, query: VISIBLE_SUBSCRIPTIONS }, readVisible),
  ]);
  const problems = [...rows.problems, ...hiddenText(withoutInterfaces(rows.items))];
  if (rows.failure && rows.items.length === 0) return { vms: [], problems, failure: rows.failure, gaps: [] };
  const vms = vmsOf(rows.items);
  const hidden = visible.failure ? [] : hiddenSubscriptions(request, vms, visible.items);
  if (hidden[0] && hidden.length === request.subscriptions.length)
    return { vms, problems, failure: hidden[0].cause, gaps: [] };
  return {
    vms,
    problems,
    failure: undefined,
    gaps: [
      ...hidden,
      ...gapOf(rows, `only ${count(vms.length, 'VM')} of the answer could be read`),
      ...gapOf(visible, 'VMs may be missing'),
    ],
  };
}

function readVisible(raw: unknown): Reading<string> {
  const id = isRecord(raw) ? raw['subscriptionId'] : undefined;
  return { found: typeof id === 'string' ? id.toLowerCase() : undefined };
}

/**
 * Resource Graph silently leaves out what the sign-in may not read, so it is also asked which subscriptions are visible. A sign-in that may read only a
 * resource group sees its VMs but not the subscription.
 */
function hiddenSubscriptions(
  { subscriptions }: GraphRequest,
  vms: readonly Vm[],
  visible: readonly string[],
): readonly Gap[] {
  const seen = new Set([...visible, ...vms.map(({ subscriptionId }) => subscriptionId.toLowerCase())]);
  return subscriptions
    .filter(({ id }) => !seen.has(id.toLowerCase()))
    .map(({ id, name }) => ({
      consequence: 'VMs are missing',
      cause: new AppError(
        'azure-denied',
        `Azure Resource Graph does not show subscription ${name === undefined ? id : `"${name}" (${id})`}: it does not exist, or you may not read it`,
        { hint: 'az account list --output table shows your subscriptions; to read them you need the role Reader' },
      ),
    }));
}
