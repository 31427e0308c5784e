import Table from 'cli-table3';
import { isPlain, printable, shorten } from '../../domain/text.ts';

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

/** A header and rows, with two spaces between columns and no borders. With a width, in terminal cells, flexible columns are cut until it fits. */
export async function table(
  columns: readonly Column[],
  rows: readonly Row[],
  width: number | undefined,
): Promise<string> {
  const cells = rows.map((row) => row.cells.map((cell) => printable(cell)));
  const { widthOf, cutTo } = cells.flat().every(isPlain) ? ASCII : await import('../../terminal/cells.ts');
  const limits = width === undefined ? undefined : fitWidths({ columns, cells, width, widthOf });
  // The library measures text in its own way, so it gets a stand-in for text that is not ASCII, whose width is the same for everybody.
  const odd: string[] = [];
  const standIn = (cell: string) => {
    if (isPlain(cell)) return cell;
    odd.push(cell);
    return STAND_IN.padEnd(Math.max(1, widthOf(cell)), FILLER);
  };
  const cut = (line: readonly string[]) =>
    line.map((cell, index) => standIn(limits ? cutTo(cell, limits[index] ?? 0) : cell));
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
    .replace(STAND_INS, () => odd.shift() ?? '')
    .split('\n')
    .map((line) => line.trimEnd());
  return `${lines.map((line, index) => (index === 0 ? line : (rows[index - 1]?.paint?.(line) ?? line))).join('\n')}\n`;
}

const ASCII = { widthOf: (text: string) => text.length, cutTo: shorten };
// Private-use characters: they have no meaning, and each takes one cell.
const STAND_IN = '\ue000';
const FILLER = '\ue001';
const STAND_INS = /\ue000\ue001*/g;

interface Fitting {
  readonly columns: readonly Column[];
  readonly cells: readonly (readonly string[])[];
  readonly width: number;
  readonly widthOf: (text: string) => number;
}

function fitWidths({ columns, cells, width, widthOf }: Fitting): number[] {
  const widths = columns.map(({ title }, index) =>
    cells.reduce((most, row) => Math.max(most, widthOf(row[index] ?? '')), title.length),
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
