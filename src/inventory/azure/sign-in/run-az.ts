import { type ChildProcess, spawn } from 'node:child_process';
import { CredentialUnavailableError, type GetTokenOptions } from '@azure/identity';
import type { Clock } from '../../../domain/clock.ts';
import { isWithoutRoom, noRoom } from '../../../domain/errors.ts';
import { withoutMark } from '../../../domain/text.ts';

export interface AzRun {
  /** Milliseconds that `az` may take. */
  readonly patience: number;
  readonly clock: Clock;
  readonly abortSignal: GetTokenOptions['abortSignal'] | undefined;
  /** Where it runs; undefined for the current directory. */
  readonly directory?: string | undefined;
}

/** What it printed, and its exit code. */
export interface AzOutput {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

/** The most characters kept of each stream; no token is longer. */
const MOST = 1_000_000;

/** Runs `az` and ends it when it takes too long, together with the processes that it has started. Rejects with CredentialUnavailableError. */
export function runAz(words: readonly string[], { patience, clock, abortSignal, directory }: AzRun): Promise<AzOutput> {
  return new Promise((resolve, reject) => {
    // In its own process group, so that az and its children can be ended at once.
    const isWindows = process.platform === 'win32';
    const az = spawn('az', words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: !isWindows,
      shell: isWindows,
      cwd: directory,
    });
    const said = { stdout: '', stderr: '' };
    // If no process could be started there are no streams, whatever the types say.
    for (const name of ['stdout', 'stderr'] as const)
      az[name]?.setEncoding('utf8').on('data', (text: string) => {
        if (said[name].length < MOST) said[name] += text;
      });
    const onExit = () => endAll(az);
    const settle = (then: () => void) => {
      cancel();
      process.off('exit', onExit);
      abortSignal?.removeEventListener('abort', onAbort);
      then();
    };
    const giveUp = (why: string) => {
      endAll(az);
      settle(() => reject(new CredentialUnavailableError(why)));
    };
    const onAbort = () => giveUp('az was interrupted');
    const cancel = clock.schedule(patience, () => giveUp('az took too long'));
    abortSignal?.addEventListener('abort', onAbort);
    process.once('exit', onExit);
    az.once('error', (error: NodeJS.ErrnoException) =>
      settle(() => {
        if (isWithoutRoom(error)) return reject(noRoom(error));
        reject(new CredentialUnavailableError(error.code === 'ENOENT' ? NOT_INSTALLED : error.message));
      }),
    );
    // Processes that az leaves behind may keep its output open.
    az.once('exit', (code) => {
      const done = () => settle(() => resolve({ ...said, code }));
      az.once('close', done);
      // A process that has just waited for a processor reads what is there before it gives up.
      clock.schedule(LAST_WORDS, () => clock.schedule(0, done));
    });
  });
}

const NOT_INSTALLED = 'the Azure CLI (az) is not installed, or not on PATH';
/** Milliseconds to wait for the last output after az has exited. */
const LAST_WORDS = 500;

function endAll({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these sequences start with one
const ESCAPES = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\^_])/g;

/** What az printed, without colours and the like. */
export function plainOutput(printed: string): string {
  return withoutMark(printed).replace(ESCAPES, '');
}

/** What az complains about, without warnings, which are about something else. */
export function complaintIn(printed: string): string {
  const lines = plainOutput(printed).split(/\r?\n/);
  const said = lines.filter((line) => line.trim() !== '' && !/^WARNING:/i.test(line));
  return said.map((line) => line.replace(/^ERROR: */, '')).join(' ');
}
