import { PassThrough } from 'node:stream';
import { type Caller, withSignal } from '../../domain/caller.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { RemoteScript } from '../../domain/remote-script.ts';
import { cancelJobScript, type From, signalJobScript } from '../../jobs/job-scripts.ts';
import type { Follower } from '../../jobs/tail-job.ts';
import { describeRef, exactTarget, identifierOf, type TargetRef } from '../../targets/target.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { noteSeenEnd } from '../access/history-notes.ts';
import { withTarget } from '../access/with-target.ts';
import type { RunningCommand } from '../exec/exec.ts';
import { programOf } from '../exec/exec-request.ts';
import { followToEnd, type JobPlace } from './follow-to-end.ts';
import type { PlacedJob } from './list-jobs.ts';

interface Watched extends Pick<PlacedJob, 'id' | 'target' | 'hostname' | 'session' | 'state' | 'command'> {
  /** Where its output is wanted from; none by default. */
  readonly from?: Pick<FollowedJob, 'out' | 'err' | 'isFound'>;
}

const NO_OUTPUT = { out: 'none', err: 'none', isFound: false } as const;

/** Waits for an existing job. */
export function watchJob(
  access: FleetAccess,
  { id, target: place, hostname, session, state, command, from = NO_OUTPUT }: Watched,
  caller: Caller,
): RunningCommand {
  const target = session === '' ? hostname : identifierOf(place);
  const running = jobAsCommand(access, { id, place, target, isWatched: true, ...from }, caller);
  const isRunning = state === 'running' || state === 'starting';
  const { outcome } = running;
  return {
    ...running,
    outcome: noteSeenEnd(access, place, { id, program: programOf([command]), isRunning, outcome }),
  };
}

export interface FollowedJob {
  readonly id: string;
  readonly place: TargetRef;
  /** `myvm:dev`. */
  readonly target: string;
  readonly isFound: boolean;
  readonly isWatched: boolean;
  /** The timeout of its command in milliseconds, if this call started it. */
  readonly timeout?: number | undefined;
  readonly out: From;
  readonly err: From;
  readonly first?: Follower | undefined;
  readonly grace?: number | undefined;
  readonly endsWithUs?: boolean;
  /** Set if it is unknown whether the job was started: why. It is not followed then. */
  readonly doubt?: AppError | undefined;
  /** Set if the job may not have begun: the error to report then. */
  readonly unlessBegun?: AppError | undefined;
}

/** Makes a job that is followed look like any other running command. */
export function jobAsCommand(access: FleetAccess, job: FollowedJob, caller: Caller): RunningCommand {
  const { id, grace, doubt, unlessBegun, out, err, first, isWatched } = job;
  const { killAfter } = access.settings;
  const place: JobPlace = { target: job.place };
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const heartbeat = grace === undefined ? undefined : Math.min(5_000, grace / 4);
  const following = { access, id, place, sinks: { stdout, stderr }, out, err, first, heartbeat };
  // Not the caller's signal: a user who interrupts may want to end the job and see how it ends.
  const left = new AbortController();
  const end = doubt
    ? Promise.resolve<Outcome>({ kind: 'lost', cause: doubt })
    : followToEnd({ ...following, doubt: unlessBegun, caller: withSignal(caller, left.signal) });
  return {
    target: job.target,
    stdout,
    stderr,
    outcome: end.then((outcome): Outcome => {
      stdout.end();
      stderr.end();
      if (outcome === 'read') return { kind: 'lost', cause: new AppError('bug', 'the job was not followed') };
      return outcome.kind === 'timed-out' ? { ...outcome, after: job.timeout } : outcome;
    }),
    kill: async (name) => void (await tell(access, { place, id, script: signalJobScript(id, name) }, caller)),
    job: {
      id,
      isFound: job.isFound,
      endsWithUs: job.endsWithUs === true,
      isWatched,
      cancel: () => tell(access, { place, id, script: cancelJobScript(id, { wait: END_LIMIT, killAfter }) }, caller),
      leave: () => left.abort(new AppError('interrupted', 'Interrupted')),
    },
  };
}

/**
 * Milliseconds to wait for the end of a job that is cancelled. After Ctrl-C, or when a runner cancels a workflow, azlin has seven seconds in all. If the job
 * takes longer to end, the answer must be back by then, or it would look as if the job had not been told.
 */
const END_LIMIT = 4_000;

interface Telling {
  readonly place: JobPlace;
  readonly id: string;
  readonly script: RemoteScript;
}

/** Runs a script that tells a job something; resolves to whether it got through. It must also work while azlin is ending, so it has its own deadline. */
async function tell(access: FleetAccess, { place, id, script }: Telling, caller: Caller): Promise<boolean> {
  const { signal } = new AbortController();
  try {
    const wanted = { access, target: place.target, caller: withSignal(caller, signal) };
    await withTarget(wanted, ({ target, run }) => {
      place.target = exactTarget(target);
      return run(script, signal);
    });
    return true;
  } catch (error) {
    caller.warn(`Cannot reach job ${id} on ${describeRef(place.target)}: ${messageOf(error)}`);
    return false;
  }
}
