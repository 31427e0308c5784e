import type { EntraAccount } from '../../../domain/ssh-choices.ts';
import type { ProfileEntry } from '../scope.ts';

export type CredentialKind = 'environment' | 'workload-identity' | 'cli' | 'managed-identity';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where a step of GitHub Actions gets tokens that say which workflow it is. */
export interface GithubTokens {
  readonly url: string;
  /** The token that the request needs. */
  readonly token: string;
}

/** Undefined outside GitHub Actions, and in jobs without the permission `id-token: write`. */
function githubTokensIn(environment: Environment): GithubTokens | undefined {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = environment;
  return url && token && URL.canParse(url) ? { url, token } : undefined;
}

/** An application that signs in by itself, as the variables of the SDK describe it. */
export interface Application {
  readonly kind: 'environment' | 'workload-identity';
  readonly tenant: string;
  readonly clientId: string;
  /** Its proof is a token of GitHub. */
  readonly github?: GithubTokens | undefined;
}

/** The application in the environment, if it is described completely. `only`: the kind of sign-in that the settings allow; undefined for all. */
export function applicationIn(environment: Environment, only: CredentialKind | undefined): Application | undefined {
  const { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: clientId } = environment;
  if (!tenant || !clientId) return undefined;
  const has = (...names: readonly string[]) => names.some((name) => environment[name]);
  const isFor = (kind: CredentialKind) => only === undefined || only === kind;
  if (isFor('environment') && has('AZURE_CLIENT_SECRET', 'AZURE_CLIENT_CERTIFICATE_PATH'))
    return { kind: 'environment', tenant, clientId };
  if (!isFor('workload-identity')) return undefined;
  if (has('AZURE_FEDERATED_TOKEN_FILE')) return { kind: 'workload-identity', tenant, clientId };
  const github = githubTokensIn(environment);
  return github && { kind: 'workload-identity', tenant, clientId, github };
}

/** Who is signed in, for the VMs of a subscription; undefined if nobody is to whom Entra ID gives certificates. */
export type AccountOf = (subscription: string | undefined) => EntraAccount | undefined;

export interface SignIns {
  readonly environment: Environment;
  /** What `az` remembers. */
  readonly profile: readonly ProfileEntry[];
  readonly only: CredentialKind | undefined;
}

/** In the order in which sign-ins are tried: an application in the environment, then whoever has signed in with `az`. */
export function accountsOf({ environment, profile, only }: SignIns): AccountOf {
  const application = applicationIn(environment, only);
  if (application) {
    const { tenant, clientId } = application;
    return () => ({ tenant, subscription: null, as: clientId });
  }
  if (only !== undefined && only !== 'cli') return () => undefined;
  return (subscription) => {
    // Certificates for another one than the active account need `az account set` first.
    const own = profile.find(({ id }) => id.toLowerCase() === subscription?.toLowerCase());
    const { id, tenantId = null, user } = own ?? profile.find(({ isDefault }) => isDefault) ?? {};
    const as = user?.name;
    if (id === undefined || typeof as !== 'string' || MANAGED.test(as)) return undefined;
    return { tenant: tenantId, subscription: own ? id : null, as };
  };
}

/** What az calls managed identities. Azure refuses them certificates. */
const MANAGED = /^(?:systemAssigned|userAssigned)Identity$/;
