import type { Writable } from 'node:stream';

type Output = Writable & { readonly columns?: number; readonly rows?: number };

/** Lines that are redrawn in the same place. */
export interface Drawing {
  /** Lines must fit the width. The caller leaves out lines that do not fit the height. */
  draw(lines: readonly string[]): void;
  /** Takes them off the screen. */
  clear(): void;
}

/** Draws lines below what is on the screen, until something else takes their place. */
export function drawingBelow(output: Output): Drawing {
  let height = 0;
  const back = () => (height === 0 ? '\r' : `\r\u001b[${height}A`);
  return {
    draw(lines) {
      output.write(`${back()}${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`);
      height = lines.length;
    },
    clear() {
      if (height > 0) output.write(`${back()}\u001b[J`);
      height = 0;
    },
  };
}

/** Draws on the whole screen. What was there before comes back on `clear`. */
export function drawingOver(output: Output): Drawing {
  let isOpen = false;
  return {
    draw(lines) {
      const open = isOpen ? '' : '\u001b[?1049h\u001b[?25l';
      isOpen = true;
      output.write(`${open}\u001b[H${lines.map((line) => `${line}\u001b[K`).join('\n')}\u001b[J`);
    },
    clear() {
      if (isOpen) output.write('\u001b[?25h\u001b[?1049l');
      isOpen = false;
    },
  };
}

/** Rows that a drawing may have; the last one stays free for the cursor. */
export function roomOn({ rows = 24 }: Output): number {
  return Math.max(3, rows - 1);
}
