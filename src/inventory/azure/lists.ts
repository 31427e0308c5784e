import type { Client } from '@azure-rest/core-client';
import { withDeadline } from '../../domain/deadline.ts';
import { formatDuration } from '../../domain/duration.ts';
import { AppError } from '../../domain/errors.ts';
import type { AzureWork } from './ask-azure.ts';
import { azureError, describeRequest } from './azure-errors.ts';
import type { Reading } from './json.ts';
import { letGo } from './web/page-memory.ts';

/** What was found up to the end of the list, or until it broke off. */
export interface Listed<T> {
  readonly items: readonly T[];
  /** What Azure sent and azlin could not read. */
  readonly problems: readonly string[];
  readonly failure: AppError | undefined;
}

export interface ListPage {
  readonly raw: readonly unknown[];
  /** Where the next page is; undefined after the last one. */
  readonly next: string | undefined;
}

/** Every page of a list, one after the other. Rejects only when the work is interrupted. */
export function listPages<T>(asking: AzureWork, first: string, read: (raw: unknown) => Reading<T>): Promise<Listed<T>> {
  return collect({ asking, first, pageOf: (at, signal) => pageAt(asking.client, at, signal), read });
}

export interface Collecting<T> {
  readonly asking: AzureWork;
  /** What `pageOf` is given first. */
  readonly first: string;
  readonly pageOf: (at: string, signal: AbortSignal) => Promise<ListPage>;
  readonly read: (raw: unknown) => Reading<T>;
}

/** Like `listPages`, for pages that are fetched in another way. Each list has its own deadline, so that one that hangs costs only its part of the answer. */
export async function collect<T>({ asking, first, pageOf, read }: Collecting<T>): Promise<Listed<T>> {
  const { access, signal } = asking;
  const items: T[] = [];
  const problems: string[] = [];
  const { clock, until, endpoint, names } = access;
  const startedAt = clock.now();
  const ms = until - startedAt;
  const doing = describeRequest(new URL(first, endpoint).href, names);
  const expired = () => tooLate(asking, doing, ms);
  // The deadline had passed before it was the turn of this list.
  if (ms <= 0) return { items, problems, failure: expired() };
  try {
    await withDeadline({ clock, ms, signal, expired }, async (limited) => {
      const seen = new Set<string>();
      for (let at: string | undefined = first; at !== undefined; ) {
        if (seen.has(at))
          throw new AppError('azure-failed', `Cannot ${doing}: the pages of the list form a loop at ${at}`);
        seen.add(at);
        const { raw, next }: ListPage = await pageOf(at, limited);
        for (const one of raw) {
          const { found, problem } = read(one);
          if (found !== undefined) items.push(found);
          if (problem !== undefined) problems.push(problem);
        }
        letGo(raw.length);
        at = next;
      }
    });
    return { items, problems, failure: undefined };
  } catch (error) {
    signal.throwIfAborted();
    // Copied, because a page that arrives after the deadline must not be added.
    return { items: [...items], problems: [...problems], failure: azureError(error, doing, endpoint) };
  } finally {
    asking.trace(`azure: ${items.length} from ${first.replace(/\?.*/, '')} in ${clock.now() - startedAt} ms`);
  }
}

const MORE_TIME = 'raise azure.deadline for more time';

/** The error when nobody answered in time: neither Azure, nor what should have given a token for it. */
function tooLate({ access: { credential, endpoint } }: AzureWork, doing: string, ms: number): AppError {
  if (ms <= 0) return new AppError('timed-out', `Cannot ${doing}: no time was left to ask`, { hint: MORE_TIME });
  const waiting = credential.waitingFor();
  if (waiting !== undefined)
    return new AppError('not-signed-in', `Cannot ${doing}: ${waiting} gave no token in ${formatDuration(ms)}`, {
      hint: `set azure.credential to try only one sign-in; ${MORE_TIME}`,
    });
  return new AppError('timed-out', `Cannot ${doing}: ${endpoint} did not answer in ${formatDuration(ms)}`, {
    hint: `check the network and the proxy, or try again; ${MORE_TIME}`,
  });
}

async function pageAt(client: Client, at: string, signal: AbortSignal): Promise<ListPage> {
  const { value, nextLink } = ((await bodyAt(client, at, signal)) ?? {}) as { value?: unknown; nextLink?: unknown };
  if (!Array.isArray(value)) throw new Error('a page of a list without values');
  return { raw: value, next: typeof nextLink === 'string' && nextLink !== '' ? nextLink : undefined };
}

export function bodyAt(client: Client, at: string, signal: AbortSignal): Promise<unknown> {
  return whole(async () => (await client.pathUnchecked(at).get({ abortSignal: signal })).body);
}

const WHOLE_ATTEMPTS = 3;

/** Asks again after a reply that was cut off and therefore is not valid JSON. The next one may be complete. */
export async function whole<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if ((error as { code?: string }).code !== 'PARSE_ERROR' || attempt === WHOLE_ATTEMPTS) throw error;
    }
  }
}
