import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../domain/clock.ts';
import { AppError } from '../domain/errors.ts';
import type { ExitStatus, RemoteProcess, Terminal } from '../transport/transport.ts';

/** The user's own terminal. */
export interface TerminalStreams {
  readonly input: Readable & { setRawMode(raw: boolean): unknown };
  readonly output: Writable & { readonly columns: number; readonly rows: number };
  /** The value of TERM. */
  readonly term: string;
}

export function sizeOf({ output, term }: TerminalStreams): Terminal {
  return { term, columns: output.columns || 80, rows: output.rows || 24 };
}

// What a tmux client turns on and can no longer turn off when it is cut: alternate screen, hidden cursor, mouse, focus events,
// bracketed paste, application keys, colours.
const RESET =
  '\u001b[?1049l\u001b[?25h\u001b[?1000l\u001b[?1002l\u001b[?1003l\u001b[?1004l\u001b[?1006l\u001b[?2004l\u001b[?1l\u001b>\u001b[0m';

/** Puts raw mode back, and the screen too when the far side could not. Can be called at any moment, more than once. */
export type Restore = (screen: 'keep' | 'reset') => void;

export interface Bridge {
  readonly remote: RemoteProcess;
  readonly terminal: TerminalStreams;
  /** Ends the bridge and the remote process. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Gets the function that restores the terminal, for a process that must end early; undefined once it is restored. */
  readonly onRaw: (restore: Restore | undefined) => void;
}

/** Gives the terminal to a remote process until that ends: every key, every byte, every change of size. */
export async function bridgeTerminal({ remote, terminal, signal, clock, onRaw }: Bridge): Promise<ExitStatus> {
  const { input, output } = terminal;
  const resize = () => remote.resize(output.columns, output.rows);
  let raw = true;
  const restore: Restore = (screen) => {
    if (!raw) return;
    raw = false;
    input.setRawMode(false);
    if (screen === 'reset') output.write(RESET);
  };
  input.setRawMode(true);
  onRaw(restore);
  input.pipe(remote.stdin, { end: false });
  remote.stdout.pipe(output, { end: false });
  output.on('resize', resize);
  const cut = cutOff(remote, signal, clock);
  // The size may have changed while the session was being opened.
  resize();
  let exit: ExitStatus | undefined;
  try {
    exit = await Promise.race([remote.exit, cut.exit]);
    return exit;
  } finally {
    output.off('resize', resize);
    cut.release();
    input.unpipe(remote.stdin);
    input.pause();
    remote.stdout.unpipe(output);
    // A client that was cut off may have ended in order, but what it said last was not shown.
    restore(exit?.kind === 'exited' && !signal.aborted ? 'keep' : 'reset');
    onRaw(undefined);
  }
}

/** Milliseconds that a remote process has to end in order when it is closed; behind a frozen link it never would. */
const GRACE = 500;

function cutOff(remote: RemoteProcess, signal: AbortSignal, clock: Clock) {
  let cancel = () => {};
  let onAbort = () => {};
  const exit = new Promise<ExitStatus>((resolve) => {
    onAbort = () => {
      remote.close();
      const cause = new AppError('interrupted', 'Interrupted');
      cancel = clock.schedule(GRACE, () => resolve({ kind: 'lost', cause }));
    };
  });
  signal.addEventListener('abort', onAbort, { once: true });
  const release = () => {
    cancel();
    signal.removeEventListener('abort', onAbort);
  };
  return { exit, release };
}
