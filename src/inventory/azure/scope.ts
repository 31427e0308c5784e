import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CloudName, cloudNamed } from '../../domain/cloud.ts';
import { AppError } from '../../domain/errors.ts';
import { withoutMark } from '../../domain/text.ts';

export interface Subscription {
  readonly id: string;
  /** Undefined where it is not known. */
  readonly name: string | undefined;
  /** Its tenant, if az is signed in to several and this is not the active one. */
  readonly tenant: string | undefined;
}

export interface AzureScope {
  /** `all`: every one that the sign-in can see. */
  readonly subscriptions: readonly Subscription[] | 'all';
  /** The cloud that `az` uses the subscription in; undefined where az does not know it. */
  readonly cloud: CloudName | undefined;
  /** The tenant of the first subscription, as az knows it: where to sign in again. */
  readonly tenant: string | undefined;
}

/** A subscription as `az login` remembers it. */
export interface ProfileEntry extends Pick<Subscription, 'id' | 'name'> {
  readonly isDefault: boolean;
  readonly environmentName: string | undefined;
  readonly tenantId: string | undefined;
  readonly user?: { readonly name?: unknown } | undefined;
}

/** Subscriptions from az's own profile; none where there is no az. */
export async function azureProfile(azureConfigDirectory: string): Promise<readonly ProfileEntry[]> {
  try {
    const text = await readFile(join(azureConfigDirectory, 'azureProfile.json'), 'utf8');
    // az writes a byte order mark.
    const { subscriptions } = JSON.parse(withoutMark(text)) as { subscriptions?: readonly ProfileEntry[] };
    return (subscriptions ?? []).filter(({ id }) => typeof id === 'string');
  } catch {
    return [];
  }
}

/** The word that stands for every subscription. */
const ALL = 'all';
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export interface ScopeWishes {
  readonly subscriptions: readonly string[];
  /** The tenant of subscriptions that are not known to be in another one. */
  readonly tenant: string | undefined;
}

/** The scope: the wanted subscriptions, by id or by the name that az knows, otherwise the one that is set in az. */
export function azureScope(
  { subscriptions: wanted, tenant }: ScopeWishes,
  profile: readonly ProfileEntry[],
): AzureScope {
  const active = profile.find(({ isDefault }) => isDefault);
  if (wanted.some((one) => one.toLowerCase() === ALL)) {
    if (wanted.length === 1) return { subscriptions: 'all', cloud: cloudOf(active), tenant: active?.tenantId };
    throw new AppError(
      'usage',
      `"${ALL}" stands for all subscriptions and cannot be combined with others: "${wanted.join(',')}"`,
    );
  }
  const found: readonly Known[] =
    wanted.length > 0 ? wanted.map((one) => subscriptionNamed(one, profile)) : defaultOf(profile, { active, tenant });
  const [first] = found;
  if (!first)
    throw new AppError('not-signed-in', 'No Azure subscription is in scope', {
      hint: 'run az login, or set AZURE_SUBSCRIPTION_ID or azure.subscriptions; azlin demo needs no Azure',
    });
  const byId = new Map(
    found.map(({ id, name, tenantId }) => {
      // What az knows about a subscription outranks the tenant that the settings give for all.
      const isUsual = tenantId === undefined || sameTenant(tenantId, tenant ?? active?.tenantId);
      return [id.toLowerCase(), { id, name, tenant: isUsual ? undefined : tenantId }];
    }),
  );
  return { subscriptions: [...byId.values()], cloud: cloudOf(first), tenant: first.tenantId };
}

interface Defaults {
  readonly active: ProfileEntry | undefined;
  readonly tenant: string | undefined;
}

/** The subscription that is set in az. If that is not in `tenant`, the only subscription of `tenant`. */
function defaultOf(profile: readonly ProfileEntry[], { active, tenant }: Defaults): readonly ProfileEntry[] {
  // A tenant can also be named by its domain, which the profile of az does not contain.
  const isSure = tenant !== undefined && ID.test(tenant);
  if (!active || !isSure || sameTenant(active.tenantId, tenant)) return active ? [active] : [];
  const there = profile.filter(({ tenantId }) => sameTenant(tenantId, tenant));
  if (there.length === 1) return there;
  throw new AppError('usage', `The active subscription in az is not in the tenant ${tenant} (azure.tenant)`, {
    hint:
      there.length === 0
        ? `run az login --tenant ${tenant}, or set azure.subscriptions`
        : `set azure.subscriptions to one of ${there.map(({ id, name }) => name ?? id).join(', ')}`,
  });
}

function sameTenant(one: string | undefined, other: string | undefined): boolean {
  return one?.toLowerCase() === other?.toLowerCase();
}

/** A wanted subscription. If az does not know it, there is only the id. */
type Known = Pick<Subscription, 'id' | 'name'> & Partial<ProfileEntry>;

function subscriptionNamed(text: string, profile: readonly ProfileEntry[]): Known {
  const same = (one: string | undefined) => one?.toLowerCase() === text.toLowerCase();
  const byId = profile.find(({ id }) => same(id));
  if (byId) return byId;
  if (ID.test(text)) return { id: text, name: undefined };
  const [named, other] = profile.filter(({ name }) => same(name));
  if (named && !other) return named;
  throw new AppError(
    'usage',
    named
      ? `Several subscriptions are named "${text}"`
      : `"${text}" is not a subscription id, and az knows no subscription of that name`,
    { hint: 'az account list --output table shows names and ids' },
  );
}

function cloudOf(entry: Partial<ProfileEntry> | undefined): CloudName | undefined {
  return entry?.environmentName === undefined ? undefined : cloudNamed(entry.environmentName);
}
