import type { Caller } from '../../domain/caller.ts';
import { AppError } from '../../domain/errors.ts';
import { sessionNameProblem } from '../../domain/session.ts';
import type { TargetRef } from '../../targets/target.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { withTarget } from '../access/with-target.ts';
import { refuseTaken } from './name-session.ts';
import { sessionOf } from './session-of.ts';

export interface RenamedSession {
  readonly hostname: string;
  readonly session: string;
  /** What it was called before. */
  readonly before: string;
}

export interface RenameRequest {
  readonly target: TargetRef;
  readonly name: string;
}

/** Gives a session another name; its clients stay attached. */
export function renameSession(
  access: FleetAccess,
  { target: ref, name }: RenameRequest,
  caller: Caller,
): Promise<RenamedSession> {
  const problem = sessionNameProblem(name);
  if (problem) throw new AppError('usage', `Cannot name a session "${name}": ${problem}`);
  return withTarget({ access, target: ref, caller }, async ({ target, tmux }) => {
    const { hostname, endpoint } = target;
    const sessions = await tmux.list(caller.signal);
    const session = sessionOf(sessions, target);
    refuseTaken(
      name,
      sessions.filter((one) => one !== session),
      hostname,
    );
    await tmux.rename(session.name, name, caller.signal);
    await access.survey.forget(endpoint, caller);
    return { hostname, session: name, before: session.name };
  });
}
