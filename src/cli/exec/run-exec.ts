import { addAbortSignal, type Readable, type Writable } from 'node:stream';
import { AppError, messageOf, toAppError } from '../../domain/errors.ts';
import { exitStatusOf, type Outcome, outcomeOfError } from '../../domain/outcome.ts';
import { shellWord } from '../../domain/text.ts';
import type { FleetAccess } from '../../operations/access/fleet-access.ts';
import { type CommandSignal, execCommand, type RunningCommand, type RunningJob } from '../../operations/exec/exec.ts';
import type { ExecRequest } from '../../operations/exec/exec-request.ts';
import type { IoStreams } from '../app.ts';
import type { Call } from '../command.ts';
import type { JobWishes } from '../line/exec-options.ts';
import { prepareResult, writeResult } from './exec-result.ts';

/** Starts a command in the session of an identifier, or finds it. */
export type StartCommand = (access: FleetAccess, identifier: string, signal: AbortSignal) => Promise<RunningCommand>;

export interface ExecLine {
  readonly identifier: string;
  readonly start: StartCommand;
  /** Where the outcome goes as JSON. */
  readonly result?: string | undefined;
}

/** Milliseconds a command has to end after a signal of ours before azlin leaves it. */
const GRACE = 1_000;
/** Milliseconds after which somebody who pressed Ctrl-C is told that the command goes on. */
const PATIENCE = 1_500;
/** Milliseconds that the word to a job may take to arrive. */
const CANCEL_LIMIT = 7_000;

/** A command as `exec` runs it. `durable`: as a job, and how. */
export function starter(request: Omit<ExecRequest, 'identifier'>, durable: JobWishes | undefined): StartCommand {
  return async (access, identifier, signal) => {
    if (!durable) return execCommand(access, { ...request, identifier }, signal);
    const { execDurably } = await import('../../operations/jobs/durable.ts');
    return execDurably(access, { ...request, ...durable, identifier }, signal);
  };
}

/** Runs a command with the streams of this process: bytes through, exit code out. */
export async function runExec(call: Call, line: ExecLine): Promise<{ exitCode: number }> {
  const { app, interrupts } = call;
  // Found out before anything runs: afterwards the outcome would be lost, and an old one must not pass for the new one.
  if (line.result !== undefined) await prepareResult(line.result);
  const startedAt = app.clock.now();
  let command: RunningCommand | undefined;
  let outcome: Outcome;
  try {
    command = await line.start(await call.access(), line.identifier, interrupts.signal);
    const { job } = command;
    const other = job?.runsOther ? 'with another command' : 'already';
    if (job?.isFound) call.note(`Job ${job.id} is there ${other}; this is what it does and did`);
    outcome = await follow(call, command);
  } catch (error) {
    outcome = command ? { kind: 'lost', cause: toAppError(error) } : outcomeOfError(error);
  }
  const durationMs = app.clock.now() - startedAt;
  if (line.result !== undefined) {
    const target = command ? command.target : line.identifier;
    const jobId = command?.job?.id ?? null;
    const found = command?.job?.isFound === true;
    const interruptedBy = interrupts.exitCode();
    await writeResult(line.result, { outcome, interruptedBy, target, durationMs, jobId, found });
  }
  if (outcome.kind === 'lost' || outcome.kind === 'not-started') throw outcome.cause;
  if (outcome.kind === 'timed-out') call.note(`${line.identifier}: its time was up`);
  if (outcome.kind === 'cancelled') {
    const why = interrupts.signal.aborted ? 'Interrupted; ' : '';
    call.note(`${why}job ${command?.job?.id ?? ''} on ${command?.target ?? line.identifier} was cancelled`);
  }
  return { exitCode: exitStatusOf(outcome) };
}

const BYTE_ORDER_MARK = Buffer.from('\ufeff');

/** The whole script on standard input: a script that is cut off half-way must not run. */
export async function readScript(io: IoStreams, identifier: string | undefined, signal: AbortSignal): Promise<Buffer> {
  const stdin = io.stdin();
  const word = identifier === undefined ? undefined : shellWord(identifier);
  const attach = word === undefined ? '' : `; azlin connect ${word} attaches`;
  const hint = `azlin exec ${word ?? '...'} COMMAND, or a script on standard input${attach}`;
  if (stdin.isTTY) throw new AppError('usage', 'There is no command to run', { hint });
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of addAbortSignal(signal, stdin)) chunks.push(chunk as Buffer);
  } catch (error) {
    signal.throwIfAborted();
    throw new AppError('usage', `Cannot read the script: ${messageOf(error)}`, { cause: error });
  }
  const whole = Buffer.concat(chunks);
  const script = whole.indexOf(BYTE_ORDER_MARK) === 0 ? whole.subarray(BYTE_ORDER_MARK.length) : whole;
  if (script.length === 0)
    throw new AppError('usage', 'There is no command to run, and standard input is empty', { hint });
  return script;
}

