import { setMaxListeners } from 'node:events';
import { AppError } from '../domain/errors.ts';
import type { Interrupts } from './app.ts';

/** The interrupts of one run, and what causes them. */
export interface InterruptsOfRun extends Interrupts {
  /** Does what a signal to the run asks for. */
  onSignal(signal: string): void;
  /** Ends the work cleanly after an error that nothing has caught. */
  fail(error: AppError): void;
  /** Does what is to be done when the run ends, however that happens. */
  restore(): void;
  /** Does what is to be done when it continues after it was stopped. */
  goOn(): void;
}

const EXIT_CODES: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGQUIT: 131 };

/** Turns signals into aborts. A second signal ends the run at once with `exit`, unless a handler has taken it over. */
export function interruptsOfRun(exit: (code: number) => void): InterruptsOfRun {
  const controller = new AbortController();
  // Each VM that is asked at the same time adds a listener.
  setMaxListeners(0, controller.signal);
  const handlers: (() => void)[] = [];
  const restores = new Set<() => void>();
  const backs = new Set<() => void>();
  let exitCode: number | undefined;
  const abort = (code: number) => {
    if (controller.signal.aborted) return exit(code);
    exitCode = code;
    controller.abort(new AppError('interrupted', 'Interrupted'));
  };
  return {
    signal: controller.signal,
    onSignal(signal) {
      const handler = signal === 'SIGINT' ? handlers.at(-1) : undefined;
      if (handler) handler();
      else abort(EXIT_CODES[signal] ?? 1);
    },
    restore() {
      for (const restore of restores) restore();
    },
    goOn() {
      for (const back of backs) back();
    },
    takeOver(handler) {
      handlers.push(handler);
      return () => handlers.splice(handlers.indexOf(handler), 1);
    },
    onExit(restore) {
      restores.add(restore);
      return () => restores.delete(restore);
    },
    onContinue(back) {
      backs.add(back);
      return () => backs.delete(back);
    },
    exitCode: () => exitCode,
    fail: (error) => controller.abort(error),
  };
}
