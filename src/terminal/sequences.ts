import { printable, shorten } from '../domain/text.ts';

const CSI = '\u001b[';
const OSC = '\u001b]';
const ST = '\u001b\\';
const SAVE_CURSOR = '\u001b7';
const RESTORE_CURSOR = '\u001b8';

export const BELL = '\u0007';

// Cancels an escape sequence that the far side could not finish.
const CANCEL = '\u0018';

/**
 * Turns off what a tmux client has turned on and cannot turn off when its connection is lost: scroll region, alternate screen, hidden cursor and
 * its shape, mouse, focus events, bracketed paste, application keys, line drawing, extended keys, colours.
 */
export const RESET = [
  CANCEL,
  // The next two move the cursor, even if they change nothing else.
  `${SAVE_CURSOR}${CSI}r${RESTORE_CURSOR}`,
  `${SAVE_CURSOR}${CSI}?1049l`,
  ...[1000, 1002, 1003, 1004, 1005, 1006, 2004, 1].map((mode) => `${CSI}?${mode}l`),
  `${CSI}?25h`,
  `${CSI}0 q`,
  `${CSI}>4m`,
  '\u000f\u001b(B',
  '\u001b>',
  `${CSI}0m`,
].join('');

export interface Screen {
  readonly columns: number;
  readonly rows: number;
}

/** A line at the bottom of the screen, over whatever is there. The cursor stays where it is. */
export function bottomLine(text: string, { columns, rows }: Screen): string {
  const line = fitted(` ${printable(text)} `, columns - 1);
  return `${CANCEL}${SAVE_CURSOR}\u000f\u001b(B${CSI}${rows};1H${CSI}0;7m${line}${CSI}0m${CSI}K${RESTORE_CURSOR}`;
}

/** Pads or cuts a text to that many columns. A character that may be two columns wide counts as two. */
function fitted(text: string, columns: number): string {
  const cut = shorten(text, columns);
  const width = [...cut].reduce((sum, character) => sum + (character >= '\u1100' ? 2 : 1), 0);
  return width <= columns ? cut + ' '.repeat(columns - width) : fitted(shorten(cut, [...cut].length - 1), columns);
}

/** Kinds of terminals that show a title as garbage, or not at all. */
const WITHOUT_TITLE = /^(?:linux|dumb|vt\d|cons|ansi|unknown|eterm|$)/;

/** Sets the title of the terminal's window, and saves the old one; empty for a terminal without titles. */
export function pushTitle(title: string, term: string): string {
  if (WITHOUT_TITLE.test(term)) return '';
  return `${CSI}22;2t${OSC}2;${shorten(printable(title), 200)}${ST}`;
}

/** Undoes `pushTitle`. */
export function popTitle(term: string): string {
  return WITHOUT_TITLE.test(term) ? '' : `${CSI}23;2t`;
}
