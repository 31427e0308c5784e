import { pause } from '../domain/clock.ts';
import { formatDuration } from '../domain/duration.ts';
import { AppError, type ErrorCode } from '../domain/errors.ts';
import type { Target } from '../targets/target.ts';
import type { Connection } from '../transport/transport.ts';
import type { FleetAccess } from './fleet-access.ts';

/** What a VM that is still booting looks like: nobody listens, the server hangs up, or lets nobody in yet. */
const BOOTING: readonly ErrorCode[] = ['unreachable', 'timed-out', 'connection-lost', 'ssh-denied'];
const RETRY = 1_000;
/** Milliseconds after the first refusal of a key for which it may be due to booting. */
const REFUSALS = 30_000;

/** Connects to a VM that runs and may still be booting, again and again until `access.startDeadline` has passed. */
export async function connectWhenUp(access: FleetAccess, target: Target, signal: AbortSignal): Promise<Connection> {
  const { clock, transport, startDeadline } = access;
  const { hostname } = target;
  const startedAt = clock.now();
  let until = startedAt + startDeadline;
  access.progress(`${hostname} runs; waiting for its SSH server`);
  for (;;) {
    try {
      return await transport.connect(target.endpoint, signal);
    } catch (error) {
      if (!(error instanceof AppError) || !BOOTING.includes(error.code)) throw error;
      if (error.code === 'ssh-denied') until = Math.min(until, clock.now() + REFUSALS);
      if (clock.now() + RETRY > until) throw stillNot(hostname, error, clock.now() - startedAt);
      access.trace(`${hostname}: ${error.message}; it may still be booting`);
    }
    await pause(clock, RETRY, signal);
  }
}

function stillNot(hostname: string, error: AppError, waited: number): AppError {
  const message = `"${hostname}" runs, but after ${formatDuration(waited)} azlin is not let in: ${error.message}`;
  return new AppError(error.code, message, {
    cause: error,
    hint: `${error.hint ?? 'look at its boot log in the portal'}; ssh.start_deadline allows more time`,
  });
}
