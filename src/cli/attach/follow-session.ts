import { type Caller, withSignal } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { printable } from '../../domain/text.ts';
import type { FleetAccess } from '../../operations/access/fleet-access.ts';
import type { AttachedSession, AttachmentEnd, ConnectRequest } from '../../operations/sessions/connect.ts';
import { type Offline, reattach } from '../../operations/sessions/reattach.ts';
import type { HeldTerminal } from '../../terminal/terminal.ts';

/** How a session was left. `disconnected`: by the escape; `stopped`: the user did not want to wait for a lost connection. */
export type Left = AttachmentEnd | { readonly kind: 'disconnected' | 'stopped' };

export interface Following {
  readonly access: FleetAccess;
  readonly request: ConnectRequest;
  readonly held: HeldTerminal;
  readonly clock: Clock;
  /** How often to try when a connection is lost; undefined for as long as it takes. */
  readonly attempts: number | undefined;
  /** Detach the others. */
  readonly takeOver: boolean;
}

/** Milliseconds. A connection that ends sooner than this would end at once again. */
const BRIEF = 1_000;

/** Gives the terminal to a session, and reattaches whenever the connection is lost. */
export async function followSession(following: Following, first: AttachedSession, caller: Caller): Promise<Left> {
  const { held, clock, attempts = Number.POSITIVE_INFINITY } = following;
  let { takeOver } = following;
  let attached = first;
  for (let brief = 0; ; ) {
    const since = clock.now();
    let isShown = false;
    const { remote, end, redraw, leave } = attached;
    remote.stdout.once('data', () => {
      isShown = true;
    });
    attached.begin(takeOver);
    const left = await held.bridge(
      { remote, end, redraw: () => void redraw(), leave: () => void leave() },
      caller.signal,
    );
    if (left?.kind !== 'lost') return left ?? { kind: 'disconnected' };
    // When anything is shown, the others have been detached already.
    takeOver &&= !isShown;
    // A lost network is worth waiting for. What ends at once for another reason would do so again and again.
    const isOver = left.cause.code === 'vm-failed' && clock.now() - since < BRIEF;
    brief = isOver || !isShown ? brief + 1 : 0;
    if (brief > attempts) return left;
    const again = await waitOffline(following, { lost: attached, cause: left.cause, brief }, caller);
    if (!again) return { kind: 'stopped' };
    attached = again;
  }
}

interface Lost {
  readonly lost: AttachedSession;
  readonly cause: Extract<AttachmentEnd, { kind: 'lost' }>['cause'];
  /** How many times in a row it was lost right after attaching. */
  readonly brief: number;
}

/** Waits for the network and reattaches; undefined when the user does not want to wait. */
async function waitOffline(
  { access, request, held, attempts }: Following,
  { lost, cause, brief }: Lost,
  caller: Caller,
): Promise<AttachedSession | undefined> {
  const stopping = new AbortController();
  let hurry = () => {};
  const release = held.offline({ hurry: () => hurry(), stop: () => stopping.abort() });
  try {
    return await reattach({
      ...{ access, request, lost, cause, attempts, brief },
      onHurry(call) {
        hurry = call;
        return () => {
          hurry = () => {};
        };
      },
      tell: (state) => held.show(statusLine(lost, state)),
      caller: withSignal(caller, AbortSignal.any([caller.signal, stopping.signal])),
    });
  } catch (error) {
    if (stopping.signal.aborted && !caller.signal.aborted) return undefined;
    throw error;
  } finally {
    release();
  }
}

/** `myvm:dev: connection lost, retrying in 4 s (Enter: now, Ctrl-C: stop)`. */
function statusLine({ target }: AttachedSession, { reason, seconds }: Offline): string {
  const where = printable(`${target.hostname}:${target.session}`);
  const [when, keys] =
    seconds === undefined ? ['now', 'Ctrl-C: stop'] : [`in ${seconds} s`, 'Enter: now, Ctrl-C: stop'];
  return `${where}: ${reason}, retrying ${when} (${keys})`;
}
