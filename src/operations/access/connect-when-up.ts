import { type Caller, withSignal } from '../../domain/caller.ts';
import { pause } from '../../domain/clock.ts';
import { withDeadline } from '../../domain/deadline.ts';
import { formatDuration } from '../../domain/duration.ts';
import { hasTrait } from '../../domain/error-traits.ts';
import { AppError } from '../../domain/errors.ts';
import type { Target } from '../../targets/target.ts';
import { withoutEarly } from '../../transport/endpoint.ts';
import type { Connection } from '../../transport/transport.ts';
import type { FleetAccess } from './fleet-access.ts';

const RETRY = 1_000;
/** While a VM boots, its SSH server lets nobody in. If azlin tried too often, the server would block it for longer. */
const REFUSAL_RETRY = 5_000;
/** Milliseconds after the first refusal of a key during which booting may be the reason. */
const REFUSALS = 30_000;

export interface BootWait {
  readonly target: Target;
  /** Whether the VM was started a moment ago. A VM that has been running for longer refuses a key for good. */
  readonly hasJustStarted: boolean;
}

/** Connects to a VM that is running but may still be booting. Tries again and again until `startDeadline` has passed. */
export async function connectWhenUp(
  access: FleetAccess,
  { target, hasJustStarted }: BootWait,
  caller: Caller,
): Promise<Connection> {
  const { clock, transport } = access;
  const { signal } = caller;
  // Reading the endpoint throws if something is wrong with the address: waiting would not help.
  const { hostname } = target;
  // Whether it lets somebody in is the question.
  const endpoint = withoutEarly(target.endpoint);
  const startedAt = clock.now();
  let until = startedAt + access.settings.startDeadline;
  caller.progress(`${hostname} is running; waiting for its SSH server`);
  for (;;) {
    const ms = Math.max(1, until - clock.now());
    const expired = () => new AppError('timed-out', 'its SSH server did not answer');
    try {
      return await withDeadline({ clock, ms, signal, expired }, (limited) =>
        transport.connect(endpoint, withSignal(caller, limited)),
      );
    } catch (error) {
      const isRefusal = error instanceof AppError && error.code === 'ssh-denied' && hasJustStarted;
      if (!(error instanceof AppError) || !(isRefusal || hasTrait(error.code, 'booting'))) throw error;
      if (isRefusal) until = Math.min(until, clock.now() + REFUSALS);
      const wait = isRefusal ? REFUSAL_RETRY : RETRY;
      if (clock.now() + wait > until) throw stillNot(hostname, error, clock.now() - startedAt);
      caller.trace(`${hostname}: ${error.message}; it may still be booting`);
      await pause(clock, wait, signal);
    }
  }
}

function stillNot(hostname: string, error: AppError, waited: number): AppError {
  const message = `"${hostname}" is running, but after ${formatDuration(waited)} azlin still cannot connect: ${error.message}`;
  return new AppError(error.code, message, {
    cause: error,
    hint: `${error.hint ?? 'see its boot log in the portal'}; raise ssh.start_deadline for more time`,
  });
}
