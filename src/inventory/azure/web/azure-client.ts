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
  /** What its tokens are asked for. */
  readonly scope: string;
  readonly clock: Clock;
  /** Milliseconds since 1970 by which all of it must be answered. */
  readonly until: number;
  /** Names of subscriptions and VMs by id in lower case, for messages. */
  readonly names: ReadonlyMap<string, string>;
  /** What holds it up, for people; undefined when that is over. */
  readonly aside: (text: string | undefined) => void;
}

/** One client for everything of a run: one connection pool, one token. */
export function azureClient(access: AzureAccess): Client {
  const client = getClient(access.endpoint, access.credential, azureClientOptions(access));
  // It looks for forms, of which there are none, and has Node load all of `fetch` for that.
  client.pipeline.removePolicy({ name: 'formDataPolicy' });
  return client;
}

/** The same behaviour for every client of the SDK. */
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
    // The SDK waits for as long as it is told to, and only when it is told: `retries` knows the deadline.
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

/** The address of the next page comes from the reply; the token that goes with the request must not follow it elsewhere. */
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

/** The SDK drops the body of a refused list, and with it Azure's reason: it is read here, after the retries. */
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
