import type { Writable } from 'node:stream';
import type { Clock } from '../../domain/clock.ts';
import { formatAge } from '../../domain/duration.ts';
import { isPlain, printable, shorten } from '../../domain/text.ts';

export interface ProgressLine {
  /** What is being waited for; undefined when the wait is over. */
  readonly show: (text: string | undefined) => void;
  /** What delays it, shown after the text; undefined when that is over. */
  readonly aside: (text: string | undefined) => void;
  /** Takes the line off the screen while something else is written there. */
  readonly over: (write: () => void) => void;
  /** While it is held nothing is drawn. */
  readonly hold: (isHeld: boolean) => void;
}

/** Milliseconds. A shorter wait is not shown. */
const PATIENCE = 1_000;
const TICK = 1_000;

export interface ProgressSettings {
  readonly clock: Clock;
  /** The terminal to draw on; undefined for none. */
  readonly terminal: (Writable & { readonly columns?: number }) | undefined;
  readonly dim: (text: string) => string;
}

/** One line on a terminal that says what is being waited for and for how long, and is gone afterwards. */
export function progressLine({ clock, terminal, dim }: ProgressSettings): ProgressLine {
  if (!terminal) return { show: () => {}, aside: () => {}, over: (write) => write(), hold: () => {} };
  let text: string | undefined;
  let hindrance: string | undefined;
  let since = 0;
  let isDrawn = false;
  let isHeld = false;
  let cells: typeof import('../../terminal/cells.ts') | undefined;
  let cancel = () => {};
  const clear = () => {
    if (isDrawn) terminal.write('\r\u001b[K');
    isDrawn = false;
  };
  const draw = () => {
    if (isHeld) return;
    const what = hindrance === undefined ? text : `${text}: ${hindrance}`;
    const line = `${printable(what ?? '')} (${formatAge(clock.now() - since)})`;
    const width = (terminal.columns ?? 80) - 1;
    // The module that measures other characters is slow to load.
    if (!isPlain(line) && !cells) return void load();
    const cut = isPlain(line) ? shorten(line, width) : cells?.cutTo(line, width);
    terminal.write(`\r\u001b[K${dim(cut ?? '')}`);
    isDrawn = true;
  };
  const load = async () => {
    cells = await import('../../terminal/cells.ts');
    if (text !== undefined) draw();
  };
  const tick = () => {
    cancel = clock.schedule(TICK, tick);
    draw();
  };
  return {
    show(next) {
      const isWaiting = text !== undefined;
      text = next;
      if (next === undefined) {
        cancel();
        clear();
      } else if (!isWaiting) {
        since = clock.now();
        cancel = clock.schedule(PATIENCE, tick);
      }
    },
    aside(next) {
      hindrance = next;
    },
    over(write) {
      const wasDrawn = isDrawn;
      clear();
      write();
      if (wasDrawn) draw();
    },
    hold(held) {
      if (held) clear();
      isHeld = held;
    },
  };
}
