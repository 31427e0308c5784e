import type { Target } from '../targets/target.ts';
import { attachArgv } from '../tmux/server.ts';
import type { RemoteProcess, Terminal } from '../transport/transport.ts';
import type { FleetAccess } from './fleet-access.ts';
import { type Reached, sessionOf, withTarget } from './reach.ts';
import { started } from './started.ts';

export interface ConnectRequest {
  readonly identifier: string;
  /** Make the session if it is missing. A default session is always made. */
  readonly create: boolean;
  readonly terminal: Terminal;
}

export interface AttachedSession {
  readonly target: Target;
  /** The tmux client on its terminal. It has stdin and stdout; the caller bridges them. */
  readonly remote: RemoteProcess;
}

/** Attaches to a session. Does not touch the terminal of this process. */
export function connectSession(
  access: FleetAccess,
  request: ConnectRequest,
  signal: AbortSignal,
): Promise<AttachedSession> {
  return withTarget(access, request.identifier, signal, (reached) => attach(access, reached, request, signal));
}

async function attach(
  access: FleetAccess,
  { target, connection }: Reached,
  { create, terminal }: ConnectRequest,
  signal: AbortSignal,
): Promise<AttachedSession> {
  const argv = attachArgv(target.session, create || target.origin === 'default');
  const remote = await connection.spawn(argv, { terminal, signal });
  // On a terminal stderr comes with stdout, but the stream must be read all the same.
  remote.stderr.resume();
  await started({ access, target, remote, signal });
  return { target, remote };
}

/** Rejects as `connectSession` would for a session that is not there. */
export function requireSession(access: FleetAccess, identifier: string, signal: AbortSignal): Promise<void> {
  return withTarget(access, identifier, signal, async ({ target, tmux }) => {
    if (target.origin === 'default') return;
    sessionOf(await tmux.list(signal), target);
  });
}
