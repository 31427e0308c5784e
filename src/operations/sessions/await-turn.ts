import type { Caller } from '../../domain/caller.ts';
import { pause } from '../../domain/clock.ts';
import { AppError } from '../../domain/errors.ts';
import { type Client, clientName } from '../../domain/session.ts';
import { printable } from '../../domain/text.ts';
import { describeTarget, type Target } from '../../targets/target.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { withTarget } from '../access/with-target.ts';
import { identityOf } from './real-name.ts';
import { sessionOf } from './session-of.ts';

export interface AwaitedTurn {
  readonly target: Target;
  /** Which session is meant, as sessionIdentity tells it; null for whichever has its name. */
  readonly identity: string | null;
  /** Milliseconds without a key after which a person has left the pane to others; 0: nobody is waited for. */
  readonly quiet: number;
  /** By the clock: when to give up. */
  readonly until: number;
}

function replaced(target: Target): AppError {
  return new AppError(
    'session-not-found',
    `The session in "${describeTarget(target)}" has ended, and another one has its name now; nothing was sent`,
    { hint: 'ssh_session_start with the same server and name uses that one' },
  );
}

/** Milliseconds between two looks. */
const LOOK = 1_000;

/** Waits until no person types in the session, and tells them once who waits. Rejects with `pane-busy` when the time is up, and with `session-not-found` if another session has its name. */
export async function awaitTurn(
  access: FleetAccess,
  { target, identity, quiet, until }: AwaitedTurn,
  caller: Caller,
): Promise<void> {
  const { clock, settings } = access;
  for (let isTold = false; ; isTold = true) {
    const typing = await withTarget({ access, target, caller }, async ({ target: found, tmux }) => {
      const { sessions, clients } = await tmux.clients(caller.signal);
      const session = sessionOf(sessions, found);
      if (identity !== null && identityOf(session) !== identity) throw replaced(found);
      const { group } = session;
      const isTyping = (one: Client) =>
        one.group === group && one.hasTyped && one.idle * 1_000 < quiet && one.label !== settings.label;
      const busy = clients.filter(isTyping);
      const text = `${settings.label} waits to type here; go on, or pause for ${Math.ceil(quiet / 1_000)} s`;
      if (busy.length > 0 && !isTold) await tmux.tell(found.session, { text, by: settings.label }, caller.signal);
      return busy.map((one) => printable(clientName(one)));
    });
    if (typing.length === 0) return;
    const who = [...new Set(typing)].join(', ');
    if (clock.now() + LOOK > until)
      throw new AppError('pane-busy', `${who} is typing in "${describeTarget(target)}"; nothing was sent`, {
        hint: 'they were told; try again later, or ask them',
      });
    caller.progress(`Waiting for ${who} to pause in ${describeTarget(target)}`);
    await pause(clock, LOOK, caller.signal);
  }
}
