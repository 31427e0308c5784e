import type { FleetAccess } from '../access/fleet-access.ts';
import { withTarget } from '../access/reach.ts';

export interface EnsuredSession {
  readonly hostname: string;
  readonly session: string;
  /** Whether it was missing. */
  readonly created: boolean;
}

/** Makes the session if it is missing, and attaches to nothing. */
export function ensureSession(access: FleetAccess, identifier: string, signal: AbortSignal): Promise<EnsuredSession> {
  return withTarget({ access, identifier, signal }, async ({ target, tmux }) => {
    const { created } = await tmux.ensure(target.session, signal);
    if (created) await access.survey.forget(target.endpoint);
    return { hostname: target.hostname, session: target.session, created };
  });
}
