import { randomBytes } from 'node:crypto';
import { backOff } from '../../domain/back-off.ts';
import type { Caller } from '../../domain/caller.ts';
import { pause } from '../../domain/clock.ts';
import { hasTrait } from '../../domain/error-traits.ts';
import { AppError, messageOf, toAppError } from '../../domain/errors.ts';
import { jobIdProblem, startJobScript, uploadScript } from '../../jobs/job-scripts.ts';
import type { Follower } from '../../jobs/tail-job.ts';
import {
  describeRef,
  describeTarget,
  exactTarget,
  identifierOf,
  type Target,
  type TargetRef,
} from '../../targets/target.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { startScript } from '../access/start-script.ts';
import { withTarget } from '../access/with-target.ts';
import type { RunningCommand } from '../exec/exec.ts';
import { type ExecRequest, prepare, timeLimit } from '../exec/exec-request.ts';
import { sendInput } from '../exec/upload.ts';
import { errorsLost, followerOf, newWire } from './follow-to-end.ts';
import { jobAsCommand } from './job-as-command.ts';

export interface DurableRequest extends ExecRequest {
  /** The id that the user gave it. */
  readonly job: string | undefined;
  /** Milliseconds that it goes on when azlin is gone; undefined for ever. */
  readonly grace: number | undefined;
  /** Whoever ends azlin ends it, too. */
  readonly endsWithUs: boolean;
  /** Do not follow it. */
  readonly detach: boolean;
}

/** A job that has been started, or found. */
export interface StartedJob {
  readonly id: string;
  readonly isFound: boolean;
  /** What is there under that id is another command. */
  readonly runsOther: boolean;
  readonly target: string;
  /** Milliseconds that its command has; undefined without a limit, and for a job that was found. */
  readonly timeout?: number | undefined;
  /** Where it runs, whatever else is called so. */
  readonly place: TargetRef;
  /** Undefined where nobody is to follow. */
  readonly follower: Follower | undefined;
  /** Why nobody knows whether it was started. */
  readonly doubt: AppError | undefined;
}

/** Runs a command as a job of its VM: it outlives connections and this process. Rejects with an AppError when it was not started. */
export async function execDurably(
  access: FleetAccess,
  request: DurableRequest,
  caller: Caller,
): Promise<RunningCommand> {
  const { follower, doubt, ...started } = await startJob(access, request, caller);
  const { grace, endsWithUs } = request;
  const following = { ...started, first: follower, out: 0, err: 0, isWatched: false } as const;
  return jobAsCommand(access, { ...following, grace, endsWithUs, doubt }, caller);
}

/** How far starting a job has come. */
interface Attempt {
  readonly access: FleetAccess;
  readonly request: DurableRequest;
  readonly id: string;
  readonly caller: Caller;
  /** Becomes exact once the VM is known: a second attempt must not go to another one. */
  target: TargetRef;
  create: boolean;
  /** The name of what its command will read. */
  input: string | undefined;
  /** Nobody else has it: what is given up by it, a later one may begin. */
  word: string;
  /** The VM was asked to start it. */
  isAsked: boolean;
  /** The VM that was asked. */
  vm: string | undefined;
  /** How that went. */
  failure: unknown;
  /** It may have been started although nobody has said so. */
  isInDoubt: boolean;
}

/** Between questions whether a job was started. */
const AGAIN = { first: 500, longest: 15_000 };

/** Starts a job, or finds the one of that id. Rejects with an AppError when nothing was started. */
export async function startJob(access: FleetAccess, request: DurableRequest, caller: Caller): Promise<StartedJob> {
  const { job, target, create } = request;
  const { signal } = caller;
  const problem = job === undefined ? undefined : jobIdProblem(job);
  if (problem) throw new AppError('usage', `Invalid job id "${job}": ${problem}`);
  const id = job ?? newJobId();
  const attempt: Attempt = {
    access,
    request,
    id,
    caller,
    target,
    create,
    input: undefined,
    word: newWire(),
    isAsked: false,
    vm: undefined,
    failure: undefined,
    isInDoubt: false,
  };
  await upload(attempt);
  const until = access.clock.now() + access.settings.reconnectDeadline;
  for (let tries = 1; ; tries++) {
    try {
      return await tryToStart(attempt);
    } catch (error) {
      const { code } = toAppError(error);
      if (code === 'job-not-found') {
        // What the command would read has gone with what was cut off.
        if (!attempt.isInDoubt || attempt.input !== undefined) throw notBegun(attempt);
        // What was cut off will never begin, the VM says so; it may be begun anew.
        attempt.word = newWire();
        attempt.isInDoubt = false;
        continue;
      }
      if (!attempt.isInDoubt) throw error;
      // Asking for the same id again starts it if it was not started, and finds it if it was.
      // What the VM itself says is certain.
      if (!hasTrait(code, 'ask-again') && code !== 'interrupted') throw error;
      const isSlow = code === 'timed-out' && tries > 2;
      if (signal.aborted || access.clock.now() > until || isSlow) return doubtful(attempt, error);
      caller.warn(`${messageOf(error)}; asking again whether job ${id} was started`);
      caller.progress(`Asking ${describeRef(attempt.target)} again`);
      await pause(access.clock, backOff(AGAIN, tries), signal).catch(() => {});
    }
  }
}

