#!/usr/bin/env node
import { setMaxListeners } from 'node:events';
import { closeSync, existsSync, fstatSync, mkdirSync, statSync } from 'node:fs';
import module from 'node:module';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import type { Interrupts } from './cli/app.ts';
import type { AppError } from './domain/errors.ts';

const argv = process.argv.slice(2);
if (argv.length === 1 && argv[0] === '--version') printVersion();
else void run();

function printVersion(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader has gone, as with `| head`: that is no failure of ours.
    if (error.code !== 'EPIPE') process.stderr.write(`error: Cannot write to standard output: ${error.message}\n`);
    process.exit(error.code === 'EPIPE' ? 0 : 2);
  });
  process.stdout.write(`${packageJson.version}\n`);
}

async function run(): Promise<void> {
  // What is loaded from here on is kept compiled, where Node can do that.
  keepCompiled();
  // Nothing is waited for any more, and yet it is not over: that must not look like success, nor like nothing.
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
  const exitCode = await runProgram({ argv, app: createApp(process), io, interrupts });
  isOver = true;
  // What is written may still be on its way to a slow reader; somebody who interrupts does not wait for that.
  await Promise.race([Promise.all([flushed(process.stdout), flushed(process.stderr)]), aborted(interrupts.signal)]);
  leaveTerminal();
  process.exit(interrupts.exitCode() ?? exitCode);
}

/** Beside the other caches, where these are: the directory that Node would take is one that others can write to. */
function keepCompiled(): void {
  const { enableCompileCache } = module as { enableCompileCache?: (directory: string) => unknown };
  if (!enableCompileCache) return;
  try {
    const home = process.env['AZLIN_HOME'] || join(process.env['HOME'] || userInfo().homedir, '.azlin');
    const caches = join(home, 'cache');
    const code = join(caches, 'code');
    // Whoever may write there could have azlin run what they like.
    const { uid, mode } = statSync(caches);
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0) return;
    if (!existsSync(code)) mkdirSync(code, { mode: 0o700 });
    enableCompileCache(code);
  } catch {
    // There is none yet, or none that can be used: that costs time, not the command.
  }
}
/**
 * At its end Node gives every terminal the modes it had at its start. Started with `&` by an interactive shell, that is the state
 * of the shell's line editor, forced upon whatever runs in the foreground by then. Our own raw mode is undone already; a terminal
 * that is closed is left alone.
 */
function leaveTerminal(): void {
  for (const fd of [0, 1, 2]) {
    try {
      // A terminal, or something of that kind for which it does not matter; node:tty takes three milliseconds to load.
      if (fstatSync(fd).isCharacterDevice()) closeSync(fd);
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

interface ProcessInterrupts extends Interrupts {
  /** What nobody has caught ends the work in order. */
  fail(error: AppError): void;
}

/** Signals as aborts; the second one of a kind that nobody took over ends at once. */
function processInterrupts(interrupted: () => AppError): ProcessInterrupts {
  const controller = new AbortController();
  // Every VM that is asked at the same time listens to it.
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
    fail: (error) => controller.abort(error),
  };
}
