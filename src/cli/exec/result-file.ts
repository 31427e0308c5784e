import { toAppError } from '../../domain/errors.ts';
import type { CallContext } from '../command.ts';
import { prepareResult, type Results, writeResults } from './exec-result.ts';

/** Writes the results; does nothing without `--result`. */
export type SaveResults = (results: Results) => Promise<void>;

/** Runs `work` with a way to write `--result`. If it fails before that, the failure is written: an old result must not pass for a new one. */
export async function withResultFile<T>(
  { app, interrupts }: Pick<CallContext, 'app' | 'interrupts'>,
  path: string | undefined,
  work: (save: SaveResults) => Promise<T>,
): Promise<T> {
  if (path === undefined) return work(async () => {});
  await prepareResult(path);
  const startedAt = app.clock.now();
  let isSaved = false;
  try {
    return await work(async (results) => {
      isSaved = true;
      await writeResults(path, results);
    });
  } catch (thrown) {
    const { code, message } = toAppError(thrown);
    const durationMs = app.clock.now() - startedAt;
    const exitCode = code === 'interrupted' ? (interrupts.exitCode() ?? 130) : 255;
    if (!isSaved) await writeResults(path, { exitCode, durationMs, results: [], error: { code, message } });
    throw thrown;
  }
}
