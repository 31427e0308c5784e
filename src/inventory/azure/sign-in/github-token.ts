import { getClient } from '@azure-rest/core-client';
import { AppError, messageOf } from '../../../domain/errors.ts';
import { keepSecret } from '../../../domain/secrets.ts';
import { limitedReplies } from '../web/reply-limit.ts';
import { byAgents, SDK_PROXY, type WebAgents } from '../web/web-agents.ts';
import type { GithubTokens } from './accounts.ts';

/** What federated credentials of Azure expect in such a token. */
const AUDIENCE = 'api://AzureADTokenExchange';

/** A token of GitHub, which Azure exchanges for one of its own. Rejects with `not-signed-in`. */
export async function githubToken(
  { url, token }: GithubTokens,
  agents: WebAgents,
  signal?: AbortSignal,
): Promise<string> {
  keepSecret(token);
  const place = new URL(url);
  const client = getClient(place.origin, {
    proxyOptions: SDK_PROXY,
    additionalPolicies: [
      { position: 'perCall', policy: byAgents(agents) },
      { position: 'perCall', policy: limitedReplies() },
    ],
  });
  const failed = (why: string, cause?: unknown) =>
    new AppError('not-signed-in', `GitHub gave no token for this workflow: ${why}`, {
      cause,
      hint: 'the job needs the permission id-token: write',
    });
  place.searchParams.set('audience', AUDIENCE);
  const request = { headers: { authorization: `Bearer ${token}` }, ...(signal ? { abortSignal: signal } : {}) };
  const ask = async () => client.pathUnchecked(`${place.pathname}${place.search}`).get(request);
  const reply = await ask().catch((error: unknown) => {
    signal?.throwIfAborted();
    throw failed(messageOf(error), error);
  });
  const { value } = (reply.body ?? {}) as { readonly value?: unknown };
  if (reply.status !== '200' || typeof value !== 'string') throw failed(`HTTP status ${reply.status}`);
  keepSecret(value);
  return value;
}
