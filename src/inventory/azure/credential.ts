import {
  AzureCliCredential,
  ChainedTokenCredential,
  EnvironmentCredential,
  ManagedIdentityCredential,
  type TokenCredential,
  WorkloadIdentityCredential,
} from '@azure/identity';

export type CredentialKind = 'environment' | 'workload-identity' | 'cli' | 'managed-identity';

// In the order in which they are tried. Managed identity comes last: off Azure it can only wait for an answer.
const CREDENTIALS: Readonly<Record<CredentialKind, () => TokenCredential>> = {
  environment: () => new EnvironmentCredential(),
  'workload-identity': () => lazyCredential(() => new WorkloadIdentityCredential()),
  cli: () => new AzureCliCredential(),
  'managed-identity': () => new ManagedIdentityCredential(),
};

/** The credentials of @azure/identity, one after the other, or the one named. azlin itself stores none. */
export function azureCredential(only: CredentialKind | undefined): TokenCredential {
  if (only) return CREDENTIALS[only]();
  return new ChainedTokenCredential(...Object.values(CREDENTIALS).map((create) => create()));
}

/** Some constructors throw when their environment is not there; in a chain that must wait for their turn. */
function lazyCredential(create: () => TokenCredential): TokenCredential {
  return { getToken: async (scopes, options) => create().getToken(scopes, options) };
}
