import { closeSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { keepCompiled } from './app/code-cache.ts';
import type { LineHere, RunLine } from './daemon/serve-line.ts';

/** Whoever has started the daemon hears over this whether it listens. */
const STARTER = 3;

void run();

async function run(): Promise<void> {
  process.title = 'azlin-daemon';
  // Nobody but the user may read what it makes.
  process.umask(0o077);
  const home = process.env['AZLIN_HOME'];
  const uid = process.getuid?.();
  if (!home || uid === undefined) return refuse(new Error('it is started by azlin'));
  keepCompiled(join(home, 'cache'));
  try {
    const { startDaemon } = await import('./app/daemon.ts');
    const daemon = await startDaemon({ home, uid, runLine }, () => process.exit(0));
    tell('ready\n');
    if (!daemon) process.exit(0);
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, daemon.stop);
    // The terminal that it was started from may close.
    process.on('SIGHUP', () => {});
    process.on('uncaughtException', (error) => {
      daemon.log.write(`ended by an error: ${error.stack ?? error.message}`);
      process.exit(1);
    });
    // The first line should not have to wait for it.
    await program();
  } catch (error) {
    refuse(error);
  }
}

async function program() {
  const [{ runProgram }, { interruptsOfRun }, { createApp }, { inDaemon }] = await Promise.all([
    import('./cli/run-program.ts'),
    import('./cli/interrupts.ts'),
    import('./app/create-app.ts'),
    import('./app/in-daemon.ts'),
  ]);
  return { runProgram, interruptsOfRun, createApp, inDaemon };
}

/** Runs a line as `main.ts` does, but with the streams, the variables and the terminal of a client. */
async function runLine(line: LineHere): ReturnType<RunLine> {
  const { runProgram, interruptsOfRun, createApp, inDaemon } = await program();
  const { argv, environment, terminals, stdout, stderr, exitNow, notHere } = line;
  const interrupts = interruptsOfRun(exitNow);
  line.onSignal(interrupts.onSignal);
  const output = (stream: typeof stdout, columns: number | null) =>
    Object.assign(stream, columns === null ? {} : { isTTY: true as const, columns });
  const io = {
    stdin: () => notHere('standard input is read'),
    stdout: output(stdout, terminals.stdout),
    stderr: output(stderr, terminals.stderr),
  };
  const { execPath } = process;
  const uid = process.getuid?.() ?? 0;
  const own = { environment, execPath, program: join(import.meta.dirname, 'azlin.js'), uid, ...io };
  const exitCode = await runProgram({
    argv,
    app: createApp(processOf(own), { inDaemon: inDaemon(line) }),
    io,
    interrupts,
  });
  interrupts.restore();
  // After an interrupt, nobody waits for a slow reader.
  await Promise.race([Promise.all([stdout, stderr].map(flushed)), aborted(interrupts.signal)]);
  return interrupts.exitCode() ?? exitCode;
}

function flushed(stream: Writable): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

interface OwnProcess {
  readonly environment: LineHere['environment'];
  readonly execPath: string;
  readonly program: string;
  readonly uid: number;
}

/** What the program takes for its process. The streams of the daemon lead nowhere. */
function processOf({ environment, execPath, program: path, uid }: OwnProcess) {
  return {
    ...{ env: environment, execPath, argv: [execPath, path], getuid: () => uid, title: '' },
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return process.stdout;
    },
    get stderr() {
      return process.stderr;
    },
  };
}

function refuse(error: unknown): void {
  tell(`${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
}

function tell(words: string): void {
  try {
    writeSync(STARTER, words);
    // From here on nobody waits for it.
    closeSync(STARTER);
  } catch {
    // Nobody has asked.
  }
}
