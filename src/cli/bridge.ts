import type { Clock } from '../domain/clock.ts';
import { exitStatusOf } from '../domain/outcome.ts';
import type { AttachedSession, ConnectRequest } from '../operations/connect.ts';
import { bridgeTerminal, type Restore, sizeOf, type TerminalStreams } from '../terminal/terminal.ts';
import type { Interrupts } from './command.ts';

export interface Bridging {
  readonly terminal: TerminalStreams;
  readonly interrupts: Interrupts;
  readonly clock: Clock;
}

/** Attaches, and gives the terminal to the session until it is left. The exit code is the tmux client's. */
export async function bridge(
  { terminal, interrupts, clock }: Bridging,
  attach: (size: ConnectRequest['terminal']) => Promise<AttachedSession>,
): Promise<{ exitCode: number }> {
  const { remote } = await attach(sizeOf(terminal));
  const { signal } = interrupts;
  let restore: Restore | undefined;
  const onRaw = (current: Restore | undefined) => {
    restore = current;
  };
  // For a crash: the bridge itself restores whatever happens in order.
  const forget = interrupts.onExit(() => restore?.('reset'));
  try {
    const exit = await bridgeTerminal({ remote, terminal, signal, clock, onRaw });
    signal.throwIfAborted();
    if (exit.kind === 'lost') throw exit.cause;
    return { exitCode: exitStatusOf(exit) };
  } finally {
    forget();
  }
}
