import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Caller } from '../../../domain/caller.ts';
import { withDeadline } from '../../../domain/deadline.ts';
import { formatDuration } from '../../../domain/duration.ts';
import { AppError } from '../../../domain/errors.ts';
import type { Bastion } from '../../../domain/route.ts';
import { readCache, writeCache } from '../../../store/cache-file.ts';
import { segmentAfter } from '../addresses.ts';
import { type AzureSettings, askAzure, type Credentials, credentialsOf } from '../ask-azure.ts';
import { API_VERSIONS } from '../subscription-vms.ts';
import { readOne } from '../vm-look.ts';
import { readBastion } from './bastions.ts';

/** What Azure has to say to somebody who goes through a Bastion. */
export interface BastionAccess {
  /** A Bastion by its id. Rejects with an AppError. */
  find(id: string, caller: Caller): Promise<Bastion>;
  /** A token of Resource Manager for its tenant. Rejects with an AppError. */
  token(bastion: Pick<Bastion, 'name' | 'tenant'>, caller: Caller): Promise<string>;
}

/** Where what was found is kept, and for how many milliseconds. */
export interface FoundCache {
  readonly directory: string;
  readonly ttl: number;
}

interface Found {
  readonly at: number;
  readonly bastion: Bastion;
}

export function bastionAccess(settings: AzureSettings, { directory, ttl }: FoundCache): BastionAccess {
  const { clock, deadline, scope, subscriptions } = settings;
  let credentials: Credentials | undefined;
  const credentialsFor = (caller: Caller) => {
    credentials ??= credentialsOf(settings, caller.trace);
    return credentials;
  };
  const tenantOf = (id: string) => {
    const subscription = segmentAfter(id, 'subscriptions').toLowerCase();
    const all = subscriptions === 'all' ? [] : subscriptions;
    return (all.find((one) => one.id.toLowerCase() === subscription) ?? all[0])?.tenant;
  };
  return {
    async find(id, caller) {
      const name = createHash('sha256').update(`${settings.endpoint} ${id.toLowerCase()}`).digest('hex').slice(0, 16);
      const path = join(directory, `bastion-${name}.json`);
      const kept = await readCache(path, isFound, caller.warn);
      if (kept && Math.abs(clock.now() - kept.at) < ttl) return kept.bastion;
      const tenant = tenantOf(id);
      const asking = askAzure(settings, caller, credentialsFor(caller)).in(tenant);
      const { endpoint } = settings;
      const at = `${id}?api-version=${API_VERSIONS['Microsoft.Network']}`;
      const { bastion } = await readOne(asking, at, (raw) => readBastion(raw, { tenant, endpoint }));
      await writeCache(path, { at: clock.now(), bastion } satisfies Found, caller.warn);
      return bastion;
    },
    async token({ name, tenant }, caller) {
      const credential = credentialsFor(caller)(tenant ?? undefined);
      const expired = () =>
        new AppError('not-signed-in', `No token for Bastion ${name} within ${formatDuration(deadline)}`, {
          hint: 'az account get-access-token shows what takes so long; raise azure.deadline for more time',
        });
      const token = await withDeadline({ clock, ms: deadline, signal: caller.signal, expired }, (abortSignal) =>
        credential.getToken(scope, { abortSignal }),
      );
      if (token) return token.token;
      throw new AppError('not-signed-in', `There is no token for Bastion ${name}`, { hint: 'az login' });
    },
  };
}

function isFound(value: unknown): value is Found {
  const { at, bastion } = (value ?? {}) as Partial<Found>;
  return typeof at === 'number' && typeof bastion?.id === 'string' && typeof bastion.dnsName === 'string';
}
