import { type Session, sessionsNamed } from '../../domain/session.ts';
import type { Target } from '../../targets/target.ts';
import { statusError } from '../../tmux/status-error.ts';

/** The session that the target means among those of its VM. Throws `session-not-found` or `ambiguous`. */
export function sessionOf(sessions: readonly Session[], { hostname, session }: Target): Session {
  const found = sessionsNamed(sessions, session);
  const [only] = found;
  if (only && found.length === 1) return only;
  throw statusError({ kind: only ? 'ambiguous' : 'missing', sessions }, hostname, session);
}
