import { type Client, type ClientOptions, getClient } from '@azure-rest/core-client';
import type { Clock } from '../../../domain/clock.ts';
import { AppError } from '../../../domain/errors.ts';
import { describeRequest, refusalError } from '../azure-errors.ts';
import type { PatientCredential } from '../sign-in/credential.ts';
import { limitedReplies } from './reply-limit.ts';
import { type Policy, retries, retryAfterOf } from './retries.ts';
import { byAgents, SDK_PROXY, type WebAgents } from './web-agents.ts';

/** How to talk to one Resource Manager, for one piece of work. */
export interface AzureAccess {
  readonly credential: PatientCredential;
  readonly agents: WebAgents;
  /** The URL of Resource Manager. */
  readonly endpoint: string;
  /** The scope that tokens are requested for. */
  readonly scope: string;
  readonly clock: Clock;
  /** When all of it must be answered, in milliseconds since 1970. */
  readonly until: number;
  /** Names of subscriptions and VMs by id in lower case, for messages. */
  readonly names: ReadonlyMap<string, string>;
  /** Tells people what delays the work; undefined when the delay is over. */
  readonly aside: (text: string | undefined) => void;
}

/** One client for all requests of a run: one connection pool, one token. */
export function azureClient(access: AzureAccess): Client {
  const client = getClient(access.endpoint, access.credential, azureClientOptions(access));
  // This policy looks for form data, which azlin never sends, and makes Node load all of `fetch` for that.
  client.pipeline.removePolicy({ name: 'formDataPolicy' });
  return client;
}

/** Options that give every client of the SDK the same behaviour. */
export function azureClientOptions({
  agents,
  endpoint,
  scope,
  clock,
  until,
  names,
  aside,
}: AzureAccess): ClientOptions {
  return {
    credentials: { scopes: [scope] },
    userAgentOptions: { userAgentPrefix: 'azlin' },
    // The SDK would wait only if the server says so, and for any time that it says. `retries` knows the deadline.
    retryOptions: { maxRetries: 0 },
    proxyOptions: SDK_PROXY,
    additionalPolicies: [
      { position: 'perCall', policy: sameOrigin(endpoint) },
      { position: 'perCall', policy: refusals(names) },
      { position: 'perCall', policy: byAgents(agents, names) },
      { position: 'perCall', policy: retries({ clock, until, aside }) },
      { position: 'perCall', policy: limitedReplies() },
    ],
  };
}

/** Rejects requests to other servers. The address of the next page comes from the reply, and the token must not be sent elsewhere. */
function sameOrigin(endpoint: string): Policy {
  return {
    name: 'azlinSameOrigin',
    async sendRequest(request, next) {
      const { origin } = new URL(request.url);
      if (origin === new URL(endpoint).origin) return next(request);
      throw new AppError(
        'azure-failed',
        `A reply from ${endpoint} points to another server, ${origin}; azlin does not follow it`,
      );
    },
  };
}

/** Turns refusals into errors. The SDK drops the body of a refused list, and with it Azure's reason, so it is read here, after the retries. */
function refusals(names: ReadonlyMap<string, string>): Policy {
  return {
    name: 'azlinRefusals',
    async sendRequest(request, next) {
      const response = await next(request);
      if (response.status < 400) return response;
      throw refusalError({
        status: response.status,
        body: response.bodyAsText ?? '',
        doing: describeRequest(request.url, names),
        retryAfter: retryAfterOf(response),
      });
    },
  };
}
