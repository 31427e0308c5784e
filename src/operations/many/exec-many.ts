import { setMaxListeners } from 'node:events';
import type { Readable } from 'node:stream';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Slot } from '../../domain/concurrency.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import { type Outcome, outcomeOfError } from '../../domain/outcome.ts';
import type { Chosen, Selected } from '../../targets/select.ts';
import type { Target } from '../../targets/target.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import type { CommandSignal, RunningCommand } from '../exec/exec.ts';
import { fanOut, type Limits } from './fan-out.ts';
import { accessForOne, callerForOne } from './fan-out-access.ts';
import {
  labelOf,
  NOT_BEGUN,
  resultOf,
  type TargetOutcome,
  type TargetResult,
  unaskedResult,
  unaskedStop,
  verdictOf,
} from './target-result.ts';

/** Where the output of many commands goes. A promise that is returned holds up its command until it settles. */
export interface OutputSink {
  write(target: string, stream: 'stdout' | 'stderr', chunk: Buffer): Promise<void> | undefined;
  /** Called when a target is done and all of its output was written. */
  end(result: TargetResult): Promise<void> | undefined;
}

export interface ManyRequest {
  readonly selected: Selected;
  readonly limits: Limits;
  /** By the clock: when everything must be over. */
  readonly until: number | undefined;
  /** Starts the command, or finds its job. */
  readonly start: (access: FleetAccess, target: Target, caller: Caller) => Promise<RunningCommand>;
  readonly sink: OutputSink;
}

export interface ManyState {
  readonly all: number;
  readonly done: number;
  readonly failed: number;
  /** The targets that are running, longest first; `since` by the clock. */
  readonly running: readonly { readonly target: string; readonly since: number }[];
}

/** Commands on many targets. */
export interface ManyRun {
  /** Rejects only for a bug. Includes absent sessions. */
  readonly results: Promise<readonly TargetResult[]>;
  state(): ManyState;
  /** Begins nothing more, breaks off what has not started, and signals what is running. */
  signal(name: CommandSignal, why: AppError): void;
  /** Ends what is running, except jobs that are to go on, and stops waiting. */
  abandon(name: CommandSignal, why: AppError): void;
}

interface Underway {
  readonly hostname: string;
  readonly since: number;
  readonly command: RunningCommand;
  /** Settles the target without waiting for its command. */
  readonly leave: (why: AppError) => void;
}

/** Milliseconds that commands have to end after the last signal. */
const GRACE = 1_000;
/** Milliseconds that cancelling a job may take before azlin stops waiting. */
const CANCEL_LIMIT = 7_000;
/** Milliseconds after the deadline when azlin stops waiting for the VMs to end their commands. */
const OVERTIME = 10_000;

/** Runs commands on many targets. Stop them with the methods of the result: the caller's signal is ignored. */
export function execMany(access: FleetAccess, request: ManyRequest, caller: Caller): ManyRun {
  const { selected, limits, until, sink } = request;
  const { clock } = access;
  const underway = new Map<Chosen, Underway>();
  const starting = new AbortController();
  // Every target that is being connected to listens to it.
  setMaxListeners(0, starting.signal);
  const counts = { done: 0, failed: 0, absent: 0 };
  /** What was done to end all commands; also done to one that was still starting at that moment. */
  let ending: ((one: Underway) => void) | undefined;
  const endAll = (why: AppError, end: (one: Underway) => void) => {
    starting.abort(why);
    ending = end;
    for (const one of underway.values()) end(one);
  };
  const begun = (chosen: Chosen, one: Underway) => {
    underway.set(chosen, one);
    ending?.(one);
  };
  const settled = async (result: TargetResult) => {
    const said = verdictOf(result);
    counts[said === 'again' ? 'failed' : said]++;
    await sink.end(result);
  };
  const abandon = (name: CommandSignal, why: AppError) => endAll(why, (one) => void giveUp(access, one, { name, why }));
  const all = async () => {
    const unasked = selected.unasked.map(unaskedResult);
    for (const one of unasked) await settled(one);
    const ended = (chosen: Chosen) => underway.delete(chosen);
    const running = { access, request, begun, ended, caller: callerForOne(caller, starting.signal) };
    const run = (chosen: Chosen, slot: Slot, attempt: number) => runOne(running, chosen, { slot, attempt });
    const skip = (chosen: Chosen, cause: AppError) => resultOf(chosen, { kind: 'skipped', cause }, NOT_BEGUN);
    const { signal } = starting;
    const work = { items: selected.chosen, limits, clock, signal, run, skip, settled };
    const stop = unaskedStop(selected, limits);
    return [...(await fanOut({ ...work, stop, verdict: verdictOf, nameOf: labelOf })), ...unasked];
  };
  const expired = (why: AppError) => {
    starting.abort(why);
    // A job that was not started here does not end at this deadline; it goes on without being followed.
    for (const { command, leave } of underway.values()) if (command.job?.isFound || command.job?.isWatched) leave(why);
  };
  const cancelExpiry = until === undefined ? () => {} : expire(clock, until, { expired, abandon });
  return {
    results: all().finally(cancelExpiry),
    state: () => ({
      all: selected.chosen.length + selected.unasked.length - counts.absent,
      done: counts.done,
      failed: counts.failed,
      running: [...underway]
        .map(([chosen, { since }]) => ({ target: labelOf(chosen), since }))
        .sort((a, b) => a.since - b.since),
    }),
    signal: (name, why) => endAll(why, ({ command }) => void command.kill(name)),
    abandon,
  };
}

