import { closeSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keepCompiled } from './app/code-cache.ts';
import { messageOf } from './domain/errors.ts';

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
    const daemon = await startDaemon({ home, program: fileURLToPath(import.meta.url), uid }, () => process.exit(0));
    tell('ready\n');
    if (!daemon) process.exit(0);
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, daemon.stop);
    // The terminal that it was started from may close.
    process.on('SIGHUP', () => {});
    process.on('uncaughtException', (error) => {
      daemon.log.write(`ended by an error: ${error.stack ?? messageOf(error)}`);
      process.exit(1);
    });
  } catch (error) {
    refuse(error);
  }
}

function refuse(error: unknown): void {
  tell(`${messageOf(error)}\n`);
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
