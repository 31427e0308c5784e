import type { Caller } from '../../domain/caller.ts';
import { AppError } from '../../domain/errors.ts';
import { isSessionId, type Session, sessionsNamed } from '../../domain/session.ts';
import { exactTarget, type Target, type TargetRef, targetOf } from '../../targets/target.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { withTarget } from '../access/with-target.ts';
import { sessionOf } from './session-of.ts';

/** The target under the name that its session has on the VM, if it was named by tmux's id or a friendly name. One that is yet to be made keeps its name. Rejects with an AppError. */
export async function underRealName(access: FleetAccess, target: Target, caller: Caller): Promise<Target> {
  const session = await withTarget({ access, target, caller }, async ({ target: reached, tmux }) => {
    const sessions = await tmux.list(caller.signal);
    try {
      return sessionOf(sessions, reached).name;
    } catch (error) {
      const isNew = error instanceof AppError && error.code === 'session-not-found' && !isSessionId(reached.session);
      if (isNew) return reached.session;
      throw error;
    }
  });
  if (session === target.session) return target;
  const { hostname, vm, user, cached, fetchedAt } = exactTarget(target);
  const fields = { hostname, vm, user, cached, fetchedAt, session, origin: 'named' } as const;
  return targetOf(fields, () => target.endpoint);
}

/** What tells the session from every other that has or had its name, also on a tmux server that began anew; null where there is none. Rejects with an AppError. */
export function sessionIdentity(access: FleetAccess, target: Target, caller: Caller): Promise<string | null> {
  return withTarget({ access, target, caller }, async ({ target: reached, tmux }) => {
    const [session] = sessionsNamed(await tmux.list(caller.signal), reached.session);
    return session ? identityOf(session) : null;
  });
}

/** What tells the sessions of the target's VM from each other, with their names. Rejects with an AppError. */
export function sessionsThere(access: FleetAccess, target: TargetRef, caller: Caller) {
  return withTarget({ access, target, caller }, async ({ tmux }) =>
    (await tmux.list(caller.signal)).map((one) => ({ name: one.name, identity: identityOf(one) })),
  );
}

/** What tells a session from every other of its VM, whatever they are called. */
export const identityOf = ({ id, createdAt }: Session) => `${id} ${createdAt}`;
