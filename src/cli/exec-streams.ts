import { writeFile } from 'node:fs/promises';
import { addAbortSignal, Readable, type Writable } from 'node:stream';
import { AppError, messageOf, toAppError } from '../domain/errors.ts';
import { exitStatusOf, type Outcome } from '../domain/outcome.ts';
import { shellWord } from '../domain/text.ts';
import { type CommandSignal, type ExecRequest, execCommand, type RunningCommand } from '../operations/exec.ts';
import type { Call, IoStreams } from './command.ts';

export interface ExecLine {
  readonly identifier: string;
  readonly command: ExecRequest['command'];
  /** What the command reads; undefined leaves standard input alone. */
  readonly stdin: Readable | undefined;
  readonly create: boolean;
  readonly timeout: number | undefined;
  /** Where the outcome goes as JSON. */
  readonly result?: string | undefined;
}

/** Milliseconds a command has to end after a signal of ours before azlin leaves it. */
const GRACE = 1_000;

/** Runs a command with the streams of this process: bytes through, exit code out. */
export async function runExec(call: Call, line: ExecLine): Promise<{ exitCode: number }> {
  const startedAt = call.app.clock.now();
  let command: RunningCommand | undefined;
  let outcome: Outcome;
  try {
    const { identifier, create, timeout } = line;
    const request = { identifier, command: line.command, stdin: line.stdin !== undefined, create, timeout };
    command = await execCommand(await call.access(), request, call.interrupts.signal);
    outcome = await follow(call, command, line.stdin);
  } catch (error) {
    outcome = command ? { kind: 'lost', cause: toAppError(error) } : { kind: 'not-started', cause: toAppError(error) };
  }
  const durationMs = call.app.clock.now() - startedAt;
  if (line.result !== undefined)
    await writeResult(line.result, {
      outcome,
      target: command ? command.target : line.identifier,
      durationMs,
    });
  if (outcome.kind === 'lost' || outcome.kind === 'not-started') throw outcome.cause;
  if (outcome.kind === 'timed-out') call.note(`${line.identifier}: ended by --timeout`);
  return { exitCode: exitStatusOf(outcome) };
}

/** The whole script on standard input: a script that is cut off half-way must not run. */
export async function readScript(io: IoStreams, identifier: string, signal: AbortSignal): Promise<Readable> {
  const stdin = io.stdin();
  const word = shellWord(identifier);
  const hint = `azlin exec ${word} COMMAND, or a script on standard input; azlin connect ${word} attaches`;
  if (stdin.isTTY) throw new AppError('usage', 'There is no command to run', { hint });
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of addAbortSignal(signal, stdin)) chunks.push(chunk as Buffer);
  } catch (error) {
    signal.throwIfAborted();
    throw new AppError('usage', `Cannot read the script: ${messageOf(error)}`, { cause: error });
  }
  const script = Buffer.concat(chunks);
  if (script.length === 0)
    throw new AppError('usage', 'There is no command to run, and standard input is empty', { hint });
  return Readable.from([script]);
}

async function follow(call: Call, command: RunningCommand, stdin: Readable | undefined): Promise<Outcome> {
  const { io } = call;
  const early = earlyEnd(call, command);
  stdin?.pipe(command.stdin);
  const ended = Promise.all([
    command.outcome,
    copy(command.stdout, io.stdout, early.cannotWrite),
    copy(command.stderr, io.stderr, early.cannotWrite),
  ]);
  try {
    return await Promise.race([ended.then(([outcome]) => early.wanted() ?? outcome), early.outcome]);
  } finally {
    early.release();
    stdin?.unpipe(command.stdin);
  }
}

/** Ctrl-C goes to the command, a second one ends azlin; so do SIGTERM and a reader that has gone, after a word to the command. */
function earlyEnd({ app, interrupts }: Call, command: RunningCommand) {
  let settle = (_outcome: Outcome) => {};
  const outcome = new Promise<Outcome>((resolve) => {
    settle = resolve;
  });
  let wanted: Outcome | undefined;
  let cancelGrace = () => {};
  const endWith = (signal: CommandSignal, result: Outcome) => {
    wanted = result;
    void command.kill(signal);
    cancelGrace();
    cancelGrace = app.clock.schedule(GRACE, () => settle(result));
  };
  const interrupted = (signal: CommandSignal) => {
    const message = `Interrupted; the command in "${command.target}" was sent SIG${signal}`;
    endWith(signal, { kind: 'lost', cause: new AppError('interrupted', message) });
  };
  let presses = 0;
  const giveBack = interrupts.takeOver(() => (++presses === 1 ? void command.kill('INT') : interrupted('KILL')));
  const onAbort = () => interrupted('TERM');
  interrupts.signal.addEventListener('abort', onAbort, { once: true });
  return {
    /** Settles when the command did not end in time. */
    outcome,
    /** How it ends for the user, whatever the command makes of the signal. */
    wanted: () => wanted,
    /** Nobody reads any more, as with `| head`; or the disk is full, and that must be said. */
    cannotWrite: (error: NodeJS.ErrnoException) => {
      const cause = new AppError('usage', `Cannot write the output: ${error.message}`, { cause: error });
      endWith('HUP', error.code === 'EPIPE' ? { kind: 'signaled', signal: 'PIPE' } : { kind: 'lost', cause });
    },
    release: () => {
      giveBack();
      cancelGrace();
      interrupts.signal.removeEventListener('abort', onAbort);
    },
  };
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

interface Finished {
  readonly outcome: Outcome;
  readonly target: string;
  readonly durationMs: number;
}

async function writeResult(path: string, { outcome, target, durationMs }: Finished): Promise<void> {
  const cause = 'cause' in outcome ? { error: { code: outcome.cause.code, message: outcome.cause.message } } : {};
  const signal = outcome.kind === 'signaled' ? outcome.signal : null;
  const result = { outcome: outcome.kind, exitCode: exitStatusOf(outcome), signal, target, durationMs, ...cause };
  await writeFile(path, `${JSON.stringify(result, null, 2)}\n`);
}

/** Empties the file that the outcome will go to. Throws `usage` when it cannot be written. */
export async function prepareResult(path: string): Promise<void> {
  try {
    await writeFile(path, '');
  } catch (error) {
    throw new AppError('usage', `Cannot write --result ${path}: ${messageOf(error)}`, { cause: error });
  }
}
