import { type HeldTerminal, holdTerminal, type TerminalStreams } from '../../terminal/terminal.ts';
import type { CallContext } from '../command.ts';

export interface TerminalUse<T> {
  readonly terminal: TerminalStreams;
  readonly title: string;
  /** Whether the far side has restored the screen itself. */
  readonly isInOrder: (result: T) => boolean;
}

/** Controls the terminal while `use` runs. However this process ends, the terminal is restored. */
export async function withTerminal<T>(
  { app, interrupts, holdOutput }: Pick<CallContext, 'app' | 'interrupts' | 'holdOutput'>,
  { terminal, title, isInOrder }: TerminalUse<T>,
  use: (held: HeldTerminal) => Promise<T>,
): Promise<T> {
  const releaseOutput = holdOutput();
  let held: HeldTerminal | undefined;
  // For a crash; otherwise the code below restores the terminal.
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
