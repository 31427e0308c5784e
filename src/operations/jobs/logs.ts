import { PassThrough, Writable } from 'node:stream';
import { type Caller, withSignal } from '../../domain/caller.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { From } from '../../jobs/job-scripts.ts';
import { identifierOf, type TargetRef } from '../../targets/target.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { withTarget } from '../access/with-target.ts';
import type { RunningCommand } from '../exec/exec.ts';
import { followToEnd } from './follow-to-end.ts';
import type { PlacedJob } from './list-jobs.ts';

export interface LogsRequest {
  readonly job: PlacedJob;
  readonly stream: 'stdout' | 'stderr';
  /** Where to start; 0 for the beginning. */
  readonly from: Exclude<From, 'none'>;
  /** Follow until the job ends. */
  readonly follow: boolean;
  readonly to: Writable;
}

/** Writes the output of a job to `to`. Rejects with an AppError if some of it could not be read. */
export async function showLogs(access: FleetAccess, request: LogsRequest, caller: Caller): Promise<void> {
  const { job, stream, from, follow, to } = request;
  // Aborts when the reader has gone, as with `| head`.
  const unread = new AbortController();
  const stop = () => unread.abort(new AppError('interrupted', 'Nobody reads'));
  to.once('error', stop);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const isStdout = stream === 'stdout';
  const outcome = await followToEnd({
    access,
    id: job.id,
    place: { target: job.target },
    sinks: { stdout: isStdout ? to : nowhere, stderr: isStdout ? nowhere : to },
    out: isStdout ? from : 'none',
    err: isStdout ? 'none' : from,
    now: !follow,
    caller: withSignal(caller, AbortSignal.any([caller.signal, unread.signal])),
  });
  to.off('error', stop);
  if (unread.signal.aborted) return;
  if (outcome !== 'read' && (outcome.kind === 'lost' || outcome.kind === 'not-started')) throw outcome.cause;
}

/** The output of a job, as a command that does nothing but print it. */
export function logsAsCommand(access: FleetAccess, request: Omit<LogsRequest, 'to'>, caller: Caller): RunningCommand {
  const { id, target } = request.job;
  const stdout = new PassThrough();
  const left = new AbortController();
  const outcome = showLogs(access, { ...request, to: stdout }, withSignal(caller, left.signal))
    .then(
      (): Outcome => ({ kind: 'exited', code: 0 }),
      (error): Outcome => ({ kind: 'lost', cause: toAppError(error) }),
    )
    .finally(() => stdout.end());
  return {
    target: identifierOf(target),
    stdout,
    stderr: new PassThrough().end(),
    outcome,
    kill: async () => {},
    job: {
      ...{ id, isFound: false, endsWithUs: false, isWatched: true },
      cancel: async () => false,
      leave: () => left.abort(new AppError('interrupted', 'Interrupted')),
    },
  };
}

/** What the session's active pane shows, after `history` lines of its history. */
export function showScreen(
  access: FleetAccess,
  { target: ref, history }: { readonly target: TargetRef; readonly history: number },
  caller: Caller,
): Promise<string> {
  return withTarget({ access, target: ref, caller }, ({ target, tmux }) =>
    tmux.screen(target.session, history, caller.signal),
  );
}
