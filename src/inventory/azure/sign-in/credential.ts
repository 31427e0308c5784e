import {
  type AccessToken,
  ClientAssertionCredential,
  EnvironmentCredential,
  type GetTokenOptions,
  ManagedIdentityCredential,
  type ManagedIdentityCredentialClientIdOptions,
  type TokenCredential,
  WorkloadIdentityCredential,
} from '@azure/identity';
import type { Clock } from '../../../domain/clock.ts';
import { formatDuration } from '../../../domain/duration.ts';
import { AppError, messageOf } from '../../../domain/errors.ts';
import { keepSecret } from '../../../domain/secrets.ts';
import { printable, shorten } from '../../../domain/text.ts';
import { loginHint } from '../azure-errors.ts';
import { limitedReplies } from '../web/reply-limit.ts';
import { byAgents, SDK_PROXY, type WebAgents } from '../web/web-agents.ts';
import type { Application, CredentialKind } from './accounts.ts';
import { cliCredential } from './cli-credential.ts';
import { githubToken } from './github-token.ts';

export interface CredentialSettings {
  /** The only kind to try; undefined tries all. */
  readonly only: CredentialKind | undefined;
  /** The URL to sign in at; undefined leaves it to the SDK, which reads AZURE_AUTHORITY_HOST. */
  readonly authority: string | undefined;
  /** The tenant to sign in to; undefined for the one that is active in az. */
  readonly tenant: string | undefined;
  /** The tenant of the subscriptions in scope, as az knows it: where to sign in again. */
  readonly homeTenant: string | undefined;
  /** Whether the user has signed in with `az`. If so, azlin uses no other identity when az fails. */
  readonly isCliSignedIn: boolean;
  /** Chooses one of several managed identities. */
  readonly clientId: string | undefined;
  /** An application that signs in with tokens of GitHub. */
  readonly byGithub: Application | undefined;
}

export interface CredentialRequest extends CredentialSettings {
  readonly agents: WebAgents;
  readonly clock: Clock;
  /** Milliseconds for the work that the token is for. */
  readonly deadline: number;
  readonly trace: (line: string) => void;
}

/** A credential that can tell what it is waiting for. */
export interface PatientCredential extends TokenCredential {
  /** The kind that has been asked and has not answered yet. */
  waitingFor(): CredentialKind | undefined;
}

interface Attempt {
  readonly kind: CredentialKind;
  readonly reason: string;
}

// The order in which they are tried. Managed identity comes last: outside Azure it can only wait for an answer.
const KINDS: readonly CredentialKind[] = ['environment', 'workload-identity', 'cli', 'managed-identity'];
/** The share of the deadline that `az` may take. */
const CLI_SHARE = 0.8;
/** How long a token must still be valid, in milliseconds. */
const MARGIN = 120_000;

/**
 * Tries the credentials of @azure/identity in order, or only the named one, and keeps the first that gives a token. `getToken` rejects with
 * `not-signed-in`, naming each one that was tried. Tokens are kept for this run only. They are worth keeping because each may cost a process that takes a
 * second.
 */
