import { addAbortSignal, type Readable, type Writable } from 'node:stream';
import type { Caller } from '../../domain/caller.ts';
import { orAborted } from '../../domain/deadline.ts';
import { AppError, messageOf, toAppError } from '../../domain/errors.ts';
import { exitStatusOf, type Outcome, outcomeOfError, timedOutText } from '../../domain/outcome.ts';
import { shellWord } from '../../domain/text.ts';
import type { FleetAccess } from '../../operations/access/fleet-access.ts';
import { cannotWrite, endEarly } from '../../operations/exec/end-early.ts';
import { execCommand, type RunningCommand } from '../../operations/exec/exec.ts';
import type { ExecRequest } from '../../operations/exec/exec-request.ts';
import type { TargetRef } from '../../targets/target.ts';
import type { IoStreams } from '../app.ts';
import type { CallContext, Result } from '../command.ts';
import type { JobWishes } from '../line/exec-options.ts';
import type { ExecData } from '../views/exec.ts';
import { prepareResult, resultRecord, writeResult } from './exec-result.ts';

/** Starts a command in a session, or finds the job that it is already. */
export type StartCommand = (access: FleetAccess, target: TargetRef, caller: Caller) => Promise<RunningCommand>;

export interface ExecLine {
  readonly identifier: string;
  readonly start: StartCommand;
  /** Where the outcome goes as JSON. */
  readonly result?: string | undefined;
  /** Print the outcome as a record, because the output of the command is not printed. */
  readonly record?: boolean;
}

/** Starts a command as `exec` does. `durable`: how to run it as a job. */
export function starter(request: Omit<ExecRequest, 'target'>, durable: JobWishes | undefined): StartCommand {
  return async (access, target, caller) => {
    if (!durable) return execCommand(access, { ...request, target }, caller);
    const { execDurably } = await import('../../operations/jobs/durable.ts');
    return execDurably(access, { ...request, ...durable, target }, caller);
  };
}

/** Runs a command with the streams of this process: bytes pass through unchanged, and its exit code is returned. */
export async function runExec(call: CallContext, line: ExecLine): Promise<Result<ExecData>> {
  const { app, interrupts } = call;
  // The file is tried and emptied before anything runs: later the outcome would be lost, and an old one must not pass for the new one.
  if (line.result !== undefined) await prepareResult(line.result);
  const startedAt = app.clock.now();
  let command: RunningCommand | undefined;
  let outcome: Outcome;
  try {
    command = await line.start(await call.access(), line.identifier, call.caller);
    const { job } = command;
    if (job?.isFound) call.note(`Job ${job.id} already exists; nothing was started, and this is its output`);
    outcome = await follow(call, command);
    const failure = isFailure(outcome) ? undefined : await undelivered(call);
    const { id } = command.job ?? {};
    if (failure)
      outcome = { kind: 'lost', cause: cannotWrite(failure, id && `azlin logs ${id} has all of the output`) };
  } catch (error) {
    outcome = command ? { kind: 'lost', cause: toAppError(error) } : outcomeOfError(error);
  }
  const durationMs = app.clock.now() - startedAt;
  const finished = {
    ...{ outcome, durationMs, interruptedBy: interrupts.exitCode(), target: command?.target ?? line.identifier },
    ...{ jobId: command?.job?.id ?? null, found: command?.job?.isFound === true },
  };
  if (line.result !== undefined) await writeResult(line.result, finished);
  if (outcome.kind === 'lost' || outcome.kind === 'not-started') throw outcome.cause;
  if (outcome.kind === 'timed-out') call.note(`${line.identifier}: ${timedOutText(outcome)}`);
  if (outcome.kind === 'cancelled') {
    const why = interrupts.signal.aborted ? 'Interrupted; ' : '';
    call.note(`${why}job ${command?.job?.id ?? ''} on ${command?.target ?? line.identifier} was cancelled`);
  }
  const data = { kind: 'result', record: resultRecord(finished) } as const;
  return { exitCode: exitStatusOf(outcome), ...(line.record ? { data } : {}) };
}

const isFailure = (outcome: Outcome) => outcome.kind === 'lost' || outcome.kind === 'not-started';

/** Waits until the output has been taken, and resolves to what went wrong. A reader that is gone is not an error, and after an interrupt nobody waits for a slow one. */
async function undelivered({ io, interrupts }: CallContext): Promise<Error | undefined> {
  const written = Promise.all([io.stdout, io.stderr].map(failureOf));
  const failures = await orAborted(written, interrupts.signal).catch(() => []);
  return failures.find((error) => error && !GONE.includes(error.code ?? ''));
}

const GONE = ['EPIPE', 'ERR_STREAM_DESTROYED'];

/** An empty write is done when all before it are. Once something has gone wrong, only the stream itself still knows what it was. */
function failureOf(stream: Writable): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => stream.write('', (error) => resolve(stream.errored ?? error ?? undefined)));
}

const BYTE_ORDER_MARK = Buffer.from('\ufeff');

/** The whole script on standard input: a script that is cut off half-way must not run. */
export async function readScript(io: IoStreams, identifier: string | undefined, signal: AbortSignal): Promise<Buffer> {
  const stdin = io.stdin();
  const word = identifier === undefined ? undefined : shellWord(identifier);
  const attach = word === undefined ? '' : `; azlin connect ${word} attaches`;
  const hint = `azlin exec ${word ?? '...'} COMMAND, or a script on standard input${attach}`;
  if (stdin.isTTY) throw new AppError('usage', 'Missing command', { hint });
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of addAbortSignal(signal, stdin)) chunks.push(chunk as Buffer);
  } catch (error) {
    signal.throwIfAborted();
    throw new AppError('usage', `Cannot read the script: ${messageOf(error)}`, { cause: error });
  }
  const whole = Buffer.concat(chunks);
  const script = whole.indexOf(BYTE_ORDER_MARK) === 0 ? whole.subarray(BYTE_ORDER_MARK.length) : whole;
  if (script.length === 0) throw new AppError('usage', 'Missing command, and standard input is empty', { hint });
  return script;
}

async function follow(call: CallContext, command: RunningCommand): Promise<Outcome> {
  const { io, app, caller, interrupts, note } = call;
  const early = endEarly({ clock: app.clock, caller, note }, command);
  const giveBack = interrupts.takeOver(early.press);
  const ended = Promise.all([
    command.outcome,
    copy(command.stdout, io.stdout, early.cannotWrite),
    copy(command.stderr, io.stderr, early.cannotWrite),
  ]);
  try {
    return await Promise.race([ended.then(([outcome]) => early.wanted() ?? outcome), early.outcome]);
  } finally {
    giveBack();
    early.release();
    command.job?.leave();
  }
}

/** Copies a stream. Settles when everything has been passed on, or thrown away because it cannot be written. */
export function copy(from: Readable, to: Writable, cannotWrite: (error: Error) => void): Promise<void> {
  return new Promise((resolve) => {
    // A command without output may have ended before anybody listened.
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
