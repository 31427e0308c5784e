import { PassThrough } from 'node:stream';
import { AppError, messageOf } from '../../domain/errors.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { RemoteScript } from '../../domain/remote-script.ts';
import { cancelJobScript, type From, signalJobScript } from '../../jobs/job-scripts.ts';
import type { Follower } from '../../jobs/tail-job.ts';
import { runOverSsh } from '../../transport/run-script.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { withTarget } from '../access/reach.ts';
import type { RunningCommand } from '../exec/exec.ts';
import { followToEnd } from './follow-to-end.ts';

/** Waits for a job that is there already; its output is left out. */
export function watchJob(
  access: FleetAccess,
  { id, identifier }: { readonly id: string; readonly identifier: string },
): RunningCommand {
  const from = { out: 'none', err: 'none' } as const;
  return followedJob(access, { id, identifier, target: identifier, isFound: false, ...from, isWatched: true });
}

export interface FollowedJob {
  readonly id: string;
  readonly identifier: string;
  readonly target: string;
  readonly isFound: boolean;
  readonly runsOther?: boolean;
  readonly isWatched: boolean;
  readonly out: From;
  readonly err: From;
  readonly first?: Follower | undefined;
  readonly grace?: number | undefined;
  readonly endsWithUs?: boolean;
  /** Nobody knows whether it was started; it is not followed. */
  readonly doubt?: AppError | undefined;
  /** It may not have begun; what to say of it then. */
  readonly unlessBegun?: AppError | undefined;
}

export function followedJob(access: FleetAccess, job: FollowedJob): RunningCommand {
  const { id, identifier, grace, doubt, unlessBegun, out, err, first, isWatched } = job;
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const heartbeat = grace === undefined ? undefined : Math.min(5_000, grace / 4);
  const following = { access, id, identifier, sinks: { stdout, stderr }, out, err, first, heartbeat };
  // Whoever interrupts may want to end the job, and to see its end.
  const left = new AbortController();
  const end = doubt
    ? Promise.resolve<Outcome>({ kind: 'lost', cause: doubt })
    : followToEnd({ ...following, doubt: unlessBegun, signal: left.signal });
  return {
    target: job.target,
    stdout,
    stderr,
    outcome: end.then((outcome): Outcome => {
      stdout.end();
      stderr.end();
      return outcome === 'read' ? { kind: 'lost', cause: new AppError('bug', 'the job was not followed') } : outcome;
    }),
    kill: async (name) => void (await tell(access, { identifier, id, script: signalJobScript(id, name) })),
    job: {
      id,
      isFound: job.isFound,
      runsOther: job.runsOther === true,
      endsWithUs: job.endsWithUs === true,
      isWatched,
      cancel: () => tell(access, { identifier, id, script: cancelJobScript(id) }),
      leave: () => left.abort(new AppError('interrupted', 'Interrupted')),
    },
  };
}

interface Telling {
  readonly identifier: string;
  readonly id: string;
  readonly script: RemoteScript;
}

/** Says something to a job, and whether it could be said. It has a deadline of its own, and is said while azlin is being ended. */
async function tell(access: FleetAccess, { identifier, id, script }: Telling): Promise<boolean> {
  const { signal } = new AbortController();
  const { clock, commandDeadline: deadline } = access;
  try {
    await withTarget({ access, identifier, signal }, async ({ connection, target: { endpoint } }) =>
      runOverSsh({ connection, endpoint, clock, deadline })(script, signal),
    );
    return true;
  } catch (error) {
    access.warn(`Cannot reach job ${id} on ${identifier}: ${messageOf(error)}`);
    return false;
  }
}
