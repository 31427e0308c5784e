import { randomBytes } from 'node:crypto';
import { backOff } from '../../domain/back-off.ts';
import type { Caller } from '../../domain/caller.ts';
import { pause } from '../../domain/clock.ts';
import { formatDuration } from '../../domain/duration.ts';
import { hasTrait } from '../../domain/error-traits.ts';
import { AppError, messageOf, toAppError } from '../../domain/errors.ts';
import type { Outcome } from '../../domain/outcome.ts';
import { type From, followJobScript } from '../../jobs/job-scripts.ts';
import type { JobEnd } from '../../jobs/journal.ts';
import { type Followed, type Follower, followJob, type Sinks } from '../../jobs/tail-job.ts';
import { describeRef, exactTarget, type TargetRef } from '../../targets/target.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { type StartedScript, startScript } from '../access/start-script.ts';
import { withTarget } from '../access/with-target.ts';

/** Where a job runs; updated whenever its VM is reached. */
export interface JobPlace {
  target: TargetRef;
}

export interface JobFollowing {
  readonly access: FleetAccess;
  readonly id: string;
  readonly place: JobPlace;
  readonly sinks: Sinks;
  /** Where to start. */
  readonly out: From;
  readonly err: From;
  /** Read only what is there now, and do not wait for more. */
  readonly now?: boolean;
  /** A follower that has already started. */
  readonly first?: Follower | undefined;
  /** Milliseconds between signs of life. */
  readonly heartbeat?: number | undefined;
  /** Set if the job may not have begun: the error to report then. Following also makes sure that it does not begin any more. */
  readonly doubt?: AppError | undefined;
  readonly caller: Caller;
}

/** Waits between attempts to connect again; the first attempt is made at once. */
const AGAIN = { first: 500, longest: 15_000 };

/** Milliseconds after which a connection counts as stable: it did not break at once. */
const STABLE = 30_000;

/** How many connections in a row may bring nothing more after a job has ended, before its output counts as incomplete. */
const STUCK = 3;

export function isWorthAnotherTry(error: unknown): boolean {
  return error instanceof AppError && hasTrait(error.code, 'follow-again');
}

/** Passes on the output of a job up to its end, over as many connections as it takes. Never rejects. `read`: passed on what was there when it was asked. */
export async function followToEnd(following: JobFollowing): Promise<Outcome | 'read'> {
  const { access, sinks, caller } = following;
  const { signal } = caller;
  const { clock } = access;
  const position = { out: 0, err: 0 };
  let follower = following.first;
  let isOpened = follower !== undefined;
  /** How many connections in a row brought nothing of the output that must be there. */
  let stuck = 0;
  const retry = retries(following);
  for (;;) {
    try {
      follower ??= await open(following, isOpened ? position : undefined);
    } catch (error) {
      if (signal.aborted) return { kind: 'lost', cause: toAppError(signal.reason) };
      if (toAppError(error).code === 'job-not-found') {
        if (isOpened) return ended(following, 'gone');
        if (following.doubt) return { kind: 'not-started', cause: following.doubt };
      }
      const given = isWorthAnotherTry(error) ? await retry(error) : toAppError(error);
      if (given) return lost(following, given);
      continue;
    }
    isOpened = true;
    caller.progress(undefined);
    const before = position.out + position.err;
    const openedAt = clock.now();
    const patience = access.settings.commandDeadline;
    const { heartbeat } = following;
    const followed = await followJob({ follower, sinks, position, clock, heartbeat, patience, signal });
    follower = undefined;
    const hasMoved = position.out + position.err > before || clock.now() - openedAt > STABLE;
    if (hasMoved) retry.reset();
    if (followed.kind !== 'broken') return conclude(following, followed);
    stuck = followed.how && !hasMoved ? stuck + 1 : 0;
    if (followed.how && stuck >= STUCK) return incomplete(following, followed.how, position);
    if (signal.aborted) return { kind: 'lost', cause: toAppError(signal.reason) };
    const given = await retry(followed.cause ?? new Error('the connection was lost'));
    if (given) return lost(following, given);
  }
}

/** Waits until the next attempt is due; returns the error once time is up. Time counts from the last progress, not from the last connection. */
function retries({ access, id, place, caller }: JobFollowing) {
  const { clock, settings } = access;
  const { signal } = caller;
  const identifier = describeRef(place.target);
  let attempt = 0;
  let since: number | undefined;
  const wait = async (error: unknown): Promise<AppError | undefined> => {
    since ??= clock.now();
    if (attempt === 0) caller.warn(`${messageOf(error)}; job ${id} is still running there; reconnecting`);
    if (clock.now() - since > settings.reconnectDeadline) {
      caller.progress(undefined);
      return toAppError(error);
    }
    const delay = attempt === 0 ? 0 : backOff(AGAIN, attempt);
    attempt++;
    caller.progress(`Connection to ${identifier} lost, reconnecting`);
    caller.trace(`${identifier}: ${messageOf(error)}; trying again in ${formatDuration(delay)}`);
    try {
      await pause(clock, delay, signal);
    } catch {
      return toAppError(signal.reason);
    }
    return undefined;
  };
  const reset = () => {
    attempt = 0;
    since = undefined;
  };
  return Object.assign(wait, { reset });
}

