import type { FleetAccess } from './fleet-access.ts';
import { withTarget } from './reach.ts';

export interface Disconnected {
  readonly hostname: string;
  readonly session: string;
  /** Clients that were detached. */
  readonly detached: number;
  readonly killed: boolean;
}

/** Detaches every client of a session; `kill` ends the session as well. */
export function disconnectSession(
  access: FleetAccess,
  { identifier, kill }: { readonly identifier: string; readonly kill: boolean },
  signal: AbortSignal,
): Promise<Disconnected> {
  return withTarget({ access, identifier, signal }, async ({ target, tmux }) => {
    const detached = await tmux.detachClients(target.session, kill, signal);
    if (kill) await access.survey.forget(target.endpoint);
    return { hostname: target.hostname, session: target.session, detached, killed: kill };
  });
}
