import { AppError } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import type { ManyRun } from '../../operations/many/exec-many.ts';
import type { CallContext } from '../command.ts';

export interface ManyInterrupts {
  /** Undefined where nobody interrupted. */
  exitCode(): number | undefined;
  /** The targets that were still running when somebody interrupted; undefined if nobody did. */
  stillRunning(): readonly string[] | undefined;
  /** Why the output could not be written. */
  failure(): AppError | undefined;
  /** Whether the reader is gone, as with `| head`: then there is no summary. */
  isReaderGone(): boolean;
  release(): void;
}

/**
 * Ctrl-C interrupts all commands, and a second one ends azlin; jobs that are only watched are left running. SIGTERM and a reader that is gone end azlin too,
 * after signalling the commands.
 */
export function manyInterrupts(
  { interrupts, io, note }: CallContext,
  run: ManyRun,
  isWatched: boolean,
): ManyInterrupts {
  const why = new AppError('interrupted', 'interrupted');
  let stillRunning: readonly string[] | undefined;
  let exitCode: number | undefined;
  let failure: AppError | undefined;
  const names = () => run.state().running.map(({ target }) => target);
  const onPress = () => {
    const isFirst = stillRunning === undefined;
    stillRunning = names();
    exitCode = 130;
    if (!isFirst || isWatched) return run.abandon('KILL', why);
    if (stillRunning.length > 0)
      note(`Interrupting ${count(stillRunning.length, 'command')}; press Ctrl-C again to leave them running`);
    run.signal('INT', why);
  };
  const onAbort = () => {
    const { reason } = interrupts.signal as { reason: AppError };
    stillRunning = names();
    if (reason.code !== 'interrupted') failure ??= reason;
    exitCode = failure ? 255 : (interrupts.exitCode() ?? 130);
    run.abandon('TERM', why);
  };
  const onError = (error: NodeJS.ErrnoException) => {
    // The reader is gone, as with `| head`, or the disk is full.
    exitCode = error.code === 'EPIPE' ? 141 : 255;
    if (error.code !== 'EPIPE')
      failure ??= new AppError('usage', `Cannot write the output: ${error.message}`, { cause: error });
    run.abandon('HUP', new AppError('interrupted', `the output could not be written: ${error.message}`));
  };
  const giveBack = interrupts.takeOver(onPress);
  interrupts.signal.addEventListener('abort', onAbort, { once: true });
  // The signal may have come before there was anything to interrupt.
  if (interrupts.signal.aborted) onAbort();
  for (const stream of [io.stdout, io.stderr]) stream.once('error', onError);
  return {
    exitCode: () => exitCode,
    stillRunning: () => stillRunning,
    failure: () => failure,
    isReaderGone: () => exitCode === 141,
    release() {
      giveBack();
      interrupts.signal.removeEventListener('abort', onAbort);
      for (const stream of [io.stdout, io.stderr]) stream.off('error', onError);
    },
  };
}
