import type { ClientOptions } from '@azure-rest/core-client';
import { backOff } from '../../../domain/back-off.ts';
import { type Clock, pause } from '../../../domain/clock.ts';
import { formatDuration } from '../../../domain/duration.ts';

/** A step of the SDK's pipeline, through which every request goes. */
export type Policy = NonNullable<ClientOptions['additionalPolicies']>[number]['policy'];

export interface Patience {
  readonly clock: Clock;
  /** Milliseconds since 1970 after which nothing is worth waiting for. */
  readonly until: number;
  readonly aside: (text: string | undefined) => void;
}

type Response = Awaited<ReturnType<Policy['sendRequest']>>;
type Attempt =
  | { readonly response: Response; readonly error?: never }
  | { readonly response?: never; readonly error: unknown };

const ATTEMPTS = 5;
const RETRIED_STATUSES: readonly number[] = [408, 429, 500, 502, 503, 504];
/** Errors of a connection that was made and then broke. Trying again does not help if a connection cannot be made at all. */
const RETRIED_CODES: readonly string[] = [
  ...['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE'],
  ...['PROXY_502', 'PROXY_503', 'PROXY_504'],
];
/** With jitter: requests that were refused together would be refused again if they were repeated together. */
const AGAIN = { first: 300, longest: 5_000, jitter: 0.5 };

/**
 * Asks again after 429, 5xx and broken connections. It waits as long as the server asks for, otherwise longer each time. If a wait would not end before the
 * deadline, it does not wait but returns the refusal at once.
 */
export function retries({ clock, until, aside }: Patience): Policy {
  return {
    name: 'azlinRetries',
    async sendRequest(request, next) {
      for (let number = 1; ; number++) {
        const attempt = await next(request).then(
          (response): Attempt => ({ response }),
          (error: unknown): Attempt => ({ error }),
        );
        const wait = waitAfter(attempt, number);
        if (wait === undefined || clock.now() + wait >= until) {
          if (attempt.response) return attempt.response;
          throw attempt.error;
        }
        const status = attempt.response?.status;
        if (wait >= 1_000)
          aside(
            `Azure ${status === 429 ? 'is throttling requests' : 'failed'}; trying again in ${formatDuration(Math.round(wait / 1_000) * 1_000)}`,
          );
        try {
          // Whatever its type says, this is the signal that azlin gave to the request.
          await pause(clock, wait, (request.abortSignal ?? new AbortController().signal) as AbortSignal);
        } finally {
          aside(undefined);
        }
      }
    },
  };
}

/** Milliseconds to wait before the next attempt; undefined when this one is final. */
function waitAfter({ response, error }: Attempt, number: number): number | undefined {
  const isWorthIt = response
    ? RETRIED_STATUSES.includes(response.status)
    : RETRIED_CODES.includes((error as { code?: string }).code ?? '');
  if (!isWorthIt) return undefined;
  const wanted = response && retryAfterOf(response);
  // A server that asks for a wait is asked again as long as there is time; any other, only a few times.
  if (wanted !== undefined && wanted >= 1_000) return wanted * (1 + Math.random() / 20);
  if (number >= ATTEMPTS) return undefined;
  return wanted ?? backOff(AGAIN, number);
}

/** A longer wait than this is as good as for ever. */
const LONGEST = 7 * 86_400_000;

/** How long a server asks to wait, in milliseconds; undefined when it does not say. */
export function retryAfterOf(response: Pick<Response, 'headers' | 'status'>): number | undefined {
  const wish = wishOf(response);
  return wish === undefined ? undefined : Math.min(LONGEST, wish);
}

function wishOf({ headers, status }: Pick<Response, 'headers' | 'status'>): number | undefined {
  const ms = Number(headers.get('retry-after-ms') ?? headers.get('x-ms-retry-after-ms') ?? Number.NaN);
  if (ms >= 0) return ms;
  const text = headers.get('retry-after');
  if (text !== undefined && /^\d+$/.test(text.trim())) return Number(text) * 1_000;
  // A date is useless without the time of the server's own clock, which comes with it.
  const [at, now] = [Date.parse(text ?? ''), Date.parse(headers.get('date') ?? '')];
  if (at >= now) return at - now;
  // Resource Graph has a quota of queries for each user, and says when it resets, as hours:minutes:seconds.
  const [, hours, minutes, seconds] =
    (status === 429 && /^(\d+):(\d+):(\d+)/.exec(headers.get('x-ms-user-quota-resets-after') ?? '')) || [];
  return seconds === undefined ? undefined : (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)) * 1_000;
}
