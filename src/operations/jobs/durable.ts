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
import { noteDone, noteEnd } from '../access/history-notes.ts';
import { startScript } from '../access/start-script.ts';
import { withTarget } from '../access/with-target.ts';
import type { RunningCommand } from '../exec/exec.ts';
import { type ExecRequest, mayGoEarly, prepare, programOf, timeLimit } from '../exec/exec-request.ts';
import { sendInput } from '../exec/upload.ts';
import { errorsLost, followerOf, newWire } from './follow-to-end.ts';
import { jobAsCommand } from './job-as-command.ts';

export interface DurableRequest extends ExecRequest {
  /** The id that the user chose, if any. */
  readonly job: string | undefined;
  /** Milliseconds that the job goes on when azlin is gone; undefined for no limit. */
  readonly grace: number | undefined;
  /** Whether ending azlin ends the job, too. */
  readonly endsWithUs: boolean;
  /** Do not follow it. */
  readonly detach: boolean;
}

/** A job that has been started, or found. */
export interface StartedJob {
  readonly id: string;
  readonly isFound: boolean;
  readonly target: string;
  /** The timeout of its command in milliseconds; undefined without one, and for a job that was found. */
  readonly timeout?: number | undefined;
  /** Exactly where it runs, even if the name has another meaning later. */
  readonly place: TargetRef;
  /** Undefined if the job is not to be followed. */
  readonly follower: Follower | undefined;
  /** Set if it is unknown whether the job was started: why. */
  readonly doubt: AppError | undefined;
}

/** Runs a command as a job on its VM, which outlives connections and this process. Rejects with an AppError if it was not started. */
export async function execDurably(
  access: FleetAccess,
  request: DurableRequest,
  caller: Caller,
): Promise<RunningCommand> {
  const { follower, doubt, ...started } = await startJob(access, request, caller);
  const { grace, endsWithUs } = request;
  const following = { ...started, first: follower, out: 0, err: 0, isWatched: false } as const;
  const running = jobAsCommand(access, { ...following, grace, endsWithUs, doubt }, caller);
  const { id, isFound, place } = started;
  if (isFound || typeof place === 'string') return running;
  const ended = { run: id, job: id, program: programOf(request.command), outcome: running.outcome };
  return { ...running, outcome: noteEnd(access, place, ended) };
}

/** The state of starting a job, over all tries. */
interface Attempt {
  readonly access: FleetAccess;
  readonly request: DurableRequest;
  readonly id: string;
  readonly caller: Caller;
  /** Becomes exact once the VM is known: a second try must not go to another VM. */
  target: TargetRef;
  create: boolean;
  /** The name of the uploaded input of its command. */
  input: string | undefined;
  /** Unique to this try. A job is given up under this word; only a try with another word may begin it after that. */
  word: string;
  /** Whether a VM was asked to start the job. */
  isAsked: boolean;
  /** The VM that was asked. */
  vm: string | undefined;
  /** The error of the last try. */
  failure: unknown;
  /** Whether the job may have been started without a confirmation. */
  isInDoubt: boolean;
}

/** Waits between questions whether a job was started. */
const AGAIN = { first: 500, longest: 15_000 };

/** Starts a job, or finds the one with that id. Rejects with an AppError if nothing was started. */
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
        // The uploaded input is gone, along with the try that was cut off.
        if (!attempt.isInDoubt || attempt.input !== undefined) throw notBegun(attempt);
        // The VM says that the try that was cut off will never begin, so it is safe to start anew.
        attempt.word = newWire();
        attempt.isInDoubt = false;
        continue;
      }
      if (!attempt.isInDoubt) throw error;
      // Asking for the same id again starts it if it was not started, and finds it if it was.
      // An error from the VM itself leaves no doubt.
      if (!hasTrait(code, 'ask-again') && code !== 'interrupted') throw error;
      const isSlow = code === 'timed-out' && tries > 2;
      if (signal.aborted || access.clock.now() > until || isSlow) return doubtful(attempt, error);
      caller.warn(`${messageOf(error)}; asking again whether job ${id} was started`);
      caller.progress(`Asking ${describeRef(attempt.target)} again`);
      await pause(access.clock, backOff(AGAIN, tries), signal).catch(() => {});
    }
  }
}

/** The id must not stand for two commands: what the user wants has not run, and its output must not be taken for that of the other one. */
function otherCommand(id: string, where: string): AppError {
  return new AppError('usage', `Job ${id} on ${where} runs another command; nothing was started`, {
    hint: `azlin logs ${id} shows its output; use another id for this command`,
  });
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
  return { id, isFound: false, target, place, follower: undefined, doubt };
}

async function tryToStart(attempt: Attempt): Promise<StartedJob> {
  const { access, request, id, input, word, caller } = attempt;
  return withTarget({ access, target: attempt.target, caller }, async (reached) => {
    const { target } = reached;
    // The name may mean another VM by now, while the job may be on the first one.
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
    const early = mayGoEarly(request);
    const started = await startScript({ access, reached, script, early, caller }).catch((error: unknown) => {
      attempt.isInDoubt ||= toAppError(error).mayHaveRun;
      attempt.failure = error;
      throw error;
    });
    const [, went, found, , err] = started.words;
    if (found === 'other') {
      started.remote.close();
      throw otherCommand(id, describeTarget(target));
    }
    if (err === 'lost') caller.warn(errorsLost(id, describeTarget(target)));
    if (went === 'no-cwd')
      caller.warn(`${describeTarget(target)}: its directory no longer exists; the command runs in the home directory`);
    if (found === 'new')
      await noteDone(access, target, { what: 'ran', run: id, job: id, program: programOf(request.command) });
    // It has been written for long, unless this machine is very busy; a short command must not end before.
    await remembered;
    return {
      id,
      isFound: found !== 'new',
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

/** Sends the command's whole input to the VM before anything is started. A user's script is not uploaded: it is part of what starts the job. */
async function upload(attempt: Attempt): Promise<void> {
  const { access, request, caller } = attempt;
  const { signal } = caller;
  const { stdin } = request;
  if (!stdin) return;
  let failure: unknown;
  await withTarget({ access, target: attempt.target, caller }, async ({ target, connection }) => {
    // Standard input cannot be read twice: another attempt would send only the rest.
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

/** An id that is easy to read aloud and to type. If another job has the same id by chance, the two are not confused. */
export function newJobId(): string {
  const letters = 'abcdefghjkmnpqrstuvwxyz23456789';
  return [...randomBytes(10)].map((byte) => letters.charAt(byte % letters.length)).join('');
}
