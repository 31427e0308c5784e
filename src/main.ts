#!/usr/bin/env node
import { setMaxListeners } from 'node:events';
import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { createApp } from './app.ts';
import type { Interrupts, IoStreams } from './cli/command.ts';
import { runProgram } from './cli/run-program.ts';
import { AppError } from './domain/errors.ts';

const io: IoStreams = {
  stdin: () => process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
};

const interrupts = processInterrupts();
// Nothing is waited for any more, and yet it is not over: that must not look like success, nor like nothing.
process.once('beforeExit', () => {
  process.stderr.write(
    'error: azlin stopped in the middle: this is a bug; run it again with --verbose and report what it prints\n',
  );
  process.exit(1);
});
const exitCode = await runProgram({ argv: process.argv.slice(2), app: createApp(process), io, interrupts });
// What is written may still be on its way to a slow reader; somebody who interrupts does not wait for that.
await Promise.race([Promise.all([flushed(process.stdout), flushed(process.stderr)]), aborted(interrupts.signal)]);
leaveTerminal();
process.exit(interrupts.exitCode() ?? exitCode);

/**
 * At its end Node gives every terminal the modes it had at its start. Started with `&` by an interactive shell, that is the state
 * of the shell's line editor, forced upon whatever runs in the foreground by then. Our own raw mode is undone already; a terminal
 * that is closed is left alone.
 */
function leaveTerminal(): void {
  for (const fd of [0, 1, 2]) {
    try {
      if (isatty(fd)) closeSync(fd);
    } catch {
      // It was closed before.
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}

/** Signals as aborts; the second one of a kind that nobody took over ends at once. */
function processInterrupts(): Interrupts & { exitCode(): number | undefined } {
  const controller = new AbortController();
  // Every VM that is asked at the same time listens to it.
  setMaxListeners(0, controller.signal);
  const handlers: (() => void)[] = [];
  const restores = new Set<() => void>();
  let exitCode: number | undefined;
  const abort = (code: number) => {
    if (controller.signal.aborted) process.exit(code);
    exitCode = code;
    controller.abort(new AppError('interrupted', 'Interrupted'));
  };
  process.on('SIGINT', () => (handlers.at(-1) ?? (() => abort(130)))());
  process.on('SIGTERM', () => abort(143));
  process.on('SIGHUP', () => abort(129));
  process.on('SIGQUIT', () => abort(131));
  process.on('exit', () => {
    for (const restore of restores) restore();
  });
  // The reader has gone, as with `| head`; whoever writes sees it too and stops.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  return {
    signal: controller.signal,
    takeOver(handler) {
      handlers.push(handler);
      return () => handlers.splice(handlers.indexOf(handler), 1);
    },
    onExit(restore) {
      restores.add(restore);
      return () => restores.delete(restore);
    },
    onContinue(back) {
      process.on('SIGCONT', back);
      return () => process.off('SIGCONT', back);
    },
    exitCode: () => exitCode,
  };
}
