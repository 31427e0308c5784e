import { z } from 'zod';
import { AppError, messageOf } from '../../domain/errors.ts';
import { disconnectSession } from '../../operations/sessions/disconnect.ts';
import { questionOf } from '../confirm.ts';
import { type AgentSessions, identifierIn, SESSION, shownSession, type UsedSession, usedSession } from '../sessions.ts';
import { CHANGES, defineTool, ENDS, LOOKS, type ToolCall } from '../tool.ts';
import { commitOf, finishWork } from './session-work.ts';
import { knownVms, permitted, whereNow } from './targets.ts';

const WARNINGS = { warnings: z.array(z.string()) };

export const sessionClose = (sessions: AgentSessions) =>
  defineTool({
    name: 'ssh_session_close',
    title: 'Close sessions',
    description:
      'Closes a session, or "all" that this client has started or reconnected to. A tmux session that was made for it ends, with what runs there; one that was there before, or that somebody else has open, stays unless `force` is set.',
    input: z.object({
      session: z.string().min(1).describe('The id or name of a session, or "all"'),
      force: z
        .boolean()
        .default(false)
        .describe('End the tmux session although somebody else has it open, or it was there before'),
    }),
    output: z.object({
      closed: z.array(
        z.object({
          ...SESSION.shape,
          ended: z.boolean().describe('Whether the tmux session ended'),
          reason: z.string().nullable(),
        }),
      ),
      ...WARNINGS,
    }),
    annotations: ENDS,
    async run({ session, force }, call) {
      const { context, warnings } = call;
      const isAll = session === 'all';
      if (isAll && !call.isToldApart)
        throw new AppError(
          'usage',
          'Over HTTP, azlin cannot tell clients with the same name apart, so nothing was closed',
          {
            hint: 'close each session by its id, which ssh_session_start returned',
          },
        );
      const used = isAll ? await sessions.own(call.clientKey) : [await sessions.find(session)];
      // A person who has to agree is asked before anything is closed.
      if (isAll) for (const one of used) await permitted(identifierIn(one), call).catch(throwQuestion);
      const closed = [];
      for (const one of used) {
        const shown = shownSession(one, context.clock.now());
        try {
          const reason = await endOf(one, force, call);
          await sessions.remove(one.record.id);
          closed.push({ ...shown, state: 'closed' as const, ended: reason === null, reason });
        } catch (error) {
          // Of several, the others are closed all the same.
          if (!isAll || !(error instanceof AppError) || questionOf(error)) throw error;
          closed.push({ ...shown, ended: false, reason: error.message });
        }
      }
      return { closed, warnings: [...warnings] };
    },
  });

/** Whatever else is in the way of one session is told with it. */
function throwQuestion(error: unknown): void {
  if (!(error instanceof AppError) || questionOf(error)) throw error;
}

/** Ends the tmux session of one that is closed, and its folder; why the tmux session stays, or null. Rejects with an AppError. */
async function endOf(one: UsedSession, force: boolean, call: ToolCall): Promise<string | null> {
  let commit: string | undefined;
  const end = async () => {
    const found = await whereNow(one, await permitted(identifierIn(one), call), call);
    if (found === 'ended') return null;
    if (found === 'another') return 'the tmux session has ended, and another one has its name now';
    commit = await commitOf(one, found, call);
    if (!one.kept.made && !force) return 'the tmux session was there before';
    const ending = force ? undefined : refuse;
    await disconnectSession(call.context.access, { target: found, kill: true, client: undefined, ending }, call.caller);
    return null;
  };
  const reason = await end().catch((error: unknown) => {
    if (!(error instanceof AppError)) throw error;
    // What has ended by itself need not be ended.
    if (error.code === 'session-not-found' || error.code === 'vm-not-found') return null;
    if (OPEN.has(error)) return messageOf(error);
    throw error;
  });
  await finishWork(one, commit, call);
  return reason;
}

/** Errors that say that somebody else has a session open. */
const OPEN = new WeakSet<AppError>();

async function refuse(_where: string, others: readonly string[]): Promise<void> {
  const error = new AppError('usage', `it is open at ${others.join(', ')}`);
  OPEN.add(error);
  throw error;
}

export const sessionReconnect = (sessions: AgentSessions) =>
  defineTool({
    name: 'ssh_session_reconnect',
    title: 'Come back to a session',
    description:
      'Takes over a session with the token that ssh_session_start, or this tool before, has returned. The token is replaced by a new one.',
    input: z.object({
      session_id: z.string().min(1).describe('The id of the session'),
      reconnect_token: z.string().min(1).describe('The latest one that was returned for it'),
    }),
    output: z.object({
      reconnected: z.boolean(),
      reason: z
        .enum(['token_expired', 'token_mismatch', 'session_closed', 'session_not_found', 'too_many_attempts'])
        .nullable(),
      session: SESSION.nullable(),
      reconnect_token: z.string().nullable(),
    }),
    annotations: CHANGES,
    async run({ session_id: id, reconnect_token: token }, call) {
      const { context } = call;
      const registry = await context.registry();
      const asked = await registry.get(id).catch(() => undefined);
      const [meant] = asked ? usedSession(asked) : [];
      if (meant) await call.permit({ ...(await knownVms(call))(meant.kept.server), session: meant.kept.name });
      const back = await registry.reconnect(id, token);
      if (back.refused !== undefined)
        return { reconnected: false, reason: back.refused, session: null, reconnect_token: null };
      sessions.adopt(id, call.clientKey);
      const [used] = usedSession(back.record);
      const session = used ? shownSession(used, context.clock.now()) : null;
      return { reconnected: true, reason: null, session, reconnect_token: back.token };
    },
  });

export const sessionHealth = () =>
  defineTool({
    name: 'ssh_session_health',
    title: 'How sessions are',
    description:
      'How many sessions there are, of all clients that share the registry, when they were last used, and what happened in the last 24 hours.',
    input: z.object({}),
    output: z.object({
      total: z.int(),
      active: z.int(),
      disconnected: z.int(),
      ages: z.object({ healthy: z.int(), aging: z.int(), stale: z.int() }),
      last_day: z.object({
        created: z.int(),
        per_hour: z.number(),
        mean_duration_seconds: z.number(),
        disconnect_rate: z.number(),
      }),
      recent: z.array(z.object({ time: z.string(), kind: z.string(), id: z.string() })),
    }),
    annotations: LOOKS,
    async run(_args, { context }) {
      const { total, active, disconnected, ages, lastDay, recent } = await (await context.registry()).health();
      const { created, perHour, meanDuration, disconnectRate } = lastDay;
      return {
        ...{ total, active, disconnected, ages },
        last_day: {
          ...{ created, per_hour: perHour, disconnect_rate: disconnectRate },
          mean_duration_seconds: meanDuration / 1_000,
        },
        recent: recent.map(({ at, kind, id }) => ({ time: new Date(at).toISOString(), kind, id })),
      };
    },
  });
