import { type HeldTerminal, holdTerminal, type TerminalStreams } from '../../terminal/terminal.ts';
import type { CallContext } from '../command.ts';

export interface TerminalUse<T> {
  readonly terminal: TerminalStreams;
  readonly title: string;
  /** Whether the far side has put the screen back by itself. */
  readonly isInOrder: (result: T) => boolean;
}

/** Has the terminal for itself while `use` runs. However this process ends, the terminal is as it was. */
export async function withTerminal<T>(
  { app, interrupts, holdOutput }: Pick<CallContext, 'app' | 'interrupts' | 'holdOutput'>,
  { terminal, title, isInOrder }: TerminalUse<T>,
  use: (held: HeldTerminal) => Promise<T>,
): Promise<T> {
  const releaseOutput = holdOutput();
  let held: HeldTerminal | undefined;
  // For a crash: what happens in order is put back here.
  const forget = interrupts.onExit(() => held?.restore('reset'));
  const forgetToo = interrupts.onContinue(() => held?.again());
  try {
    held = holdTerminal({ terminal, clock: app.clock, title });
    const result = await use(held);
    interrupts.signal.throwIfAborted();
    if (isInOrder(result)) held.restore('keep');
    return result;
  } finally {
    held?.restore('reset');
    forget();
    forgetToo();
    releaseOutput();
  }
}
