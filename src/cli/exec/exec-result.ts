import { open } from 'node:fs/promises';
import { AppError, messageOf } from '../../domain/errors.ts';
import { exitStatusOf, type Outcome } from '../../domain/outcome.ts';

export interface Finished {
  readonly outcome: Outcome;
  /** The exit code for the signal that ended azlin; undefined if none did. */
  readonly interruptedBy: number | undefined;
  readonly target: string;
  readonly durationMs: number;
  /** Null for a command that was not a job. */
  readonly jobId: string | null;
  /** The job existed already; nothing was started. */
  readonly found: boolean;
}

/** What programs are told about a command that has ended. Fields are only ever added. */
export function resultRecord({ outcome, interruptedBy, target, durationMs, jobId, found }: Finished): object {
  const cause = 'cause' in outcome ? { error: { code: outcome.cause.code, message: outcome.cause.message } } : {};
  const signal = outcome.kind === 'signaled' ? outcome.signal : null;
  const isInterrupted = outcome.kind === 'cancelled' || ('cause' in outcome && outcome.cause.code === 'interrupted');
  const exitCode = (isInterrupted ? interruptedBy : undefined) ?? exitStatusOf(outcome);
  return { outcome: outcome.kind, exitCode, signal, target, durationMs, jobId, found, ...cause };
}

/** Writes the file of `--result`. */
export const writeResult = (path: string, finished: Finished): Promise<void> => write(path, resultRecord(finished));

/** The content of the file of `--result` for many targets. */
export interface Results {
  readonly exitCode: number;
  readonly durationMs: number;
  readonly results: readonly object[];
  /** Why there are no results. */
  readonly error?: object;
}

export const writeResults = (path: string, results: Results): Promise<void> => write(path, results);

async function write(path: string, result: object): Promise<void> {
  try {
    await writePrivately(path, `${JSON.stringify(result, null, 2)}\n`);
  } catch (error) {
    throw new AppError('usage', `Cannot write --result ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Only the user may read the file: errors may hold private details. The mode of a pipe or a terminal is left alone. */
async function writePrivately(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    if ((await file.stat()).isFile()) await file.chmod(0o600).catch(() => {});
    await file.writeFile(text);
  } finally {
    await file.close();
  }
}

/** Empties the file that the outcome will go to. Throws `usage` when it cannot be written. */
export async function prepareResult(path: string): Promise<void> {
  try {
    await writePrivately(path, '');
  } catch (error) {
    throw new AppError('usage', `Cannot write --result ${path}: ${messageOf(error)}`, { cause: error });
  }
}
