import type { Client } from '@azure-rest/core-client';
import { withDeadline } from '../../domain/deadline.ts';
import { formatDuration } from '../../domain/duration.ts';
import { AppError } from '../../domain/errors.ts';
import type { Asking } from './asking.ts';
import { azureError } from './azure-errors.ts';

/** What was found before the end of the list, or before it broke off. */
export interface Listed<T> {
  readonly items: readonly T[];
  readonly failure: AppError | undefined;
}

export interface Page {
  readonly raw: readonly unknown[];
  /** Where the next one is; undefined after the last. */
  readonly next: string | undefined;
}

/** Every page of a list, one after the other. Rejects only when the work is interrupted. */
export function listPages<T>(asking: Asking, first: string, read: (raw: unknown) => T | undefined): Promise<Listed<T>> {
  return collect({ asking, first, pageOf: (at, signal) => pageAt(asking.client, at, signal), read });
}

export interface Collecting<T> {
  readonly asking: Asking;
  /** What `pageOf` is given first. */
  readonly first: string;
  readonly pageOf: (at: string, signal: AbortSignal) => Promise<Page>;
  /** Undefined leaves a thing out. */
  readonly read: (raw: unknown) => T | undefined;
}

/** As `listPages`, for pages that come in another way. */
export async function collect<T>({ asking, first, pageOf, read }: Collecting<T>): Promise<Listed<T>> {
  const { access, signal } = asking;
  const items: T[] = [];
  const { clock, until, endpoint } = access;
  const ms = Math.max(0, until - clock.now());
  const started = clock.now();
  const expired = () =>
    new AppError('timed-out', `Azure Resource Manager at ${endpoint} did not answer in ${formatDuration(ms)}`, {
      hint: 'check the network and the proxy, or try again; azure.deadline allows more time',
    });
  try {
    await withDeadline({ clock, ms, signal, expired }, async (limited) => {
      const seen = new Set<string>();
      for (let at: string | undefined = first; at !== undefined; ) {
        if (seen.has(at)) throw new AppError('azure-failed', `A list of ${endpoint} leads back to itself: ${at}`);
        seen.add(at);
        const { raw, next }: Page = await pageOf(at, limited);
        for (const one of raw) {
          const item = read(one);
          if (item !== undefined) items.push(item);
        }
        at = next;
      }
    });
    return { items, failure: undefined };
  } catch (error) {
    signal.throwIfAborted();
    // What is still on its way when the deadline has passed comes too late.
    return { items: [...items], failure: azureError(error, endpoint) };
  } finally {
    asking.trace(`azure: ${items.length} from ${first.replace(/\?.*/, '')} in ${clock.now() - started} ms`);
  }
}

async function pageAt(client: Client, at: string, signal: AbortSignal): Promise<Page> {
  const { value, nextLink } = ((await bodyAt(client, at, signal)) ?? {}) as { value?: unknown; nextLink?: unknown };
  if (!Array.isArray(value))
    throw new AppError('azure-failed', 'Azure sent a page of a list without values', { hint: 'try again' });
  return { raw: value, next: typeof nextLink === 'string' && nextLink !== '' ? nextLink : undefined };
}

export function bodyAt(client: Client, at: string, signal: AbortSignal): Promise<unknown> {
  return whole(async () => (await client.pathUnchecked(at).get({ abortSignal: signal })).body);
}

const WHOLE_ATTEMPTS = 3;

/** A reply that was cut on its way is no JSON; the next one may be whole. */
export async function whole<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if ((error as { code?: string }).code !== 'PARSE_ERROR' || attempt === WHOLE_ATTEMPTS) throw error;
    }
  }
}
