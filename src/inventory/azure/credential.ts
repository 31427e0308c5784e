import {
  AzureCliCredential,
  EnvironmentCredential,
  ManagedIdentityCredential,
  type ManagedIdentityCredentialClientIdOptions,
  type TokenCredential,
  WorkloadIdentityCredential,
} from '@azure/identity';
import { AppError, messageOf } from '../../domain/errors.ts';
import { printable, shorten } from '../../domain/text.ts';
import { loginHint } from './azure-errors.ts';

export type CredentialKind = 'environment' | 'workload-identity' | 'cli' | 'managed-identity';

export interface CredentialSettings {
  /** The only one to try. */
  readonly only: CredentialKind | undefined;
  /** URL of where to sign in; undefined leaves it to the SDK, which reads AZURE_AUTHORITY_HOST. */
  readonly authority: string | undefined;
  /** Where to sign in anew, for the hint. */
  readonly tenant: string | undefined;
  /** Which of several managed identities. */
  readonly clientId: string | undefined;
}

interface Attempt {
  readonly kind: CredentialKind;
  readonly reason: string;
}

// In the order in which they are tried. Managed identity comes last: off Azure it can only wait for an answer.
const KINDS: readonly CredentialKind[] = ['environment', 'workload-identity', 'cli', 'managed-identity'];

/**
 * The credentials of @azure/identity, one after the other, or the one named; the first that gives a token is kept. `getToken` rejects with
 * `not-signed-in`, naming each that was tried. azlin itself stores none.
 */
export function azureCredential(settings: CredentialSettings): TokenCredential {
  let working: TokenCredential | undefined;
  return {
    async getToken(scopes, options) {
      const tried: Attempt[] = [];
      for (const kind of settings.only ? [settings.only] : KINDS) {
        try {
          // Some constructors throw when their environment is not there.
          const credential: TokenCredential = working ?? credentialOf(kind, settings);
          const token = await credential.getToken(scopes, options);
          working = credential;
          if (token) return token;
        } catch (error) {
          if (options?.abortSignal?.aborted) throw error;
          tried.push({ kind, reason: messageOf(error) });
          // One that is set up and refused must not be passed over for somebody else's identity.
          if (working || (error as Error).name !== 'CredentialUnavailableError') break;
        }
      }
      throw signInError(tried, settings.tenant);
    },
  };
}

function credentialOf(kind: CredentialKind, { only, authority, clientId }: CredentialSettings): TokenCredential {
  const authorityHost = authority === undefined ? {} : { authorityHost: authority };
  switch (kind) {
    case 'environment':
      return new EnvironmentCredential(authorityHost);
    case 'workload-identity':
      return new WorkloadIdentityCredential(authorityHost);
    case 'cli':
      return new AzureCliCredential();
    case 'managed-identity': {
      // Within the chain one short question finds out whether there is any; asked for by name, it is waited for.
      // The SDK does the same in its own default chain; its types keep the option to themselves.
      const probe = { sendProbeRequest: only === undefined } as ManagedIdentityCredentialClientIdOptions;
      return new ManagedIdentityCredential(clientId === undefined ? probe : { ...probe, clientId });
    }
  }
}

function signInError(tried: readonly Attempt[], tenant: string | undefined): AppError {
  const lines = tried.map(({ kind, reason }) => `\n  ${kind}: ${shorten(plainReason(reason), 240)}`);
  return new AppError('not-signed-in', `Not signed in to Azure. What was tried:${lines.join('')}`, {
    hint: hintFor(tried, tenant),
  });
}

/** Without the line breaks, the links and the numbers for Microsoft's support. */
function plainReason(reason: string): string {
  return printable(reason.replace(/\s+/g, ' '))
    .replace(/ ?(?:To troubleshoot|See|For more)[^.]* https?:\S+/g, '')
    .replace(/ ?Trace ID: .*/, '')
    .trim();
}

function hintFor(tried: readonly Attempt[], tenant: string | undefined): string {
  const cli = tried.find(({ kind }) => kind === 'cli');
  // The SDK keeps what az said about the tenant to itself.
  if (cli) return tenant === undefined ? loginHint(cli.reason) : `az login --tenant ${tenant}`;
  switch (tried.at(-1)?.kind) {
    case 'environment':
      return 'check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH, or unset them';
    case 'workload-identity':
      return 'check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE, or unset them';
    case 'managed-identity':
      return 'assign an identity to this machine; AZURE_CLIENT_ID chooses one of several';
    default:
      return 'az login';
  }
}
