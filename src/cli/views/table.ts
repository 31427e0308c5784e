import Table from 'cli-table3';
import { printable, shorten } from '../../domain/text.ts';

export interface Column {
  readonly title: string;
  /** May be cut to fit a terminal, first those with the longest content. */
  readonly flexible?: boolean;
}

export interface Row {
  readonly cells: readonly string[];
  /** Applied to the finished line. */
  readonly paint?: (line: string) => string;
}

const GAP = 2;
const NARROWEST = 8;

/** A header and rows, two spaces apart, no borders. With a width, flexible columns are cut until it fits. */
export function table(columns: readonly Column[], rows: readonly Row[], width: number | undefined): string {
  const cells = rows.map((row) => row.cells.map((cell) => printable(cell)));
  const limits = width === undefined ? undefined : fitWidths(columns, cells, width);
  const cut = (line: readonly string[]) => line.map((cell, index) => shorten(cell, limits?.[index] ?? cell.length));
  const none = Object.fromEntries(
    ['top', 'bottom', 'left', 'right', 'mid'].flatMap((side) =>
      ['', '-mid', '-left', '-right'].map((end) => [`${side}${end}`, '']),
    ),
  );
  const grid = new Table({
    chars: { ...none, middle: ' '.repeat(GAP), 'mid-mid': '', 'right-mid': '' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  grid.push(
    columns.map(({ title }) => title),
    ...cells.map(cut),
  );
  const lines = grid
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
  return `${lines.map((line, index) => (index === 0 ? line : (rows[index - 1]?.paint?.(line) ?? line))).join('\n')}\n`;
}

function fitWidths(columns: readonly Column[], cells: readonly (readonly string[])[], width: number): number[] {
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((row) => [...(row[index] ?? '')].length)),
  );
  const total = () => widths.reduce((sum, one) => sum + one, GAP * (columns.length - 1));
  while (total() > width) {
    const widest = columns
      .map(({ flexible }, index) => ({ index, width: flexible ? (widths[index] ?? 0) : 0 }))
      .sort((a, b) => b.width - a.width)[0];
    if (!widest || widest.width <= NARROWEST) break;
    widths[widest.index] = widest.width - 1;
  }
  return widths;
}
