import {
  type AccessToken,
  CredentialUnavailableError,
  type GetTokenOptions,
  type TokenCredential,
} from '@azure/identity';
import type { Clock } from '../../../domain/clock.ts';
import { complaintIn, plainOutput, runAz } from './run-az.ts';

export interface CliCredentialRequest {
  /** The tenant to sign in to; undefined for the one that is active in az. */
  readonly tenant: string | undefined;
  /** Milliseconds that `az` may take. */
  readonly patience: number;
  readonly clock: Clock;
}

/**
 * Tokens from `az account get-access-token`. Unlike the SDK's own credential, it ignores what az prints around its answer, and it ends an az that hangs,
 * together with the processes that az has started. `getToken` rejects with CredentialUnavailableError.
 */
export function cliCredential(request: CliCredentialRequest): TokenCredential {
  return {
    async getToken(scopes: string | string[], { tenantId, claims, abortSignal }: GetTokenOptions = {}) {
      const scope = [scopes].flat()[0] ?? '';
      if (claims) {
        const challenge = Buffer.from(claims).toString('base64');
        throw new CredentialUnavailableError(`az login --claims-challenge ${challenge} --scope ${scope}`);
      }
      const tenant = tenantId ?? request.tenant;
      const resource = scope.replace(/\/\.default$/, '');
      const words = ['account', 'get-access-token', '--output', 'json', '--resource', resource];
      const { stdout, stderr, code } = await runAz([...words, ...(tenant ? ['--tenant', tenant] : [])], {
        ...request,
        abortSignal,
      });
      const token = code === 0 ? tokenIn(stdout) : undefined;
      if (token) return token;
      throw new CredentialUnavailableError(complaintIn(stderr) || `az gave no token (exit code ${code})`);
    },
  };
}

/** Finds the answer among what extensions, plug-ins and new versions print around it. */
function tokenIn(printed: string): AccessToken | undefined {
  const text = plainOutput(printed);
  const ends = [...text.matchAll(/\}/g)]
    .map(({ index }) => index)
    .slice(-TRIES)
    .reverse();
  const starts = [...text.matchAll(/\{/g)].map(({ index }) => index).slice(0, TRIES);
  for (const start of starts)
    for (const end of ends) {
      const token = end > start ? tokenOf(text.slice(start, end + 1)) : undefined;
      if (token) return token;
    }
  return undefined;
}

const TRIES = 20;

function tokenOf(text: string): AccessToken | undefined {
  try {
    const { accessToken, expires_on, expiresOn } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    // `expiresOn` is local time; newer versions also give `expires_on`, in seconds.
    const seconds = Number.parseInt(`${expires_on}`, 10);
    const expiresOnTimestamp = Number.isNaN(seconds) ? new Date(`${expiresOn}`).getTime() : seconds * 1_000;
    if (typeof accessToken !== 'string' || accessToken === '' || Number.isNaN(expiresOnTimestamp)) return undefined;
    return { token: accessToken, expiresOnTimestamp, tokenType: 'Bearer' };
  } catch {
    return undefined;
  }
}