interface Running {
  readonly access: FleetAccess;
  readonly request: ManyRequest;
  readonly begun: (chosen: Chosen, one: Underway) => void;
  readonly ended: (chosen: Chosen) => void;
  /** Its signal breaks off what has not started. */
  readonly caller: Caller;
}

/** Never rejects. */
async function runOne(
  { access, request, begun, ended, caller }: Running,
  chosen: Chosen,
  { slot, attempt }: { readonly slot: Slot; readonly attempt: number },
): Promise<TargetResult> {
  const { clock } = access;
  const since = clock.now();
  const settle = (outcome: TargetOutcome, job: RunningCommand['job']) =>
    resultOf(chosen, outcome, {
      durationMs: clock.now() - since,
      attempts: attempt,
      jobId: job?.id ?? null,
      isFound: job?.isFound === true,
    });
  let command: RunningCommand;
  let isWaiting = true;
  const own = accessForOne(access, { slot, isWaiting: () => isWaiting });
  try {
    command = await request.start(own, chosen.target, caller);
    isWaiting = false;
  } catch (error) {
    const cause = toAppError(error);
    const isAbsent = chosen.mayLack && cause.code === 'session-not-found';
    return settle(isAbsent ? { kind: 'absent', cause } : outcomeOfError(cause), undefined);
  }
  let isLeft = false;
  const left = new Promise<Outcome>((resolve) => {
    begun(chosen, {
      hostname: chosen.target.hostname,
      since,
      command,
      leave(cause) {
        // Drop any output from now on: its files may already be closed.
        isLeft = true;
        resolve(cause.code === 'timed-out' ? { kind: 'timed-out' } : { kind: 'lost', cause });
      },
    });
  });
  const target = labelOf(chosen);
  const write = (stream: 'stdout' | 'stderr') => (chunk: Buffer) =>
    isLeft ? undefined : request.sink.write(target, stream, chunk);
  const over = Promise.all([
    command.outcome,
    pump(command.stdout, write('stdout')),
    pump(command.stderr, write('stderr')),
  ]);
  try {
    return settle(await Promise.race([over.then(([outcome]) => outcome), left]), command.job);
  } finally {
    ended(chosen);
    command.job?.leave();
  }
}

/** Settles when everything has been passed on, or when nobody reads it any more. */
async function pump(from: Readable, write: (chunk: Buffer) => Promise<void> | undefined): Promise<void> {
  try {
    for await (const chunk of from) await write(chunk as Buffer);
  } catch {
    // A stream that breaks off has ended. The command's outcome says how it ended.
  }
}

interface Ending {
  readonly name: CommandSignal;
  readonly why: AppError;
}

/** Ends a command, unless it is a job that is to go on, and stops waiting for it. */
async function giveUp(
  { clock }: FleetAccess,
  { command, hostname, leave }: Underway,
  { name, why }: Ending,
): Promise<void> {
  const { job } = command;
  if (!job) {
    void command.kill(name);
    clock.schedule(GRACE, () => leave(why));
    return;
  }
  const goesOn = new AppError(why.code, `${why.message}; job ${job.id} is still running`, {
    hint: `azlin logs --follow --vm ${hostname} ${job.id} shows its output`,
  });
  if (!job.endsWithUs) return leave(goesOn);
  const cancel = clock.schedule(CANCEL_LIMIT, () => leave(goesOn));
  if (await job.cancel()) leave(new AppError(why.code, `${why.message}; job ${job.id} was cancelled`));
  else leave(goesOn);
  cancel();
}

interface Expiry {
  readonly expired: (why: AppError) => void;
  readonly abandon: ManyRun['abandon'];
}

/** At the deadline nothing more begins, and the VMs end what is running. azlin does not wait long for a VM that fails to. */
function expire(clock: Clock, until: number, { expired, abandon }: Expiry): () => void {
  const why = new AppError('timed-out', 'the deadline for all targets (--deadline) has passed');
  let cancel = clock.schedule(Math.max(0, until - clock.now()), () => {
    expired(why);
    cancel = clock.schedule(OVERTIME, () => abandon('KILL', why));
  });
  return () => cancel();
}
