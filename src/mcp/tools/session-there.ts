import { withSignal } from '../../domain/caller.ts';
import { withDeadline } from '../../domain/deadline.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import { awaitTurn } from '../../operations/sessions/await-turn.ts';
import { sessionsThere } from '../../operations/sessions/real-name.ts';
import type { Target } from '../../targets/target.ts';
import type { UsedSession } from '../sessions.ts';
import type { ToolCall } from '../tool.ts';
import { whereNow } from './targets.ts';

/** Asks the VMs which of the tmux sessions have ended; of those that do not answer none counts as ended. */
export async function endedAmong(all: readonly UsedSession[], { context, caller }: ToolCall) {
  const { access, clock, limits } = context;
  const placeOf = ({ kept: { login, server } }: UsedSession) => `${login === null ? '' : `${login}@`}${server}`;
  const there = new Map<string, Awaited<ReturnType<typeof sessionsThere>>>();
  const ask = async (place: string) => {
    const expired = () => new AppError('timed-out', `it did not answer in ${limits.list / 1_000} s`);
    const deadline = { clock, ms: limits.list, signal: caller.signal, expired };
    try {
      there.set(
        place,
        await withDeadline(deadline, (signal) => sessionsThere(access, place, withSignal(caller, signal))),
      );
    } catch (error) {
      caller.signal.throwIfAborted();
      caller.warn(`whether the sessions on ${place} are still there is not known: ${messageOf(error)}`);
    }
  };
  await Promise.all([...new Set(all.map(placeOf))].map(ask));
  return (one: UsedSession) => {
    const { name, identity } = one.kept;
    const found = there.get(placeOf(one));
    return (
      found !== undefined &&
      !found.some((other) => (identity === null ? other.name === name : other.identity === identity))
    );
  };
}

interface Turn {
  /** The session that has the name. */
  readonly named: Target;
  /** By the clock: when to give up. */
  readonly until: number;
}

/** The session under the name that it has now, once no person types there. Rejects with an AppError. */
export async function inTurn(used: UsedSession, { named, until }: Turn, call: ToolCall): Promise<Target> {
  const { access, limits } = call.context;
  const { identity } = used.kept;
  const wait = (target: Target) =>
    awaitTurn(access, { target, identity, quiet: limits.lease, until }, call.caller).then(() => target);
  return wait(named).catch(async (error: unknown) => {
    if (!(error instanceof AppError) || error.code !== 'session-not-found') throw error;
    const now = await whereNow(used, named, call);
    if (typeof now === 'string' || now === named) throw error;
    return wait(now);
  });
}
