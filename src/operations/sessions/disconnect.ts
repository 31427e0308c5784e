import type { Caller } from '../../domain/caller.ts';
import { AppError } from '../../domain/errors.ts';
import { type Client, clientName } from '../../domain/session.ts';
import { printable } from '../../domain/text.ts';
import { describeTarget, type Target, type TargetRef } from '../../targets/target.ts';
import type { TmuxServer } from '../../tmux/server.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { noteDone } from '../access/history-notes.ts';
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
  /** Called before a session ends that others have open, with what they are called; rejects if it is to stay. */
  readonly ending?: ((where: string, others: readonly string[]) => Promise<void>) | undefined;
}

/** Detaches the clients of a session and tells them who did it; `kill` ends the session as well. */
export function disconnectSession(
  access: FleetAccess,
  { target: ref, kill, client, ending }: DisconnectRequest,
  caller: Caller,
): Promise<Disconnected> {
  const own = access.settings.label;
  return withTarget({ access, target: ref, caller }, async ({ target, tmux }) => {
    if (kill && ending) {
      const others = namesOf((await clientsHere({ target, tmux }, caller.signal)).filter(({ label }) => label !== own));
      if (others.length > 0) await ending(describeTarget(target), others);
    }
    const only = client === undefined ? [] : await clientsNamed({ target, tmux }, client, caller.signal);
    const detached = await tmux.detachClients(target.session, { by: own, kill, only }, caller.signal);
    if (kill) {
      await access.survey.forget(target.endpoint, caller);
      await noteDone(access, target, { what: 'closed' });
    }
    return { hostname: target.hostname, session: target.session, detached, killed: kill };
  });
}

interface Reached {
  readonly target: Target;
  readonly tmux: TmuxServer;
}

/** Who has the session open. Clients of its views look at its windows, too. */
async function clientsHere({ target, tmux }: Reached, signal: AbortSignal): Promise<readonly Client[]> {
  const { sessions, clients } = await tmux.clients(signal);
  const { group } = sessionOf(sessions, target);
  return clients.filter((client) => client.group === group);
}

const namesOf = (clients: readonly Client[]) => [...new Set(clients.map((client) => printable(clientName(client))))];

/** The tmux names of the session's clients with this label or name. Rejects if there are none. */
async function clientsNamed(
  { target, tmux }: Reached,
  wanted: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const here = await clientsHere({ target, tmux }, signal);
  const found = here.filter(({ label, name }) => label === wanted || name === wanted);
  if (found.length > 0) return found.map(({ name }) => name);
  const names = namesOf(here);
  throw new AppError(
    'client-not-found',
    `No client with the label "${wanted}" is attached to "${describeTarget(target)}"`,
    {
      hint: names.length > 0 ? `attached: ${names.join(', ')}` : 'nobody is attached to it',
    },
  );
}
