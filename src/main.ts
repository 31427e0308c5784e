#!/usr/bin/env node
import { setMaxListeners } from 'node:events';
import { closeSync, fstatSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import { keepCompiled } from './app/code-cache.ts';
import type { Interrupts } from './cli/app.ts';
import type { AppError } from './domain/errors.ts';

const argv = process.argv.slice(2);
if (argv.length === 1 && argv[0] === '--version') printVersion();
else void run();

function printVersion(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader is gone, as with `| head`: that is not an error.
    if (error.code !== 'EPIPE') process.stderr.write(`error: Cannot write to standard output: ${error.message}\n`);
    process.exit(error.code === 'EPIPE' ? 0 : 2);
  });
  process.stdout.write(`${packageJson.version}\n`);
}

async function run(): Promise<void> {
  // From here on, Node caches compiled code if it can.
  keepCompiled(join(process.env['AZLIN_HOME'] || join(process.env['HOME'] || userInfo().homedir, '.azlin'), 'cache'));
  // The event loop is empty before the program has finished: that is a bug, and must not look like success.
  process.once('beforeExit', () => {
    process.stderr.write(
      'error: azlin stopped unexpectedly: this is a bug; run it again with --verbose and report the output\n',
    );
    process.exit(1);
  });
  const { runProgram } = await import('./cli/run-program.ts');
  const { createApp } = await import('./app/create-app.ts');
  const { AppError, toAppError } = await import('./domain/errors.ts');
  const interrupts = processInterrupts(() => new AppError('interrupted', 'Interrupted'));
  let isOver = false;
  process.on('uncaughtException', (thrown) => {
    const error = toAppError(thrown);
    if (!isOver && !interrupts.signal.aborted) return interrupts.fail(error);
    process.stderr.write(`error: ${error.message}\n`);
    process.exit(1);
  });
  const io = { stdin: () => process.stdin, stdout: process.stdout, stderr: process.stderr };
  const exitCode = await runProgram({
    argv,
    app: createApp(process, join(import.meta.dirname, 'daemon.js')),
    io,
    interrupts,
  });
  isOver = true;
  // Output may still be on its way to a slow reader; after an interrupt, nobody waits for that.
  await Promise.race([Promise.all([flushed(process.stdout), flushed(process.stderr)]), aborted(interrupts.signal)]);
  leaveTerminal();
  process.exit(interrupts.exitCode() ?? exitCode);
}

/**
 * When Node exits, it resets each terminal to the modes it had when Node started. If an interactive shell started azlin with `&`, those are
 * the modes of the shell's line editor, and they would disturb whatever runs in the foreground by then. azlin has left raw mode already, and
 * Node leaves a closed terminal alone.
 */
function leaveTerminal(): void {
  for (const fd of [0, 1, 2]) {
    try {
      // This also closes other character devices, which does no harm. Asking node:tty would take three milliseconds to load it.
      if (fstatSync(fd).isCharacterDevice()) closeSync(fd);
    } catch {
      // It is closed already.
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

interface ProcessInterrupts extends Interrupts {
  /** Ends the work cleanly after an error that nothing has caught. */
  fail(error: AppError): void;
}

/** Turns signals into aborts. A second signal ends the process at once, unless a handler has taken it over. */
function processInterrupts(interrupted: () => AppError): ProcessInterrupts {
  const controller = new AbortController();
  // Each VM that is asked at the same time adds a listener.
  setMaxListeners(0, controller.signal);
  const handlers: (() => void)[] = [];
  const restores = new Set<() => void>();
  let exitCode: number | undefined;
  const abort = (code: number) => {
    if (controller.signal.aborted) process.exit(code);
    exitCode = code;
    controller.abort(interrupted());
  };
  process.on('SIGINT', () => (handlers.at(-1) ?? (() => abort(130)))());
  process.on('SIGTERM', () => abort(143));
  process.on('SIGHUP', () => abort(129));
  process.on('SIGQUIT', () => abort(131));
  process.on('exit', () => {
    for (const restore of restores) restore();
  });
  // The reader is gone, as with `| head`. The code that writes gets this error too, and stops.
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
    fail: (error) => controller.abort(error),
  };
}
