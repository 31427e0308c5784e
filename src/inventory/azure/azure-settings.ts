import { join } from 'node:path';
import { azurePlace, type CloudName } from '../../domain/cloud.ts';
import type { AzureSettings } from './ask-azure.ts';
import { type AzureScope, azureProfile, azureScope, type ProfileEntry } from './scope.ts';
import { applicationIn, type CredentialKind } from './sign-in/accounts.ts';

/** What the user set. */
export interface AzureWishes {
  readonly subscriptions: readonly string[];
  readonly tenant: string | undefined;
  readonly resourceGroup: string | undefined;
  readonly cloud: CloudName | undefined;
  readonly resourceManager: string | undefined;
  readonly credential: CredentialKind | 'any';
  readonly azureDeadline: number;
  /** No subscription need be in scope, because none is asked. */
  readonly isScopeOptional?: boolean;
}

/** Completes the wishes with what `az` knows about this user. Throws when no subscription is in scope. */
export async function settleAzure(
  wishes: AzureWishes,
  environment: Readonly<Record<string, string | undefined>>,
  home: string,
): Promise<Omit<AzureSettings, 'agents' | 'clock' | 'looksForBastions'>> {
  const { cloud: named, resourceManager, resourceGroup, credential, azureDeadline: deadline } = wishes;
  const profile = await azureProfile(environment['AZURE_CONFIG_DIR'] || join(home, '.azure'));
  const {
    subscriptions,
    cloud: active,
    tenant,
  } = wishes.isScopeOptional ? scopeOrNone(wishes, profile) : azureScope(wishes, profile);
  const place = azurePlace({ named, resourceManager, active });
  return {
    subscriptions,
    resourceGroup,
    endpoint: place.resourceManager,
    scope: place.scope,
    linuxLogin: place.linuxLogin,
    authority: (place.name === 'AzureCloud' && environment['AZURE_AUTHORITY_HOST']) || place.authority,
    credential: {
      only: credential === 'any' ? undefined : credential,
      // The SDK knows the authority of the public cloud, and also reads AZURE_AUTHORITY_HOST.
      authority: place.name === 'AzureCloud' ? undefined : place.authority,
      tenant: wishes.tenant,
      homeTenant: wishes.tenant ?? tenant,
      isCliSignedIn: profile.length > 0,
      clientId: environment['AZURE_CLIENT_ID'] || undefined,
      byGithub: applicationIn(environment, 'workload-identity'),
    },
    deadline,
  };
}

function scopeOrNone(wishes: AzureWishes, profile: readonly ProfileEntry[]): AzureScope {
  try {
    return azureScope(wishes, profile);
  } catch {
    return { subscriptions: [], cloud: undefined, tenant: undefined };
  }
}