/** `position`: how many bytes of each stream have been passed on already. */
function open(following: JobFollowing, position: { readonly out: number; readonly err: number } | undefined) {
  const { access, id, place, now = false, caller } = following;
  const identifier = describeRef(place.target);
  const from = (wanted: From, passed: number) => (position && wanted !== 'none' ? passed : wanted);
  const out = from(following.out, position?.out ?? 0);
  const err = from(following.err, position?.err ?? 0);
  return withTarget({ access, target: place.target, caller }, async (reached) => {
    place.target = exactTarget(reached.target);
    const agent = reached.target.endpoint.ssh.forwardAgent !== undefined;
    const wire = newWire();
    const script = followJobScript({ id, out, err, now, agent, settles: following.doubt !== undefined, wire });
    const started = await startScript({ access, reached, script, mayRepeat: true, caller });
    if (started.words[4] === 'lost') caller.warn(errorsLost(id, identifier));
    const follower = followerOf(started, wire, { out, err });
    if (!follower) throw new AppError('vm-failed', `"${identifier}" did not continue the output at the right place`);
    return follower;
  });
}

/** The word in front of journal lines. A possible start of it is held back, so it starts with a character that rarely ends output such as a prompt. */
export function newWire(): string {
  return `@${randomBytes(16).toString('hex')}`;
}

/** A follower from the status of `startJobScript` or `followJobScript`; undefined if it does not start where asked, since nothing may be printed twice. */
export function followerOf(
  { remote, words }: StartedScript,
  wire: string,
  asked: Asked = { out: 0, err: 0 },
): Follower | undefined {
  const [, , , out = '', err = ''] = words;
  if (!isAsAsked(asked.out, out) || !isAsAsked(asked.err, err)) {
    remote.close();
    return undefined;
  }
  const byte = (word: string) => (word === 'none' || word === 'lost' ? word : Number(word));
  return { remote, wire, out: byte(out), err: byte(err) };
}

interface Asked {
  readonly out: From;
  readonly err: From;
}

/** Whether following starts where it was asked to. Where the last lines start, only the VM knows. */
function isAsAsked(asked: From, word: string): boolean {
  if (word === 'none' || word === 'lost') return true;
  return typeof asked === 'number' ? Number(word) === asked : typeof asked === 'object';
}

/** The warning about a job that keeps its standard error, on a VM whose start-up files redirect standard error by now. */
export function errorsLost(id: string, where: string): string {
  return `${where}: start-up files redirect standard error, so the stderr of job ${id} is not shown; azlin logs --stderr ${id} shows it`;
}

function conclude(following: JobFollowing, followed: Exclude<Followed, { kind: 'broken' }>): Outcome | 'read' {
  const { id, place, caller } = following;
  const identifier = describeRef(place.target);
  caller.progress(undefined);
  if (followed.kind !== 'read' && followed.kind !== 'ended') return ended(following, followed.kind);
  if (followed.cut.length === 0)
    return followed.kind === 'read' ? 'read' : outcomeOfEnd(followed.end.kind, followed.end.detail);
  const { kind, detail } = followed.kind === 'read' ? { kind: 'some of it is missing', detail: '' } : followed.end;
  const how = kind === 'exited' ? `exit code ${detail}` : kind;
  return lostOutcome(
    `The output of job ${id} on ${identifier} (${how}) could not be kept there: what was printed is incomplete`,
    'its disk may be full; azlin exec --direct keeps no output there',
  );
}

/** The outcome of a job without a recorded end. */
function ended({ id, place }: JobFollowing, kind: 'gone' | 'void' | 'left'): Outcome {
  const identifier = describeRef(place.target);
  if (kind === 'left')
    return lostOutcome(
      `The shell of ${identifier} ended together with the command of job ${id}: its exit code is unknown`,
      'a command that uses "exit" or "set -e" ends the shell of the session',
    );
  if (kind === 'gone')
    return lostOutcome(
      `It is unknown how job ${id} on ${identifier} ended: the VM was restarted, or the job's supervisor or files are gone`,
      `its command may still be running: azlin cancel ${id} ends it; see what it did before you run it again`,
    );
  const message = `The command of job ${id} on ${identifier} could not be started`;
  return { kind: 'not-started', cause: new AppError('vm-failed', message) };
}

/** The outcome of a job that has ended, but some of whose output does not arrive. */
function incomplete(
  { id, place }: JobFollowing,
  end: JobEnd,
  position: { readonly out: number; readonly err: number },
): Outcome {
  const identifier = describeRef(place.target);
  const how =
    end.kind === 'exited' ? `exit code ${end.detail}` : end.kind === 'signaled' ? `SIG${end.detail}` : end.kind;
  const missing = (['out', 'err'] as const).filter((stream) => position[stream] < end[stream]);
  const parts = missing.map((stream) => `${position[stream]} of ${end[stream]} bytes of std${stream}`);
  return lostOutcome(
    `Job ${id} on ${identifier} ended (${how}), but its output is incomplete: received ${parts.join(', ')}`,
    `azlin logs ${id} fetches it again`,
  );
}

export function outcomeOfEnd(kind: 'exited' | 'signaled' | 'timed-out' | 'cancelled', detail: string): Outcome {
  if (kind === 'exited') return { kind, code: Number(detail) };
  return kind === 'signaled' ? { kind, signal: detail } : { kind };
}

function lostOutcome(message: string, hint: string): Outcome {
  return { kind: 'lost', cause: new AppError('vm-failed', message, { hint }) };
}

function lost({ id, place }: JobFollowing, cause: AppError): Outcome {
  if (cause.code === 'interrupted') return { kind: 'lost', cause };
  const identifier = describeRef(place.target);
  const message = `Job ${id} was started on ${identifier}, but its state cannot be read: ${cause.message}`;
  return { kind: 'lost', cause: new AppError(cause.code, message, { hint: `azlin wait ${id} asks again`, cause }) };
}
