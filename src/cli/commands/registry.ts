import { exitCodeOf } from '../../domain/error-traits.ts';
import { AppError } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import type { Check } from '../../operations/doctor/findings.ts';
import { checksOf } from '../../operations/doctor/registry-checks.ts';
import { checkRows } from '../../operations/sessions/history.ts';
import type { RecordQuery, SessionRecord } from '../../registry/types.ts';
import type { RegistryReader } from '../app.ts';
import { type Call, defineCommand, type Result } from '../command.ts';
import { SCOPE_OPTIONS } from '../line/options.ts';
import { type RegistryShown, registryView } from '../views/registry.ts';
import { withRegistry } from '../with-registry.ts';

const ACTIONS = ['status', 'list', 'show', 'expire', 'check'] as const;
const PAGE = 500;
const EVENTS = 20;

export const registry = defineCommand({
  usage: '<action> [id]',
  positionals: {
    action: { describe: 'What to do', choices: ACTIONS },
    id: 'The id of a record, for show',
  },
  examples: [
    { line: 'azlin registry status', does: 'where records are kept, how many there are, and how they are used' },
    { line: 'azlin registry list', does: 'all records' },
    { line: 'azlin registry list --where user_id=alice --connected', does: "alice's connected sessions" },
    { line: 'azlin registry show s-42', does: 'one record, and what happened to it; it does not live longer for that' },
    { line: 'azlin registry expire', does: 'remove what has expired now, not at the next clean-up' },
    { line: 'azlin registry check', does: 'check the file or the database' },
  ],
  seeAlso: ['history', 'doctor', 'config'],
  options: {
    where: {
      kind: 'texts',
      takes: 'KEY=VALUE',
      describe: 'With list: only records whose metadata has this; repeatable',
    },
    connected: { kind: 'flag', describe: 'With list: only connected ones' },
    disconnected: { kind: 'flag', describe: 'With list: only those that are disconnected' },
    limit: { kind: 'text', takes: 'N', describe: 'With list: only the first N' },
    context: SCOPE_OPTIONS.context,
  },
  async run(call): Promise<Result<RegistryShown>> {
    const { positionals, caller } = call;
    const { action = '', id } = positionals;
    const query = queryOf(call, action);
    if (action === 'show' ? id === undefined : id !== undefined)
      throw new AppError(
        'usage',
        action === 'show' ? 'Missing record: azlin registry show ID' : `azlin registry ${action} takes no id`,
        {
          hint: 'azlin registry list shows their ids',
        },
      );
    return withRegistry(call, async (reader): Promise<Result<RegistryShown>> => {
      caller.progress(`Asking the registry (${reader.where})`);
      switch (action) {
        case 'check':
          return checked(reader);
        case 'list':
          return listed(call, reader, query);
        case 'show':
          return shown(reader, id ?? '');
        case 'expire':
          return expired(reader);
        default:
          return status(call, reader);
      }
    });
  },
  view: registryView,
});

async function status({ config }: Call, reader: RegistryReader): Promise<Result<RegistryShown>> {
  const open = await reader.open();
  const [stats, health] = [await open.stats(), await open.health()];
  const { backend, where } = reader;
  const { meanAge, bytesPerRecord } = stats;
  const { keepEvents } = config;
  return { data: { kind: 'status', status: { backend, where, keepEvents, ...health, meanAge, bytesPerRecord } } };
}

async function expired(reader: RegistryReader): Promise<Result<RegistryShown>> {
  const number = await (await reader.open()).expire();
  const note = number === 0 ? 'nothing has expired' : `${count(number, 'record')} expired`;
  return { data: { kind: 'expired', expired: number }, notes: [note] };
}

async function checked(reader: RegistryReader): Promise<Result<RegistryShown>> {
  const checks: readonly Check[] = await checksOf(reader);
  const failed = checks.find(({ status: one }) => one === 'failed');
  return { data: { kind: 'checks', checks }, exitCode: failed?.code ? exitCodeOf(failed.code) : 0 };
}

async function listed(
  { args, emit }: Call & { readonly args: { readonly limit: string | undefined } },
  reader: RegistryReader,
  query: RecordQuery,
): Promise<Result<RegistryShown>> {
  const open = await reader.open();
  const limit = checkRows(args.limit, Number.POSITIVE_INFINITY);
  const records: SessionRecord[] = [];
  for (let after: string | undefined, left = limit; left > 0; ) {
    const page = await open.list({ ...query, after, limit: Math.min(PAGE, left) });
    if (emit) await emit(page.records);
    else records.push(...page.records);
    left -= page.records.length;
    after = page.next;
    if (after === undefined) break;
  }
  if (emit) return {};
  const isAll = Object.keys(query.where ?? {}).length === 0 && query.isConnected === undefined;
  const none = isAll ? 'the registry has no records' : 'no matching records';
  return { data: { kind: 'records', records }, notes: records.length === 0 ? [none] : [] };
}

async function shown(reader: RegistryReader, id: string): Promise<Result<RegistryShown>> {
  const open = await reader.open();
  const record = await open.peek(id);
  const events = await open.history({ id, limit: EVENTS });
  if (!record)
    throw new AppError('session-not-found', `There is no record "${id}" in the registry`, {
      hint: events.length === 0 ? 'azlin registry list shows their ids' : `it is gone: ${events.at(-1)?.kind}`,
    });
  return { data: { kind: 'record', record, events } };
}

/** Throws `usage`. */
function queryOf({ args }: Call, action: string): RecordQuery {
  const { where, connected, disconnected, limit } = args as {
    readonly where: readonly string[];
    readonly connected: boolean;
    readonly disconnected: boolean;
    readonly limit: string | undefined;
  };
  const isGiven = where.length > 0 || connected || disconnected || limit !== undefined;
  if (isGiven && action !== 'list')
    throw new AppError('usage', '--where, --connected, --disconnected and --limit only work with azlin registry list');
  if (connected && disconnected) throw new AppError('usage', 'Give --connected or --disconnected, not both');
  const conditions = where.map((one) => {
    const [, key = '', value = ''] = /^(\w{1,64})=(.*)$/s.exec(one) ?? [];
    if (key === '')
      throw new AppError('usage', `Invalid condition "${one}"`, {
        hint: 'expected KEY=VALUE, for example user_id=alice',
      });
    return [key, valueIn(value)] as const;
  });
  const isConnected = connected ? true : disconnected ? false : undefined;
  return { where: Object.fromEntries(conditions), isConnected };
}

/** Numbers, true and false are what they look like; in quotes they are text. */
function valueIn(text: string): string | number | boolean {
  if (/^(?:true|false|-?\d{1,15}(?:\.\d+)?)$/.test(text)) return JSON.parse(text) as number | boolean;
  return /^".*"$/s.test(text) ? text.slice(1, -1) : text;
}
