import type { Caller } from '../../domain/caller.ts';
import type { TargetRef } from '../../targets/target.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { withTarget } from '../access/with-target.ts';

export interface EnsuredSession {
  readonly hostname: string;
  readonly session: string;
  /** Whether it was missing. */
  readonly created: boolean;
}

/** Makes the session if it is missing, without attaching to it. */
export function ensureSession(access: FleetAccess, ref: TargetRef, caller: Caller): Promise<EnsuredSession> {
  return withTarget({ access, target: ref, caller }, async ({ target, tmux }) => {
    const { created } = await tmux.ensure(target.session, access.settings.label, caller.signal);
    if (created) await access.survey.forget(target.endpoint, caller);
    return { hostname: target.hostname, session: target.session, created };
  });
}
