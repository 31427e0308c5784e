import { AppError } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import type { ManyRun } from '../../operations/many/exec-many.ts';
import type { CallContext } from '../command.ts';

export interface ManyInterrupts {
  /** Undefined where nobody interrupted. */
  exitCode(): number | undefined;
  /** What was running when somebody interrupted, and had not ended. */
  stillRunning(): readonly string[] | undefined;
  /** Why the output could not be written. */
  failure(): AppError | undefined;
  /** Nobody reads any more, as with `| head`: then nothing is to be said about it. */
  isReaderGone(): boolean;
  release(): void;
}

/** Ctrl-C goes to all commands, a second one ends azlin; so do SIGTERM and a reader that has gone, after a word to the commands. */
export function manyInterrupts({ interrupts, io, note }: CallContext, run: ManyRun): ManyInterrupts {
  const why = new AppError('interrupted', 'interrupted');
  let stillRunning: readonly string[] | undefined;
  let exitCode: number | undefined;
  let failure: AppError | undefined;
  const names = () => run.state().running.map(({ target }) => target);
  const onPress = () => {
    const isFirst = stillRunning === undefined;
    stillRunning = names();
    exitCode = 130;
    if (!isFirst) return run.abandon('KILL', why);
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
    // Nobody reads any more, as with `| head`; or the disk is full.
    exitCode = error.code === 'EPIPE' ? 141 : 255;
    if (error.code !== 'EPIPE')
      failure ??= new AppError('usage', `Cannot write the output: ${error.message}`, { cause: error });
    run.abandon('HUP', new AppError('interrupted', `the output could not be written: ${error.message}`));
  };
  const giveBack = interrupts.takeOver(onPress);
  interrupts.signal.addEventListener('abort', onAbort, { once: true });
  // It may have come while there was nothing to interrupt yet.
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
