import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { AppError } from '../domain/errors.ts';
import type { FleetAccess } from '../operations/access/fleet-access.ts';
import type { Registry, SessionRecord } from '../registry/types.ts';

/** Milliseconds without a call after which a session is idle. */
const IDLE = 300_000;

/** A session of an agent, as tools tell it. */
export const SESSION = z.object({
  id: z.string().describe('For `session` of the other tools'),
  session_id: z.string().describe('The same'),
  name: z.string().describe('The name of the tmux session'),
  server: z.string().describe('Its VM'),
  state: z.enum(['connecting', 'connected', 'idle', 'expired', 'closed']),
  started: z.string().describe('ISO 8601'),
  last_used: z.string(),
  expires: z.string().nullable().describe('When the record expires unless it is used; the tmux session stays'),
  client: z.string().describe('Which program started it'),
  user: z.string().describe('The label of whoever ran that program'),
  request_count: z.int(),
  reconnect_count: z.int(),
});
export type AgentSession = z.output<typeof SESSION>;

/** What is kept of a session in the registry, besides times. Others can write there, too. */
const KEPT = z.object({
  kind: z.literal('mcp'),
  name: z.string(),
  server: z.string(),
  /** The user before the `@`, if one was named. */
  login: z.string().nullable().default(null),
  client: z.string(),
  user_id: z.string(),
  request_count: z.int(),
  last_tool: z.string(),
  /** Whether the tmux session was made for it, so that closing it ends that, too. */
  made: z.boolean(),
  /** Which tmux session that is, as sessionIdentity tells it; unknown in records of older versions. */
  identity: z.string().nullable().default(null),
  /** The name of the folder in which its work is kept, on the machine of whoever started it. */
  folder: z.string().nullable().default(null),
});
type Kept = z.output<typeof KEPT>;

/** A session that a tool was told to use. */
export interface UsedSession {
  readonly record: SessionRecord;
  readonly kept: Kept;
}

export interface AgentSessions {
  /** `clientKey`: who starts it. */
  add(
    fields: Pick<Kept, 'name' | 'server' | 'login' | 'made' | 'identity' | 'client' | 'folder'>,
    clientKey: string,
  ): Promise<UsedSession>;
  /** By its id or, if only one has it, its name. Rejects with `session-not-found` or `ambiguous`. */
  find(named: string): Promise<UsedSession>;
  /** Counts a use. Rejects with `session-not-found`, or `usage` if there are too many. */
  use(id: string, tool: string): Promise<UsedSession>;
  /** Those of a VM, or all. */
  list(server: string | undefined): Promise<readonly UsedSession[]>;
  /** From now on its work is kept in that folder. */
  keepIn(id: string, folder: string | null): Promise<UsedSession>;
  /** Those that this client has started or come back to. */
  own(clientKey: string): Promise<readonly UsedSession[]>;
  /** From now on it belongs to this client. */
  adopt(id: string, clientKey: string): void;
  remove(id: string): Promise<void>;
}

const MOST = 1_000;

interface Settings {
  registry(): Promise<Registry>;
  readonly access: FleetAccess;
}

