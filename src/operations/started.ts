import { withDeadline } from '../domain/deadline.ts';
import { formatDuration } from '../domain/duration.ts';
import { AppError } from '../domain/errors.ts';
import { describeTarget, type Target } from '../targets/target.ts';
import { type Status, takeStatus } from '../tmux/status.ts';
import { statusError } from '../tmux/status-error.ts';
import type { RemoteProcess, Terminal } from '../transport/transport.ts';
import type { FleetAccess } from './fleet-access.ts';
import type { Reached } from './reach.ts';

export interface Starting {
  readonly access: FleetAccess;
  readonly reached: Reached;
  readonly argv: readonly string[];
  readonly terminal?: Terminal;
  /** What standard input starts with. */
  readonly header?: string;
  readonly signal: AbortSignal;
}

export interface Started {
  readonly remote: RemoteProcess;
  /** The words of its status. */
  readonly words: readonly string[];
  /** What belongs to it. */
  readonly text: string;
}

/** Runs a script on the VM and waits until it says that it is in the session. When it rejects, nothing was started. */
export async function start({ access, reached, argv, terminal, header, signal }: Starting): Promise<Started> {
  const { target, connection } = reached;
  const ms = access.commandDeadline;
  const expired = () => silence(target, ms);
  let remote: RemoteProcess | undefined;
  try {
    return await withDeadline({ clock: access.clock, ms, signal, expired }, async (limited) => {
      remote = await connection.spawn(argv, { terminal, isUsers: true, signal: limited });
      // On a terminal stderr comes with stdout, but the stream must be read all the same.
      if (terminal) remote.stderr.resume();
      if (header) remote.stdin.write(header);
      const status = await statusOf(remote);
      if (status.kind !== 'ok') throw statusError(status, target.hostname, target.session);
      if (status.words[0] === '1') await access.survey.forget(target.endpoint);
      return { remote, words: status.words, text: status.text };
    });
  } catch (error) {
    remote?.stdout.resume();
    remote?.stderr.resume();
    remote?.close();
    throw error;
  }
}

function silence(target: Target, ms: number): AppError {
  const message = `"${describeTarget(target)}" did not answer in ${formatDuration(ms)}; nothing was started`;
  return new AppError('timed-out', message, {
    hint: "the VM may be overloaded, its tmux may be stuck, or the login shell's start-up files may wait for something",
  });
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
