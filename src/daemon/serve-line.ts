import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import type { Questions } from '../domain/caller.ts';
import { AppError } from '../domain/errors.ts';
import { callerThere } from './caller-there.ts';
import type { HeldLinks } from './held-links.ts';
import type { DaemonReply, LineAsk } from './messages.ts';
import type { Serving } from './serve-call.ts';
import { sendFrame, sendMessage } from './wire.ts';

/** A command line that runs in the daemon for a client. */
export interface LineHere extends Omit<LineAsk, 'ask'> {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly held: HeldLinks;
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

/** Runs a line and resolves to its exit code. Never rejects. */
export type RunLine = (line: LineHere) => Promise<number>;

export interface LineService {
  readonly held: HeldLinks;
  readonly runLine: RunLine;
}

export function serveLine({ held, runLine }: LineService, socket: Socket, ask: LineAsk): Serving {
  const { stdin, stderr: errors } = ask.terminals;
  const there = callerThere(socket, stdin && errors !== null);
  const say = (reply: DaemonReply) => void (socket.writable && sendMessage(socket, reply));
  const stdout = outputTo(socket, 'bytes');
  const stderr = outputTo(socket, 'errors');
  let hear = (_signal: string) => {};
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
    ...{ held, stdout: stdout.stream, stderr: stderr.stream, questions: there.caller.questions },
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
    },
    exitNow: (exitCode) => over({ reply: 'over', exitCode, atOnce: true }),
  };
  void runLine(line).then(async (exitCode) => {
    await Promise.all([stdout.flushed(), stderr.flushed()]);
    over({ reply: 'over', exitCode, atOnce: false });
  });
  return {
    heard(word) {
      if (word.say === 'signal') hear(word.signal);
      else if (word.say === 'closed') (word.output === 'stdout' ? stdout : stderr).close();
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

/** An output of the client, written no faster than it reads. */
function outputTo(socket: Socket, kind: 'bytes' | 'errors') {
  let isUsed = false;
  let isClosed = false;
  let goOn: (() => void) | undefined;
  const broken = () => Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  const stream = new Writable({
    // As with a pipe that nobody reads any more, each write fails, and that is all.
    autoDestroy: false,
    emitClose: false,
    write(chunk: Buffer, _encoding, done) {
      isUsed = true;
      if (isClosed) return done(broken());
      if (sendFrame(socket, kind, chunk)) return done();
      goOn = () => done(isClosed ? broken() : undefined);
      socket.once('drain', () => proceed());
    },
  });
  stream.on('error', () => {});
  const proceed = () => {
    const next = goOn;
    goOn = undefined;
    next?.();
  };
  return {
    stream,
    isUsed: () => isUsed,
    close() {
      isClosed = true;
      proceed();
    },
    flushed: () => new Promise<void>((resolve) => stream.write('', () => resolve())),
  };
}
