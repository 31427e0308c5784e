import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../domain/clock.ts';
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
  /** Draws the screen anew. */
  readonly redraw: () => void;
  /** Leaves in order, as far as the link allows; without it what is there is cut off. */
  readonly leave?: () => void;
}

/** The terminal while azlin has it for itself: raw, with a title of its own. */
export interface HeldTerminal {
  /** Gives it to a remote process until that ends: every key, every byte, every change of size. `undefined`: the user or `signal` broke it off. */
  bridge<End>(bridged: Bridged<End>, signal: AbortSignal): Promise<End | undefined>;
  /** A status line over the screen, kept there when its size changes; what is below it comes back when that is drawn anew. */
  show(line: string | undefined): void;
  /** Keys go nowhere but here, until the returned function is called. */
  offline(keys: OfflineKeys): () => void;
  /** After this process was stopped: a shell has had the terminal meanwhile. */
  again(): void;
  /** Puts it back as it was, and the screen too when the far side could not. Can be called at any moment, more than once. */
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
  // Nobody is there any more, even where nothing else tells.
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
        // The mouse may rest on the window; whoever types is told that it goes nowhere.
        else if (!isReport(bytes)) output.write(BELL);
      };
      return () => {
        sink = () => {};
        status = undefined;
      };
    },
    again() {
      if (!isHeld) return;
      // Node believes that it is raw still.
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
/** No key is longer; what is was pasted. */
const KEY = 8;

/** Also as terminals send it that were asked to tell every key apart, and together with another key. */
function isCtrlC(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes).toString('latin1');
  return text === '\u001b[27;5;99~' || text === '\u001b[99;5u' || (bytes.length <= KEY && bytes.includes(CTRL_C));
}

/** Bytes that wait for a slow link before keys wait, too. Somebody whose link hangs must still be heard. */
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

/** Milliseconds that a remote process has to end in order when it is closed; behind a frozen link it never would. */
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

/** Milliseconds: how often it is looked whether the machine was asleep, from when on it was, and how long the far side then has to say something. */
const LOOK = 2_000;
const ASLEEP = 5_000;
const WAKING = 3_000;

/** A connection rarely outlives sleep, and nothing would tell before the next keepalives are missed. */
function watchSleep(clock: Clock, onWake: () => void): () => void {
  let last = clock.now();
  let cancel = () => {};
  const look = () => {
    const now = clock.now();
    if (now - last > LOOK + ASLEEP) onWake();
    last = now;
    cancel = clock.schedule(LOOK, look);
  };
  cancel = clock.schedule(LOOK, look);
  return () => cancel();
}