function notBegun({ id, target }: Attempt): AppError {
  const message = `Job ${id} was not started on ${describeRef(target)}: it did not begin in time, or its directory on the VM is damaged`;
  return new AppError('vm-failed', message, { hint: 'nothing ran, and nothing will; try again' });
}

function doubtful({ id, target: place }: Attempt, error: unknown): StartedJob {
  const { code, message } = toAppError(error);
  const target = describeRef(place);
  const text = `Job ${id} may have been started on ${target}: ${message}`;
  const doubt = new AppError(code, text, { hint: `azlin wait ${id} asks again`, cause: error });
  return { id, isFound: false, runsOther: false, target, place, follower: undefined, doubt };
}

async function tryToStart(attempt: Attempt): Promise<StartedJob> {
  const { access, request, id, input, word, caller } = attempt;
  return withTarget({ access, target: attempt.target, caller }, async (reached) => {
    const { target } = reached;
    // By now the name may mean another VM; the job may be on the first one.
    const vm = target.vm?.vmId ?? target.endpoint.address;
    if (attempt.isAsked && vm !== attempt.vm) throw attempt.failure;
    attempt.vm = vm;
    pin(attempt, target);
    const isNew = request.job === undefined && !attempt.isAsked;
    const timeout = timeLimit(request, access.clock.now());
    const command = prepare({ ...request, timeout, create: attempt.create }, target, access.settings);
    const grace = request.grace === undefined ? undefined : Math.ceil(request.grace / 1_000);
    const { detach } = request;
    const wire = newWire();
    const script = startJobScript({ id, command, input, isNew, grace, detach, settles: word, wire });
    attempt.isAsked = true;
    const remembered = access.jobMemory.remember(id, identifierOf(target), caller);
    const started = await startScript({ access, reached, script, caller }).catch((error: unknown) => {
      attempt.isInDoubt ||= toAppError(error).mayHaveRun;
      attempt.failure = error;
      throw error;
    });
    const [, went, found, , err] = started.words;
    if (err === 'lost') caller.warn(errorsLost(id, describeTarget(target)));
    if (went === 'no-cwd')
      caller.warn(`${describeTarget(target)}: its directory no longer exists; the command runs in the home directory`);
    if (detach) await remembered;
    return {
      id,
      isFound: found !== 'new',
      runsOther: found === 'other',
      target: describeTarget(target),
      timeout: found === 'new' ? timeout : undefined,
      place: attempt.target,
      follower: detach ? undefined : followerOf(started, wire),
      doubt: undefined,
    };
  });
}

function pin(attempt: Attempt, target: Target): void {
  attempt.create ||= target.origin === 'default';
  attempt.target = exactTarget(target);
}

/** Takes what the command will read to the VM, whole, before anything is started; a script is a part of what starts it. */
async function upload(attempt: Attempt): Promise<void> {
  const { access, request, caller } = attempt;
  const { signal } = caller;
  const { stdin } = request;
  if (!stdin) return;
  let failure: unknown;
  await withTarget({ access, target: attempt.target, caller }, async ({ target, connection }) => {
    // What has been read of standard input is gone: another attempt would send the rest.
    if (failure !== undefined) throw failure;
    pin(attempt, target);
    const name = randomBytes(16).toString('hex');
    try {
      const { clock, settings } = access;
      const deadline = settings.commandDeadline;
      const remote = await connection.spawn(uploadScript(name), { patience: deadline, signal });
      await sendInput({ source: stdin, name, remote, clock, deadline, signal }, target);
    } catch (error) {
      failure = error;
      throw error;
    }
    attempt.input = name;
  });
}

/** Easy to read aloud and to type; a job that has the same one by chance is not taken for it. */
export function newJobId(): string {
  const letters = 'abcdefghjkmnpqrstuvwxyz23456789';
  return [...randomBytes(10)].map((byte) => letters.charAt(byte % letters.length)).join('');
}