/** The sessions of agents in the registry, which other servers may share. */
export function agentSessions({ registry, access }: Settings): AgentSessions {
  /** Whose each session is. */
  const owners = new Map<string, string>();
  const all = async (): Promise<readonly UsedSession[]> => {
    const open = await registry();
    const found: UsedSession[] = [];
    for (let after: string | undefined, isMore = true; isMore; ) {
      const page = await open.list({ where: { kind: 'mcp' }, limit: MOST, after });
      found.push(...page.records.flatMap(usedSession));
      after = page.next;
      isMore = after !== undefined;
    }
    return found;
  };
  return {
    async add(fields, clientKey) {
      const { label: user } = access.settings;
      const kept: Kept = { kind: 'mcp', ...fields, user_id: user, request_count: 0, last_tool: 'ssh_session_start' };
      const open = await registry();
      const id = `s-${randomBytes(6).toString('hex')}`;
      const record = await open.create({ id, metadata: kept });
      owners.set(id, clientKey);
      return { record, kept };
    },
    find: async (named) => sessionNamed(await registry(), named, await all()),
    async use(id, tool) {
      const open = await registry();
      const allowance = await open.allow(id);
      if (!allowance.allowed) throw tooOften(id, allowance.retryAfterMs);
      const record = await open.update(id, (metadata) => ({
        ...metadata,
        request_count: Number(metadata['request_count'] ?? 0) + 1,
        last_tool: tool,
      }));
      const [used] = usedSession(record);
      if (!used) throw await notThere(open, id);
      return used;
    },
    list: async (server) => (await all()).filter(({ kept }) => server === undefined || isServer(kept.server, server)),
    async keepIn(id, folder) {
      const open = await registry();
      const [used] = usedSession(await open.update(id, (metadata) => ({ ...metadata, folder })));
      if (!used) throw await notThere(open, id);
      return used;
    },
    async own(clientKey) {
      const there = await all();
      const ids = new Set(there.map(({ record }) => record.id));
      for (const id of owners.keys()) if (!ids.has(id)) owners.delete(id);
      return there.filter(({ record }) => owners.get(record.id) === clientKey);
    },
    adopt: (id, clientKey) => void owners.set(id, clientKey),
    async remove(id) {
      owners.delete(id);
      await (await registry()).delete(id);
    },
  };
}

/** The session that a record is about, if it is one of an agent. */
export function usedSession(record: SessionRecord): readonly UsedSession[] {
  const { success, data: kept } = KEPT.safeParse(record.metadata);
  return success ? [{ record, kept }] : [];
}

async function sessionNamed(registry: Registry, named: string, all: readonly UsedSession[]): Promise<UsedSession> {
  const itself = all.find(({ record }) => record.id === named);
  if (itself) return itself;
  const found = all.filter(
    (one) => one.kept.name === named || `${one.kept.server}:${one.kept.name}` === named || identifierIn(one) === named,
  );
  const [only, ...others] = found;
  if (only && others.length === 0) return only;
  if (only)
    throw new AppError('ambiguous', `Several sessions are called "${named}"`, {
      candidates: {
        title: 'Their ids',
        items: found.map(({ record, kept }) => ({
          identifier: `${record.id} (${kept.server}:${kept.name})`,
          ip: null,
        })),
      },
      hint: 'use the id',
    });
  throw await notThere(registry, named);
}

async function notThere(registry: Registry, named: string): Promise<AppError> {
  const isId = /^[\w.:-]{1,128}$/.test(named);
  const last = isId ? (await registry.history({ id: named, limit: 1 })).at(-1) : undefined;
  const how = last?.kind === 'expired' ? ' has expired' : last?.kind === 'deleted' ? ' was closed' : ' is not known';
  return new AppError('session-not-found', `The session "${named}"${how}`, {
    hint: 'ssh_session_list lists sessions; ssh_session_start with the same server and name goes on with a tmux session that is still there',
  });
}

function tooOften(id: string, ms: number): AppError {
  return new AppError('usage', `The session "${id}" is used too often`, { hint: `try again in ${ms} ms` });
}

/** Whether that is what somebody calls the VM: names mind no case, and the resource group may be missing on either side. */
function isServer(own: string, asked: string): boolean {
  const [one, other] = [own.toLowerCase(), asked.toLowerCase()];
  if (one.includes('/') && other.includes('/')) return one === other;
  return one.replace(/^.*\//, '') === other.replace(/^.*\//, '');
}

/** What names its tmux session for azlin. */
export function identifierIn({ kept: { login, server, name } }: UsedSession): string {
  return `${login === null ? '' : `${login}@`}${server}:${name}`;
}

/** `now`: milliseconds since 1970. */
export function shownSession({ record, kept }: UsedSession, now: number): AgentSession {
  const { id, createdAt, accessedAt, ttl, disconnected, reconnectCount } = record;
  const state = disconnected || now - accessedAt >= IDLE ? 'idle' : 'connected';
  const iso = (ms: number) => new Date(ms).toISOString();
  return {
    ...{ id, session_id: id, name: kept.name, server: kept.server, state },
    ...{ started: iso(createdAt), last_used: iso(accessedAt), expires: ttl === null ? null : iso(accessedAt + ttl) },
    ...{ client: kept.client, user: kept.user_id, request_count: kept.request_count, reconnect_count: reconnectCount },
  };
}
