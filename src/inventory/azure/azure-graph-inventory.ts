import { AppError } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import type { Vm } from '../../domain/vm.ts';
import type { Inventory } from '../inventory.ts';
import { joinAddresses } from './addresses.ts';
import { type Asking, type AzureSettings, askAzure } from './asking.ts';
import { graphQuery, readGraphVm, VISIBLE_SUBSCRIPTIONS } from './graph-query.ts';
import { isRecord } from './json.ts';
import { collect, type Listed, type Page, whole } from './lists.ts';
import { fleetOf, gapOf, type Part } from './parts.ts';
import type { Subscription } from './scope.ts';

const RESOURCES = '/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01';
/** Rows a page, the most that Resource Graph gives. */
const PAGE = 1_000;
/** Subscriptions that one query may name. */
const SUBSCRIPTIONS = 1_000;

/** VMs from Azure Resource Graph: one query for all subscriptions, addresses and power states joined there. */
export function azureGraphInventory(settings: AzureSettings): Inventory {
  return {
    async listVms(_query, signal) {
      const { asking } = askAzure(settings, signal);
      const { subscriptions, resourceGroup, progress } = settings;
      const query = graphQuery(resourceGroup);
      let vms = 0;
      progress('Querying Azure Resource Graph');
      const chunks = subscriptions === 'all' ? ['all' as const] : chunksOf(subscriptions, SUBSCRIPTIONS);
      const parts = await Promise.all(
        chunks.map((chunk) =>
          partOf({ asking, query, subscriptions: chunk }, () =>
            progress(`Querying Azure Resource Graph: ${++vms} VMs so far`),
          ),
        ),
      );
      return fleetOf(parts, settings.clock.now());
    },
  };
}

interface GraphRequest {
  readonly asking: Asking;
  readonly query: string;
  readonly subscriptions: readonly Subscription[] | 'all';
}

async function partOf(request: GraphRequest, found: () => void): Promise<Part> {
  const warnings: string[] = [];
  const [rows, hidden] = await Promise.all([
    rowsOf(request, (raw) => {
      const { vm, problem } = readGraphVm(raw);
      if (problem !== undefined) warnings.push(problem);
      if (vm) found();
      return vm;
    }),
    hiddenSubscriptions(request),
  ]);
  if (rows.failure && rows.items.length === 0) return { vms: [], warnings, failure: rows.failure, gaps: [] };
  if (hidden.items.length === subscriptionCount(request))
    return { vms: [], warnings, failure: hidden.items[0]?.cause, gaps: [] };
  return {
    vms: rows.items.map(({ vm, powerState, interfaces, known, publicIps }): Vm => {
      const addresses = joinAddresses(known, publicIps);
      return { ...vm, resourceGroup: addresses.spellingOf(vm.resourceGroup), powerState, ...addresses.of(interfaces) };
    }),
    warnings,
    failure: undefined,
    gaps: [
      ...hidden.items,
      ...gapOf(rows, `only the first ${count(rows.items.length, 'VM')} are known`),
      ...gapOf(hidden, 'VMs may be missing'),
    ],
  };
}

const subscriptionCount = ({ subscriptions }: GraphRequest) => (subscriptions === 'all' ? -1 : subscriptions.length);

/** Resource Graph passes over what the sign-in may not read, without a word: what it does see is therefore asked as well. */
async function hiddenSubscriptions(request: GraphRequest): Promise<Listed<Part['gaps'][number]>> {
  const { subscriptions } = request;
  if (subscriptions === 'all') return { items: [], failure: undefined };
  const { items, failure } = await rowsOf({ ...request, query: VISIBLE_SUBSCRIPTIONS }, (raw) =>
    isRecord(raw) && typeof raw['subscriptionId'] === 'string' ? raw['subscriptionId'].toLowerCase() : undefined,
  );
  if (failure) return { items: [], failure };
  const hidden = subscriptions.filter(({ id }) => !items.includes(id.toLowerCase()));
  return {
    items: hidden.map(({ id, name }) => ({
      consequence: 'VMs are missing',
      cause: new AppError(
        'azure-denied',
        `Azure Resource Graph shows nothing of subscription ${name === undefined ? id : `"${name}" (${id})`}: it does not exist, or this sign-in may not read it`,
        { hint: 'az account list --output table   shows your subscriptions; reading them needs the role Reader' },
      ),
    })),
    failure: undefined,
  };
}

/** Every row of a query, page after page. */
function rowsOf<T>({ asking, query, subscriptions }: GraphRequest, read: (raw: unknown) => T | undefined) {
  const scope = subscriptions === 'all' ? {} : { subscriptions: subscriptions.map(({ id }) => id) };
  const pageOf = async (at: string, signal: AbortSignal): Promise<Page> => {
    const options = { resultFormat: 'objectArray', $top: PAGE, ...(at === RESOURCES ? {} : { $skipToken: at }) };
    const body = { ...scope, query, options };
    const reply = await whole(async () => {
      const { body: answer } = await asking.client.pathUnchecked(RESOURCES).post({ body, abortSignal: signal });
      return answer as { data?: unknown; $skipToken?: unknown; resultTruncated?: unknown };
    });
    if (!Array.isArray(reply.data))
      throw new AppError('azure-failed', 'Azure Resource Graph sent a page without rows', { hint: 'try again' });
    const next = typeof reply.$skipToken === 'string' && reply.$skipToken !== '' ? reply.$skipToken : undefined;
    if (next === undefined && reply.resultTruncated === 'true')
      throw new AppError('azure-failed', 'Azure Resource Graph cut its answer short', {
        hint: 'inventory.source = "azure" asks Resource Manager instead',
      });
    return { raw: reply.data, next };
  };
  return collect({ asking, first: RESOURCES, pageOf, read });
}

function chunksOf<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
