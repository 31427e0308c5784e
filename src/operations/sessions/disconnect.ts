import type { Caller } from '../../domain/caller.ts';
import { AppError } from '../../domain/errors.ts';
import { type Client, clientName } from '../../domain/session.ts';
import { printable } from '../../domain/text.ts';
import { describeTarget, type Target, type TargetRef } from '../../targets/target.ts';
import type { TmuxServer } from '../../tmux/server.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { withTarget } from '../access/with-target.ts';
import { sessionOf } from './session-of.ts';

export interface Disconnected {
  readonly hostname: string;
  readonly session: string;
  /** Clients that were detached. */
  readonly detached: number;
  readonly killed: boolean;
}

export interface DisconnectRequest {
  readonly target: TargetRef;
  /** End the session as well. */
  readonly kill: boolean;
  /** Only the clients with this label, or with this name in tmux. */
  readonly client: string | undefined;
}

/** Detaches the clients of a session and tells them who did it; `kill` ends the session as well. */
export function disconnectSession(
  access: FleetAccess,
  { target: ref, kill, client }: DisconnectRequest,
  caller: Caller,
): Promise<Disconnected> {
  return withTarget({ access, target: ref, caller }, async ({ target, tmux }) => {
    const only = client === undefined ? [] : await clientsNamed({ target, tmux }, client, caller.signal);
    const detached = await tmux.detachClients(target.session, { by: access.settings.label, kill, only }, caller.signal);
    if (kill) await access.survey.forget(target.endpoint, caller);
    return { hostname: target.hostname, session: target.session, detached, killed: kill };
  });
}

/** The tmux names of the session's clients with this label or name. Rejects if there are none. */
async function clientsNamed(
  { target, tmux }: { readonly target: Target; readonly tmux: TmuxServer },
  wanted: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { sessions, clients } = await tmux.clients(signal);
  // Clients of its views look at its windows, too.
  const { group } = sessionOf(sessions, target);
  const here = clients.filter((client) => client.group === group);
  const found = here.filter(({ label, name }) => label === wanted || name === wanted);
  if (found.length > 0) return found.map(({ name }) => name);
  const names = [...new Set(here.map((client: Client) => printable(clientName(client))))];
  throw new AppError(
    'client-not-found',
    `No client with the label "${wanted}" is attached to "${describeTarget(target)}"`,
    {
      hint: names.length > 0 ? `attached: ${names.join(', ')}` : 'nobody is attached to it',
    },
  );
}