export function azureCredential(request: CredentialRequest): PatientCredential {
  let working: { readonly kind: CredentialKind; readonly credential: TokenCredential } | undefined;
  let waitingFor: CredentialKind | undefined;
  const kept = new Map<string, Promise<AccessToken>>();

  const fetchToken = async (scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> => {
    const tried: Attempt[] = [];
    const kinds = working ? [working.kind] : request.only ? [request.only] : KINDS;
    for (const kind of kinds) {
      waitingFor = kind;
      const startedAt = request.clock.now();
      try {
        // Some constructors throw when their environment variables are not set.
        const credential = working?.credential ?? credentialOf(kind, request);
        const token = await credential.getToken(scopes, options);
        if (token) keepSecret(token.token);
        if (!working) request.trace(`azure: signed in by ${kind}`);
        working = { kind, credential };
        if (token) return token;
      } catch (error) {
        if (options?.abortSignal?.aborted || (error instanceof AppError && error.code === 'config')) throw error;
        const limit = kind === 'cli' ? request.deadline * CLI_SHARE : Number.POSITIVE_INFINITY;
        tried.push({ kind, reason: reasonOf(error, request.clock.now() - startedAt, limit) });
        if (isFinal(kind, error, request)) break;
      } finally {
        waitingFor = undefined;
      }
    }
    throw signInError(tried, request);
  };

  return {
    waitingFor: () => waitingFor,
    async getToken(scopes, options) {
      // A claims challenge needs another token than the kept one.
      if (options?.claims) return fetchToken(scopes, options);
      const key = [scopes].flat().join(' ');
      const current = kept.get(key);
      const known = current && (await current.catch(() => undefined));
      if (known && known.expiresOnTimestamp - request.clock.now() > MARGIN) return known;
      // Another caller may have found the same and may already be fetching a new one.
      const renewed = kept.get(key);
      if (renewed && renewed !== current) return renewed;
      const token = fetchToken(scopes, options);
      kept.set(key, token);
      return token;
    },
  };
}

function reasonOf(error: unknown, took: number, limit: number): string {
  return took < limit ? messageOf(error) : `${HUNG} in ${formatDuration(limit)}`;
}

const HUNG = 'az gave no token';

/** Whether to stop trying. A credential that is set up but refused must not be replaced by another identity. The SDK tells them apart for all but `az`. */
function isFinal(kind: CredentialKind, error: unknown, { isCliSignedIn, byGithub }: CredentialSettings): boolean {
  // A workflow has the variables for it without having asked for that, and az may be signed in by another step.
  if (kind === 'workload-identity' && byGithub?.github && isCliSignedIn) return false;
  return kind === 'cli' ? isCliSignedIn : (error as Error).name !== 'CredentialUnavailableError';
}

function credentialOf(kind: CredentialKind, request: CredentialRequest): TokenCredential {
  const { only, agents, authority, clientId, tenant, deadline } = request;
  const web = {
    proxyOptions: SDK_PROXY,
    additionalPolicies: [
      { position: 'perCall' as const, policy: byAgents(agents) },
      { position: 'perCall' as const, policy: limitedReplies() },
    ],
  };
  const options = authority === undefined ? web : { ...web, authorityHost: authority };
  switch (kind) {
    case 'environment':
      return new EnvironmentCredential(options);
    case 'workload-identity': {
      const { tenant: home = '', clientId: id = '', github } = request.byGithub ?? {};
      if (!github) return new WorkloadIdentityCredential(options);
      return new ClientAssertionCredential(home, id, () => githubToken(github, agents), options);
    }
    case 'cli': {
      // az is ended before azlin gives up, because a child that hangs must not outlive azlin.
      return cliCredential({ tenant, patience: Math.ceil(deadline * CLI_SHARE), clock: request.clock });
    }
    case 'managed-identity': {
      // When all kinds are tried, one short probe finds out whether there is a managed identity. When it is the only kind, azlin waits for it.
      // The SDK does the same in its own default chain, but its types do not show the option.
      const probe = { ...web, sendProbeRequest: only === undefined } as ManagedIdentityCredentialClientIdOptions;
      return new ManagedIdentityCredential(clientId === undefined ? probe : { ...probe, clientId });
    }
  }
}

function signInError(tried: readonly Attempt[], request: CredentialRequest): AppError {
  const lines = tried.map(({ kind, reason }) => `\n  ${kind}: ${shorten(plainReason(reason), 240)}`);
  return new AppError('not-signed-in', `Not signed in to Azure. Tried:${lines.join('')}`, {
    hint: hintFor(tried, request),
  });
}

/** The reason without line breaks, links, and trace numbers for Microsoft's support. */
export function plainReason(reason: string): string {
  return printable(reason.replace(/\s+/g, ' '))
    .replace(/ ?(?:To troubleshoot|See|For more)[^.]* https?:\S+/g, '')
    .replace(/ ?Trace ID: .*/, '')
    .trim();
}

function hintFor(tried: readonly Attempt[], { tenant, homeTenant }: CredentialRequest): string {
  const home = tenant ?? homeTenant;
  const cli = tried.find(({ kind }) => kind === 'cli');
  if (cli?.reason.startsWith(HUNG))
    return 'az account get-access-token shows what takes so long; raise azure.deadline for more time';
  // The SDK does not pass on what az said about the tenant.
  if (cli) return home === undefined ? loginHint(cli.reason) : `az login --tenant ${home}`;
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
