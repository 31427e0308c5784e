import { AppError } from '../domain/errors.ts';
import { type Session, sessionNameProblem } from '../domain/session.ts';
import { shellWord } from '../domain/text.ts';
import type { FleetAccess } from './fleet-access.ts';
import { sessionOf, withTarget } from './reach.ts';

export interface NamedSession {
  readonly hostname: string;
  readonly session: string;
  /** The friendly name, null when it has none. */
  readonly sessionName: string | null;
}

export interface NameRequest {
  readonly identifier: string;
  /** Undefined shows the friendly name, null removes it. */
  readonly friendlyName: string | null | undefined;
}

/** Shows, sets or removes the friendly name of a session. It lives on the tmux session, so the whole team sees it. */
export function nameSession(access: FleetAccess, request: NameRequest, signal: AbortSignal): Promise<NamedSession> {
  const { friendlyName } = request;
  const problem = typeof friendlyName === 'string' ? sessionNameProblem(friendlyName) : undefined;
  if (problem) throw new AppError('usage', `Cannot use the friendly name "${friendlyName}": ${problem}`);
  return withTarget({ access, identifier: request.identifier, signal }, async ({ target, tmux }) => {
    const sessions = await tmux.list(signal);
    const session = sessionOf(sessions, target);
    const named = { hostname: target.hostname, session: session.name };
    if (friendlyName === undefined) return { ...named, sessionName: session.friendlyName };
    if (friendlyName !== null)
      refuseTaken(
        friendlyName,
        sessions.filter((one) => one !== session),
        target.hostname,
      );
    await tmux.setFriendlyName(session.name, friendlyName, signal);
    await access.survey.forget(target.endpoint);
    return { ...named, sessionName: friendlyName };
  });
}

/** A friendly name counts as a session name: two sessions of one VM must not share one. */
function refuseTaken(name: string, others: readonly Session[], hostname: string): void {
  const other = others.find((one) => one.name === name || one.friendlyName === name);
  if (other)
    throw new AppError('usage', `"${name}" already means the session "${other.name}" on "${hostname}"`, {
      hint: `azlin session ${shellWord(`${hostname}:${other.name}`)} --clear   removes a friendly name`,
    });
}
