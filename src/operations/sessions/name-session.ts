import type { Caller } from '../../domain/caller.ts';
import { isoTime } from '../../domain/duration.ts';
import { AppError } from '../../domain/errors.ts';
import { type Session, sessionNameProblem, sessionRef } from '../../domain/session.ts';
import { shellWord } from '../../domain/text.ts';
import { identifierOf, type Target, type TargetRef } from '../../targets/target.ts';
import type { TmuxServer } from '../../tmux/server.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { withTarget } from '../access/with-target.ts';
import { sessionOf } from './session-of.ts';

export interface NamedSession {
  readonly hostname: string;
  readonly session: string;
  /** The friendly name, null when it has none. */
  readonly sessionName: string | null;
  /** ISO 8601: when the session is no longer needed; null if it is to stay. */
  readonly expiresAt: string | null;
  /** Seconds after its last activity when it is no longer needed; null if its limit is a fixed time, or it has none. */
  readonly idleTtl: number | null;
}

export interface NameRequest {
  readonly target: TargetRef;
  /** Undefined shows the friendly name, null removes it. */
  readonly friendlyName: string | null | undefined;
  /** Milliseconds from now after which the session is no longer needed; undefined changes nothing, null removes the limit. */
  readonly ttl: number | null | undefined;
  /** Count that time from the last activity in the session, not from now. */
  readonly isIdle: boolean;
  /** Set the friendly name even if a session of another VM has that name, so that it means none of them any more. */
  readonly force?: boolean;
}

/** Shows or sets the friendly name of a session, and how long it is needed. Both live on the tmux session, so the whole team sees them. */
export function nameSession(access: FleetAccess, request: NameRequest, caller: Caller): Promise<NamedSession> {
  const { friendlyName, ttl, isIdle } = request;
  const problem = typeof friendlyName === 'string' ? sessionNameProblem(friendlyName) : undefined;
  if (problem) throw new AppError('usage', `Cannot use the friendly name "${friendlyName}": ${problem}`);
  return withTarget({ access, target: request.target, caller }, async ({ target, tmux }) => {
    const sessions = await tmux.list(caller.signal);
    const session = sessionOf(sessions, target);
    const others = sessions.filter((one) => one !== session);
    if (typeof friendlyName === 'string') refuseTaken(friendlyName, others, target.hostname);
    if (typeof friendlyName === 'string' && !request.force)
      await refuseAmbiguous(access, { friendlyName, target }, caller);
    if (friendlyName !== undefined) await tmux.setFriendlyName(sessionRef(session), friendlyName, caller.signal);
    const { expiresAt, idleTtl } =
      ttl === undefined ? session : await setLimit(tmux, sessionRef(session), { ttl, isIdle, caller });
    if (friendlyName !== undefined || ttl !== undefined) await access.survey.forget(target.endpoint, caller);
    return {
      hostname: target.hostname,
      session: session.name,
      sessionName: friendlyName === undefined ? session.friendlyName : friendlyName,
      expiresAt: expiresAt === null ? null : isoTime(expiresAt),
      idleTtl,
    };
  });
}

interface Limit extends Pick<NameRequest, 'isIdle'> {
  readonly ttl: number | null;
  readonly caller: Caller;
}

async function setLimit(
  tmux: TmuxServer,
  session: string,
  { ttl, isIdle, caller }: Limit,
): Promise<Pick<Session, 'expiresAt' | 'idleTtl'>> {
  const seconds = ttl === null ? null : Math.ceil(ttl / 1_000);
  const expiresAt = await tmux.setExpiry(session, { seconds, isIdle }, caller.signal);
  return { expiresAt, idleTtl: isIdle ? seconds : null };
}

interface Wanted {
  readonly friendlyName: string;
  readonly target: Target;
}

/** A name that sessions of two VMs have would mean neither of them. */
async function refuseAmbiguous(access: FleetAccess, { friendlyName, target }: Wanted, caller: Caller): Promise<void> {
  const found = await access.resolver.named(friendlyName, caller);
  const isHere = (one: Target) =>
    target.vm
      ? one.vm?.id.toLowerCase() === target.vm.id.toLowerCase()
      : one.endpoint.address === target.endpoint.address;
  const other = found.find((one) => !isHere(one));
  if (!other) return;
  throw new AppError('usage', `"${friendlyName}" already means "${identifierOf(other)}"`, {
    hint: '--force sets it all the same; then the name alone means neither',
  });
}

/** A friendly name counts as a session name: two sessions of one VM must not share one. */
export function refuseTaken(name: string, others: readonly Session[], hostname: string): void {
  const other = others.find((one) => one.name === name || one.friendlyName === name);
  if (other)
    throw new AppError('usage', `"${name}" already means the session "${other.name}" on "${hostname}"`, {
      hint:
        other.name === name
          ? 'azlin list shows the names in use'
          : `azlin session ${shellWord(`${hostname}:${sessionRef(other)}`)} --clear removes a friendly name`,
    });
}
