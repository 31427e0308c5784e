import { AppError } from '../../domain/errors.ts';
import { printable } from '../../domain/text.ts';
import type { AzureSettings, AzureWork } from './ask-azure.ts';
import type { Reading } from './json.ts';
import { listPages } from './lists.ts';
import type { Subscription } from './scope.ts';

const PATH = '/subscriptions?api-version=2022-12-01';

/** The subscriptions in scope; `all` is looked up. From then on messages use their names. */
export async function subscriptionsOf(
  { subscriptions: wanted }: AzureSettings,
  asking: AzureWork,
): Promise<readonly Subscription[]> {
  const subscriptions = wanted === 'all' ? await allSubscriptions(asking) : wanted;
  for (const { id, name } of subscriptions) if (name !== undefined) asking.names.set(id.toLowerCase(), printable(name));
  return subscriptions;
}

async function allSubscriptions(asking: AzureWork): Promise<readonly Subscription[]> {
  const { items, failure } = await listPages(asking, PATH, readSubscription);
  // An incomplete list would silently leave out subscriptions.
  if (failure) throw failure;
  if (items.length > 0) return items;
  throw new AppError('azure-denied', 'You cannot see any Azure subscription', {
    hint: 'az account list --output table shows your subscriptions; az login --tenant … signs in to another tenant',
  });
}

function readSubscription(raw: unknown): Reading<Subscription> {
  const { subscriptionId, displayName, state } = (raw ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof subscriptionId !== 'string' || state === 'Deleted') return { found: undefined };
  const name = typeof displayName === 'string' ? displayName : undefined;
  return { found: { id: subscriptionId, name, tenant: undefined } };
}
