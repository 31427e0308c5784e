import type { Caller } from '../../domain/caller.ts';
import { withDeadline } from '../../domain/deadline.ts';
import { formatDuration } from '../../domain/duration.ts';
import { AppError, inDoubt } from '../../domain/errors.ts';
import type { RemoteScript } from '../../domain/remote-script.ts';
import { describeTarget, type Target } from '../../targets/target.ts';
import { type Status, takeStatus } from '../../tmux/status.ts';
import { statusError } from '../../tmux/status-error.ts';
import type { RemoteProcess, Terminal } from '../../transport/transport.ts';
import type { FleetAccess } from './fleet-access.ts';
import type { Reached } from './with-target.ts';

export interface Starting {
  readonly access: FleetAccess;
  readonly reached: Reached;
  readonly script: RemoteScript;
  readonly terminal?: Terminal;
  /** Whether it does no harm when it runs twice, so that no error is in doubt. */
  readonly mayRepeat?: boolean;
  /** Whether it may be sent before the server has let the user in. */
  readonly early?: boolean;
  readonly caller: Caller;
}

export interface StartedScript {
  readonly remote: RemoteProcess;
  /** The words of its status. */
  readonly words: readonly string[];
  /** The text that belongs to its status. */
  readonly text: string;
}

/**
 * Runs a script on the VM and waits for its status. An error says whether the script may have run all the same (`mayHaveRun`): it certainly has not only if
 * it did not leave azlin, or if the VM itself refused it.
 */
export async function startScript(starting: Starting): Promise<StartedScript> {
  const { access, reached, script, terminal, mayRepeat = false, early = false, caller } = starting;
  const { signal } = caller;
  const { target, connection } = reached;
  const ms = access.settings.commandDeadline + timeToSend(script);
  let isSent = false;
  let isRefused = false;
  let remote: RemoteProcess | undefined;
  const onSent = (sent: boolean) => {
    isSent = sent;
  };
  const expired = () => silence(target, ms);
  try {
    return await withDeadline({ clock: access.clock, ms, signal, expired }, async (limited) => {
      remote = await connection.spawn(script, {
        terminal,
        isUsers: true,
        early,
        onSent,
        patience: ms,
        signal: limited,
      });
      // On a terminal stderr comes with stdout, but the stream must be read all the same.
      if (terminal) remote.stderr.resume();
      const status = await statusOf(remote);
      isRefused = status.kind !== 'unreadable' && status.kind !== 'ok';
      if (status.kind !== 'ok') throw statusError(status, target.hostname, target.session);
      if (status.words[0] === '1') await access.survey.forget(target.endpoint, caller);
      return { remote, words: status.words, text: status.text };
    });
  } catch (error) {
    remote?.stdout.resume();
    remote?.stderr.resume();
    remote?.close();
    // With `ssh-denied`, the login shell has ended without an answer from the script, so the script has not run.
    const isCertain = mayRepeat || !isSent || isRefused || (error instanceof AppError && error.code === 'ssh-denied');
    throw isCertain ? error : inDoubt(error);
  }
}

/** Bytes per millisecond that even the slowest link should carry: 1 KB/s. */
const SLOWEST = 1;

/** Extra milliseconds that a long script may need to reach the VM. */
function timeToSend({ text }: RemoteScript): number {
  return Math.max(0, text.length - USUAL_LENGTH) / SLOWEST;
}

/** Bytes that any of azlin's own scripts may have; the deadline already allows for them. */
const USUAL_LENGTH = 24_576;

function silence(target: Target, ms: number): AppError {
  const message = `"${describeTarget(target)}" did not answer in ${formatDuration(ms)}`;
  return new AppError('timed-out', message, {
    hint: 'the VM may be overloaded, its tmux stuck, or the start-up files of the login shell waiting for something',
  });
}

/** The status. Throws if the connection was lost before it came. */
async function statusOf(remote: RemoteProcess): Promise<Status> {
  const status = await takeStatus(remote.stdout);
  if (status) return status;
  remote.stderr.resume();
  const exit = await remote.exit;
  if (exit.kind === 'lost') throw exit.cause;
  return { kind: 'unreadable', said: '' };
}