async function follow(call: Call, command: RunningCommand): Promise<Outcome> {
  const { io } = call;
  const early = earlyEnd(call, command);
  const ended = Promise.all([
    command.outcome,
    copy(command.stdout, io.stdout, early.cannotWrite),
    copy(command.stderr, io.stderr, early.cannotWrite),
  ]);
  try {
    return await Promise.race([ended.then(([outcome]) => early.wanted() ?? outcome), early.outcome]);
  } finally {
    early.release();
    command.job?.leave();
  }
}

/** Ctrl-C goes to the command, a second one ends azlin; so do SIGTERM and a reader that has gone, after a word to the command. */
function earlyEnd({ app, interrupts, note }: Call, command: RunningCommand) {
  let settle = (_outcome: Outcome) => {};
  const outcome = new Promise<Outcome>((resolve) => {
    settle = resolve;
  });
  let wanted: Outcome | undefined;
  let cancelGrace = () => {};
  const endWith = (told: Promise<void>, result: Outcome) => {
    wanted = result;
    cancelGrace();
    cancelGrace = app.clock.schedule(GRACE, () => settle(result));
    // A job has ended for us when it has been told so.
    if (command.job) void told.then(() => settle(result));
  };
  /** Nobody else would say it: this is waited for. */
  const cancelJob = async ({ id, cancel }: RunningJob) => {
    const told = await Promise.race([
      cancel(),
      new Promise<false>((resolve) => {
        cancelGrace = app.clock.schedule(CANCEL_LIMIT, () => resolve(false));
      }),
    ]);
    // How it ended it says itself; it has been told to end, and that is waited for a little.
    if (told) {
      cancelGrace();
      cancelGrace = app.clock.schedule(GRACE, () => settle({ kind: 'cancelled' }));
      return;
    }
    const message = `Interrupted; job ${id} on ${command.target} could not be told to end`;
    settle({ kind: 'lost', cause: new AppError('interrupted', message, { hint: `azlin cancel ${id}   tells it` }) });
  };
  const interrupted = (signal: CommandSignal) => {
    const { job, target } = command;
    if (!job) {
      const message = `Interrupted; the command in "${target}" was sent SIG${signal}`;
      return endWith(command.kill(signal), { kind: 'lost', cause: new AppError('interrupted', message) });
    }
    if (!job.endsWithUs) return settle({ kind: 'lost', cause: detached(job.id, target) });
    void cancelJob(job);
  };
  let presses = 0;
  let cancelNote = () => {};
  const onPress = () => {
    cancelNote();
    if (++presses > 1 || command.job?.isWatched) return interrupted('KILL');
    void command.kill('INT');
    // Two presses at the very same moment are one signal to this process.
    cancelNote = app.clock.schedule(PATIENCE, () => note(stillRuns(command)));
  };
  const giveBack = interrupts.takeOver(onPress);
  const onAbort = () => {
    const { reason } = interrupts.signal as { reason: AppError };
    // A mistake of ours is none of the user's, and ends no job.
    if (reason.code !== 'interrupted') return settle({ kind: 'lost', cause: reason });
    interrupted('TERM');
  };
  interrupts.signal.addEventListener('abort', onAbort, { once: true });
  return {
    /** Settles when the command did not end in time. */
    outcome,
    /** How it ends for the user, whatever the command makes of the signal. */
    wanted: () => wanted,
    /** Nobody reads any more, as with `| head`; or the disk is full, and that must be said. */
    cannotWrite: (error: NodeJS.ErrnoException) => {
      const { job } = command;
      const hint = job && `job ${job.id} goes on; azlin logs ${job.id}   has all of its output`;
      const cause = new AppError('usage', `Cannot write the output: ${error.message}`, { cause: error, hint });
      const result: Outcome = error.code === 'EPIPE' ? { kind: 'signaled', signal: 'PIPE' } : { kind: 'lost', cause };
      // A job of somebody else, or one whose output is safe on its VM, is none the worse for it.
      if (job && (job.isFound || error.code !== 'EPIPE')) return settle(result);
      endWith(command.kill('HUP'), result);
    },
    release: () => {
      giveBack();
      cancelGrace();
      cancelNote();
      interrupts.signal.removeEventListener('abort', onAbort);
    },
  };
}

function stillRuns({ target, job }: RunningCommand): string {
  const what = job && !job.endsWithUs ? 'leaves it running' : 'ends it';
  return `The command in "${target}" is still running after Ctrl-C; press it again and azlin ${what}`;
}

function detached(id: string, target: string): AppError {
  return new AppError('interrupted', `Left job ${id} on ${target}; it goes on`, {
    hint: `azlin logs --follow ${id}   shows what it does; azlin wait ${id}, azlin cancel ${id}`,
  });
}

/** Settles when everything has been handed on, or when it cannot be and the rest has been thrown away. */
export function copy(from: Readable, to: Writable, cannotWrite: (error: Error) => void): Promise<void> {
  return new Promise((resolve) => {
    // A command that says nothing may have ended before anybody listened.
    if (from.readableEnded || from.destroyed) return resolve();
    from.once('end', resolve).once('close', resolve);
    to.once('error', (error) => {
      cannotWrite(error);
      from.unpipe(to);
      from.resume();
    });
    from.pipe(to, { end: false });
  });
}
