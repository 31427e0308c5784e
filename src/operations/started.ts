import { withDeadline } from '../domain/deadline.ts';
import { formatDuration } from '../domain/duration.ts';
import { AppError } from '../domain/errors.ts';
import { describeTarget, type Target } from '../targets/target.ts';
import { statusError } from '../tmux/server.ts';
import { type Status, takeStatus } from '../tmux/status.ts';
import type { RemoteProcess } from '../transport/transport.ts';
import type { FleetAccess } from './fleet-access.ts';

export interface Starting {
  readonly access: FleetAccess;
  readonly target: Target;
  readonly remote: RemoteProcess;
  readonly signal: AbortSignal;
}

/** Waits until the script on the VM says that it is in the session, and gives the words of its status. Rejects with an AppError. */
export async function started({ access, target, remote, signal }: Starting): Promise<readonly string[]> {
  const ms = access.commandDeadline;
  const expired = () =>
    new AppError(
      'timed-out',
      `"${describeTarget(target)}" did not answer in ${formatDuration(ms)}; nothing was started`,
      {
        hint: "the VM may be overloaded, or the login shell's start-up files may wait for something",
      },
    );
  try {
    const status = await withDeadline({ clock: access.clock, ms, signal, expired }, () => statusOf(remote));
    if (status.kind === 'ok') {
      if (status.words[0] === '1') await access.survey.forget(target.endpoint);
      return status.words;
    }
    throw statusError(status, target.hostname, target.session);
  } catch (error) {
    remote.stdout.resume();
    remote.stderr.resume();
    remote.close();
    throw error;
  }
}

/** The status; or, when the output ended without one, why. */
async function statusOf(remote: RemoteProcess): Promise<Status> {
  const status = await takeStatus(remote.stdout);
  if (status) return status;
  remote.stderr.resume();
  const exit = await remote.exit;
  if (exit.kind === 'lost') throw exit.cause;
  return { kind: 'failed', reason: 'it said nothing' };
}
