import type { Readable, Writable } from 'node:stream';
import { type Clock, watchSleep } from '../domain/clock.ts';
import type { RemoteProcess, Terminal } from '../transport/transport.ts';
import { ESCAPE_HELP, escapeReader, isReport, type TypedKeys } from './escapes.ts';
import { BELL, bottomLine, popTitle, pushTitle, RESET } from './sequences.ts';

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

export interface Bridged<End> {
  readonly remote: Pick<RemoteProcess, 'stdin' | 'stdout' | 'resize' | 'check' | 'close'>;
  /** Settles when stdout has been read to its end. */
  readonly end: Promise<End>;
  /** Redraws the screen. */
  readonly redraw: () => void;
  /** Leaves cleanly, if the connection still works. Without it, the connection is just closed. */
  readonly leave?: () => void;
}

/** The terminal while azlin controls it: in raw mode, with a title from azlin. */
export interface HeldTerminal {
  /** Gives it to a remote process until that ends: every key, every byte, every change of size. `undefined` if the user or `signal` ended it early. */
  bridge<End>(bridged: Bridged<End>, signal: AbortSignal): Promise<End | undefined>;
  /** Shows a status line over the screen, and keeps it there when the size changes. What is under it comes back with the next redraw. */
  show(line: string | undefined): void;
  /** Until the returned function is called, all input goes to `keys`. */
  offline(keys: OfflineKeys): () => void;
  /** Takes it back after this process was stopped: a shell has used the terminal meanwhile. */
  again(): void;
  /** Restores it, and with `reset` also the screen, if the far side could not. Can be called at any moment, more than once. */
  restore(screen: 'keep' | 'reset'): void;
}

export interface OfflineKeys {
  /** Enter. */
  readonly hurry: () => void;
  /** Ctrl-C, or the escape that disconnects. */
  readonly stop: () => void;
}

export interface Holding {
  readonly terminal: TerminalStreams;
  readonly clock: Clock;
  readonly title: string;
}

type Sink = (typed: TypedKeys) => void;

export function holdTerminal({ terminal, clock, title }: Holding): HeldTerminal {
  const { input, output, term } = terminal;
  const read = escapeReader();
  let sink: Sink = () => {};
  let status: string | undefined;
  let isHeld = true;
  let redrawNow = () => {};
  const onData = (chunk: Buffer) => {
    for (const typed of read(chunk)) sink(typed);
  };
  const draw = () => {
    if (status !== undefined && isHeld) output.write(bottomLine(status, sizeOf(terminal)));
  };
  input.setRawMode(true);
  input.on('data', onData);
  input.resume();
  // The user is gone, even if nothing else says so.
  const onGone = () => sink({ kind: 'disconnect' });
  input.once('end', onGone).once('close', onGone).once('error', onGone);
  output.on('resize', draw);
  output.write(pushTitle(title, term));

  const held: HeldTerminal = {
    async bridge(bridged, signal) {
      status = undefined;
      const { remote } = bridged;
      const resize = () => remote.resize(output.columns, output.rows);
      const stop = stopper(bridged, clock, signal);
      const stopWatching = watchSleep(clock, () => remote.check(WAKING));
      redrawNow = bridged.redraw;
      sink = keysFor(bridged, held, { input, stop: stop.now });
      remote.stdin.on('error', () => {});
      remote.stdout.pipe(output, { end: false });
      output.on('resize', resize);
      // The size may have changed while the session was being opened.
      resize();
      try {
        const end = await Promise.race([bridged.end, stop.done]);
        return stop.isStopped() ? undefined : end;
      } finally {
        output.off('resize', resize);
        stopWatching();
        stop.release();
        sink = () => {};
        redrawNow = draw;
        input.resume();
        remote.stdout.unpipe(output);
      }
    },
    show(line) {
      status = line;
      draw();
    },
    offline({ hurry, stop }) {
      sink = (typed) => {
        if (typed.kind === 'disconnect') return stop();
        if (typed.kind === 'help') return;
        const { bytes } = typed;
        if (isCtrlC(bytes)) stop();
        else if (bytes.every((byte) => byte === ENTER)) hurry();
        // The bell says that typed keys go nowhere. It must not ring for reports, as when the mouse moves.
        else if (!isReport(bytes)) output.write(BELL);
      };
      return () => {
        sink = () => {};
        status = undefined;
      };
    },
    again() {
      if (!isHeld) return;
      // Node still believes that the terminal is in raw mode.
      input.setRawMode(false);
      input.setRawMode(true);
      redrawNow();
    },
    restore(screen) {
      if (!isHeld) return;
      isHeld = false;
      input.off('data', onData).off('end', onGone).off('close', onGone).off('error', onGone);
      input.pause();
      input.setRawMode(false);
      output.off('resize', draw);
      output.write(`${screen === 'reset' ? RESET : ''}${popTitle(term)}`);
    },
  };
  return held;
}

const CTRL_C = 0x03;
const ENTER = 0x0d;
/** The most bytes that a key sends; more was pasted. */
const KEY = 8;

/** Also in the forms that terminals send with extended keys, and together with another key. */
function isCtrlC(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes).toString('latin1');
  return text === '\u001b[27;5;99~' || text === '\u001b[99;5u' || (bytes.length <= KEY && bytes.includes(CTRL_C));
}

/** How many bytes may wait for a slow link before azlin stops reading keys. It is large, so that the escape still works when the link hangs. */
const UNSENT = 4 * 1024 * 1024;

interface Keyboard {
  readonly input: Readable;
  readonly stop: () => void;
}

function keysFor({ remote, redraw }: Bridged<unknown>, held: HeldTerminal, { input, stop }: Keyboard): Sink {
  const { stdin } = remote;
  let isHelpShown = false;
  return (typed) => {
    if (typed.kind === 'disconnect') return stop();
    if (typed.kind === 'help') {
      isHelpShown = true;
      return held.show(ESCAPE_HELP);
    }
    if (isHelpShown) {
      isHelpShown = false;
      held.show(undefined);
      redraw();
    }
    stdin.write(typed.bytes);
    if (stdin.writableLength < UNSENT || input.isPaused()) return;
    input.pause();
    stdin.once('drain', () => input.resume());
  };
}

/** Milliseconds that a remote process has to end cleanly when it is closed; on a frozen link it never would. */
const GRACE = 500;

function stopper({ remote, end, leave }: Bridged<unknown>, clock: Clock, signal: AbortSignal) {
  let cancel = () => {};
  let settle = () => {};
  let isStopped = false;
  const done = new Promise<undefined>((resolve) => {
    settle = () => resolve(undefined);
  });
  const close = () => {
    remote.close();
    cancel = clock.schedule(GRACE, settle);
  };
  const now = () => {
    if (isStopped) return;
    isStopped = true;
    void end.then(settle);
    if (!leave) return close();
    leave();
    cancel = clock.schedule(GRACE, close);
  };
  signal.addEventListener('abort', now, { once: true });
  if (signal.aborted) now();
  const release = () => {
    cancel();
    signal.removeEventListener('abort', now);
  };
  return { done, now, release, isStopped: () => isStopped };
}

/** Milliseconds that the far side has to say something after this machine has slept. */
const WAKING = 3_000;
