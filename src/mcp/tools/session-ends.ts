import { z } from 'zod';
import { AppError, messageOf } from '../../domain/errors.ts';
import { disconnectSession } from '../../operations/sessions/disconnect.ts';
import { type AgentSessions, SESSION, shownSession, usedSession } from '../sessions.ts';
import { CHANGES, defineTool, ENDS, LOOKS } from '../tool.ts';
import { permitted } from './targets.ts';

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
      const { context, caller, warnings } = call;
      const used =
        session === 'all' ? await sessions.own(call.clientKey) : [await sessions.use(session, 'ssh_session_close')];
      const closed = [];
      for (const one of used) {
        const { name, server, made } = one.kept;
        let reason = made || force ? null : 'the tmux session was there before';
        if (reason === null)
          await disconnectSession(
            context.access,
            {
              target: await permitted(`${server}:${name}`, call),
              kill: true,
              client: undefined,
              ending: force ? undefined : refuse,
            },
            caller,
          ).catch((error: unknown) => {
            // What has ended by itself need not be ended.
            if (error instanceof AppError && error.code === 'session-not-found') return;
            if (!(error instanceof AppError) || error.code !== 'usage') throw error;
            reason = messageOf(error);
          });
        await sessions.remove(one.record.id);
        closed.push({
          ...shownSession(one, context.clock.now()),
          state: 'closed' as const,
          ended: reason === null,
          reason,
        });
      }
      return { closed, warnings: [...warnings] };
    },
  });

async function refuse(_where: string, others: readonly string[]): Promise<void> {
  throw new AppError('usage', `it is open at ${others.join(', ')}`);
}

export const sessionReconnect = (sessions: AgentSessions) =>
  defineTool({
    name: 'ssh_session_reconnect',
    title: 'Come back to a session',
    description:
      'Takes over a session with the token that ssh_session_start, or this tool before, has returned. The token is replaced by a new one.',
    input: z.object({ session_id: z.string().min(1), reconnect_token: z.string().min(1) }),
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
      const back = await (await context.registry()).reconnect(id, token);
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
    description: 'How many sessions are there, when they were last used, and what happened in the last 24 hours.',
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
