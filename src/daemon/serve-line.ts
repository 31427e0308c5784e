import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import type { Questions } from '../domain/caller.ts';
import { AppError, messageOf } from '../domain/errors.ts';
import type { HistoryKeeper } from '../registry/history.ts';
import { callerThere } from './caller-there.ts';
import type { HeldLinks } from './holding.ts';
import type { Knowledge } from './knowledge.ts';
import type { DaemonReply, LineAsk, Word } from './messages.ts';
import type { Serving } from './serve-call.ts';
import { sendFrame, sendMessage } from './wire.ts';

/** A command line that runs in the daemon for a client. */
export interface LineHere extends Omit<LineAsk, 'ask'> {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly held: HeldLinks;
  readonly knowledge: Knowledge;
  readonly history: HistoryKeeper;
  /** Undefined if nobody can be asked at the client's terminal. */
  readonly questions: Questions | undefined;
  /** Called when something leaves that must not run twice. */
  readonly onBegin: () => void;
  /** Makes the client run the line itself, because it needs what only the client has. Throws. */
  readonly notHere: (why: string) => never;
  /** Called with each signal that the client receives, and with SIGHUP when it is gone. */
  onSignal(hear: (signal: string) => void): void;
  /** Ends the client at once, with its output unfinished. */
  exitNow(exitCode: number): void;
}

/** Runs a line until its output has been written, and resolves to its exit code. Never rejects. */
export type RunLine = (line: LineHere) => Promise<number>;

export interface LineService {
  readonly knowledge: Knowledge;
  readonly history: HistoryKeeper;
  readonly held: HeldLinks;
  readonly runLine: RunLine;
}

export function serveLine({ held, knowledge, history, runLine }: LineService, socket: Socket, ask: LineAsk): Serving {
  const { stdin, stderr: errors } = ask.terminals;
  const there = callerThere(socket, stdin && errors !== null);
  const say = (reply: DaemonReply) => void (socket.writable && sendMessage(socket, reply));
  const stdout = outputTo(socket, 'bytes');
  const stderr = outputTo(socket, 'errors');
  /** Signals that come before somebody hears them. */
  const missed: string[] = [];
  let hear: (signal: string) => void = (signal) => {
    missed.push(signal);
  };
  let isOver = false;
  let hasBegun = false;
  const over = (reply: DaemonReply) => {
    if (isOver) return;
    isOver = true;
    say(reply);
    socket.end();
  };
  const line: LineHere = {
    ...ask,
    ...{ held, knowledge, history, stdout: stdout.stream, stderr: stderr.stream, questions: there.caller.questions },
    onBegin() {
      if (!hasBegun) say({ reply: 'begun' });
      hasBegun = true;
    },
    notHere(why) {
      if (!hasBegun && !stdout.isUsed()) over({ reply: 'not-here', why });
      throw new AppError('interrupted', `azlin's daemon cannot do this: ${why}`, {
        hint: '--no-daemon does without it',
      });
    },
    onSignal(next) {
      hear = next;
      for (const signal of missed) next(signal);
    },
    exitNow: (exitCode) => over({ reply: 'over', exitCode }),
  };
  /** It never rejects; if it does, the daemon must not end because of it. */
  const onBug = (error: unknown) => {
    sendFrame(socket, 'errors', Buffer.from(`error: ${messageOf(error)}\n`));
    over({ reply: 'over', exitCode: ask.argv[0] === 'exec' ? 255 : 1 });
  };
  runLine(line).then((exitCode) => over({ reply: 'over', exitCode }), onBug);
  return {
    heard(word) {
      if (word.say === 'signal') hear(word.signal);
      else if (word.say === 'written') (word.output === 'stdout' ? stdout : stderr).written(word);
      else there.heard(word);
    },
    bytes() {},
    inputEnded() {},
    left() {
      isOver = true;
      there.left();
      hear('SIGHUP');
      stdout.close();
      stderr.close();
    },
  };
}

/** Bytes of output that may be on their way to the client. */
const ON_THE_WAY = 1024 * 1024;
/** Bytes of a write that is probably part of a long stream. */
const LONG = 16 * 1024;

type Written = Extract<Word, { readonly say: 'written' }>;

/** An output of the client. A write is done when the client has done it, so that what goes wrong there is known here. */
function outputTo(socket: Socket, kind: 'bytes' | 'errors') {
  let isUsed = false;
  let failure: NodeJS.ErrnoException | undefined;
  let left = 0;
  let limit = 0;
  let done: ((error?: Error) => void) | undefined;
  const settle = () => {
    const next = done;
    done = undefined;
    next?.(failure);
  };
  const stream = new Writable({
    write(chunk: Buffer, _encoding, next) {
      isUsed = true;
      if (failure) return next(failure);
      left += chunk.length;
      if (chunk.length > 0) sendFrame(socket, kind, chunk);
      // Only of a long stream something may be on the way when a write is done. An empty write is done when all before it are.
      limit = chunk.length < LONG ? 0 : ON_THE_WAY;
      if (left <= limit) next();
      else done = next;
    },
  });
  stream.on('error', () => {});
  const onFailure = (code: string, message: string) => {
    failure ??= Object.assign(new Error(message), { code });
    settle();
  };
  return {
    stream,
    isUsed: () => isUsed,
    written({ bytes, error }: Written) {
      if (error) return onFailure(error.code, error.message);
      left -= bytes;
      if (left <= limit) settle();
    },
    /** The client is gone. */
    close: () => onFailure('EPIPE', 'write EPIPE'),
  };
}
