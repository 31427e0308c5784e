import stringWidth from 'string-width';

/** The terminal cells that a line takes: none for a combining character, two for most East Asian characters and for emoji, even combined ones. */
export const widthOf = (text: string): number => stringWidth(text);

const graphemes = new Intl.Segmenter();

/** A line of at most `width` cells, marked where it was cut. */
export function cutTo(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = '';
  let room = width - 1;
  for (const { segment } of graphemes.segment(text)) {
    room -= widthOf(segment);
    if (room < 0) break;
    kept += segment;
  }
  return width > 0 ? `${kept}…` : '';
}

/** A line with spaces up to `width` cells. */
export function padTo(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}
