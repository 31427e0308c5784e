import { AppError } from '../../domain/errors.ts';
import { sessionNameProblem } from '../../domain/session.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { sessionOf, withTarget } from '../access/reach.ts';
import { refuseTaken } from './name-session.ts';

export interface RenamedSession {
  readonly hostname: string;
  readonly session: string;
  /** What it was called before. */
  readonly before: string;
}

export interface RenameRequest {
  readonly identifier: string;
  readonly name: string;
}

/** Gives a session another name; who is attached to it stays. */
export function renameSession(
  access: FleetAccess,
  { identifier, name }: RenameRequest,
  signal: AbortSignal,
): Promise<RenamedSession> {
  const problem = sessionNameProblem(name);
  if (problem) throw new AppError('usage', `Cannot name a session "${name}": ${problem}`);
  return withTarget({ access, identifier, signal }, async ({ target, tmux }) => {
    const { hostname, endpoint } = target;
    const sessions = await tmux.list(signal);
    const session = sessionOf(sessions, target);
    refuseTaken(
      name,
      sessions.filter((one) => one !== session),
      hostname,
    );
    await tmux.rename(session.name, name, signal);
    await access.survey.forget(endpoint);
    return { hostname, session: name, before: session.name };
  });
}
