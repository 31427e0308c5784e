import type { Target } from '../targets/target.ts';
import { attachArgv } from '../tmux/server.ts';
import type { RemoteProcess, Terminal } from '../transport/transport.ts';
import type { FleetAccess } from './fleet-access.ts';
import { sessionOf, withTarget } from './reach.ts';
import { start } from './started.ts';

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
  { identifier, create, terminal }: ConnectRequest,
  signal: AbortSignal,
): Promise<AttachedSession> {
  return withTarget({ access, identifier, signal }, async (reached) => {
    const { target } = reached;
    const argv = attachArgv(target.session, create || target.origin === 'default');
    const { remote } = await start({ access, reached, argv, terminal, signal });
    remote.stdin.write('\n');
    return { target, remote };
  });
}

/** Rejects as `connectSession` would for a session that is not there. */
export function requireSession(access: FleetAccess, identifier: string, signal: AbortSignal): Promise<void> {
  return withTarget({ access, identifier, signal }, async ({ target, tmux }) => {
    if (target.origin === 'default') return;
    sessionOf(await tmux.list(signal), target);
  });
}
