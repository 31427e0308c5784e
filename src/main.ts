#!/usr/bin/env node
import { closeSync, fstatSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import { keepCompiled } from './app/code-cache.ts';
import { callDaemon } from './app/quick-call.ts';

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
  const quick = await callDaemon({ argv, process, questions: async () => (await ownApp()).questions(() => {}) });
  if (quick) return end(quick.exitCode, quick.outputs);
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
  const { interruptsOfRun } = await import('./cli/interrupts.ts');
  const { toAppError } = await import('./domain/errors.ts');
  const interrupts = interruptsOfRun((code) => process.exit(code));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, interrupts.onSignal);
  process.on('SIGCONT', interrupts.goOn);
  process.on('exit', interrupts.restore);
  // The reader is gone, as with `| head`. The code that writes gets this error too, and stops.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  let isOver = false;
  process.on('uncaughtException', (thrown) => {
    const error = toAppError(thrown);
    if (!isOver && !interrupts.signal.aborted) return interrupts.fail(error);
    process.stderr.write(`error: ${error.message}\n`);
    process.exit(1);
  });
  const io = { stdin: () => process.stdin, stdout: process.stdout, stderr: process.stderr };
  const exitCode = await runProgram({ argv, app: await ownApp(), io, interrupts });
  isOver = true;
  interrupts.signal.addEventListener('abort', () => end(interrupts.exitCode() ?? exitCode, []), { once: true });
  await end(interrupts.exitCode() ?? exitCode, interrupts.signal.aborted ? [] : [process.stdout, process.stderr]);
}

async function ownApp() {
  const { createApp } = await import('./app/create-app.ts');
  return createApp(process, { daemonProgram: join(import.meta.dirname, 'daemon.js') });
}

/** Output may still be on its way to a slow reader; after an interrupt, nobody waits for that. */
async function end(exitCode: number, outputs: readonly NodeJS.WriteStream[]): Promise<void> {
  await Promise.all(outputs.map(flushed));
  leaveTerminal();
  process.exit(exitCode);
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

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}
