import { AppError } from '../../domain/errors.ts';
import type { AzureWork } from './ask-azure.ts';
import type { Reading } from './json.ts';
import { collect, type Listed, type ListPage, whole } from './lists.ts';
import type { Subscription } from './scope.ts';

const RESOURCES = '/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01';
/** Rows per page: the most that Resource Graph returns. */
const PAGE = 1_000;
/** Subscriptions that one query may name. */
const SUBSCRIPTIONS = 1_000;

export interface GraphRequest {
  readonly asking: AzureWork;
  readonly query: string;
  readonly subscriptions: readonly Subscription[];
}

/** Every row of a query, page after page. */
export async function rowsOf<T>(
  { asking, query, subscriptions }: GraphRequest,
  read: (raw: unknown) => Reading<T>,
): Promise<Listed<T>> {
  let seen = 0;
  let promised = 0;
  const pageOf = async (at: string, signal: AbortSignal): Promise<ListPage> => {
    const options = { resultFormat: 'objectArray', $top: PAGE, ...(at === RESOURCES ? {} : { $skipToken: at }) };
    const body = { subscriptions: subscriptions.map(({ id }) => id), query, options };
    const reply = await whole(async () => {
      const answer = await asking.client.pathUnchecked(RESOURCES).post({ body, abortSignal: signal });
      return (answer.body ?? {}) as { data?: unknown; $skipToken?: unknown; totalRecords?: unknown };
    });
    if (!Array.isArray(reply.data)) throw new Error('a page without rows');
    seen += reply.data.length;
    promised = Number(reply.totalRecords) || 0;
    const next = typeof reply.$skipToken === 'string' && reply.$skipToken !== '' ? reply.$skipToken : undefined;
    return { raw: reply.data, next };
  };
  const listed = await collect({ asking, first: RESOURCES, pageOf, read });
  if (listed.failure || seen >= promised) return listed;
  const failure = new AppError('azure-failed', `Azure Resource Graph returned only ${seen} of ${promised} rows`, {
    hint: 'set inventory.source to "azure" to ask Resource Manager instead',
  });
  return { ...listed, failure };
}

/** Groups subscriptions into what one query may name: those of one tenant, and not too many. */
export function batchesOf(subscriptions: readonly Subscription[]): readonly (readonly Subscription[])[] {
  const tenants = [...new Set(subscriptions.map(({ tenant }) => tenant))];
  return tenants.flatMap((tenant) => {
    const own = subscriptions.filter((one) => one.tenant === tenant);
    const count = Math.ceil(own.length / SUBSCRIPTIONS);
    return Array.from({ length: count }, (_, at) => own.slice(at * SUBSCRIPTIONS, (at + 1) * SUBSCRIPTIONS));
  });
}
