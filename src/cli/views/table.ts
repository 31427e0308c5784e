import Table from 'cli-table3';
import { isPlain, printable, shorten } from '../../domain/text.ts';

export interface Column {
  readonly title: string;
  /** May be cut to fit a terminal, first those with the longest content. */
  readonly flexible?: boolean;
  /** Left out where a terminal is too narrow, those with the lowest number first. */
  readonly dropped?: number;
}

export interface Row {
  readonly cells: readonly string[];
  /** Applied to the finished line. */
  readonly paint?: (line: string) => string;
}

const GAP = 2;
const NARROWEST = 8;
/** What a flexible column should keep of its content before others are left out for it. */
const READABLE = 24;

/** A header and rows, with two spaces between columns and no borders. With a width, in terminal cells, flexible columns are cut until it fits. */
export async function table(
  wanted: readonly Column[],
  rows: readonly Row[],
  width: number | undefined,
): Promise<string> {
  const whole = rows.map((row) => row.cells.map((cell) => printable(cell)));
  const { widthOf, cutTo } = whole.flat().every(isPlain) ? ASCII : await import('../../terminal/cells.ts');
  const { columns, cells } =
    width === undefined
      ? { columns: wanted, cells: whole }
      : fitting({ columns: wanted, cells: whole, width, widthOf });
  const limits = width === undefined ? undefined : fitWidths({ columns, cells, width, widthOf });
  const cut = limits ? cells.map((row) => row.map((cell, index) => cutTo(cell, limits[index] ?? 0))) : cells;
  const titles = columns.map(({ title }) => title);
  const widths = titles.map((title, index) =>
    cut.reduce((most, row) => Math.max(most, widthOf(row[index] ?? '')), title.length),
  );
  // The library measures text in its own way, so it gets a stand-in for text that is not ASCII, whose width is the same for everybody.
  const odd: string[] = [];
  // Whole lines: for each cell the library takes fifty microseconds, and a fleet has thousands.
  const lineOf = (row: readonly string[]) => {
    const padded = row.map((cell, index) => cell + ' '.repeat(Math.max(0, (widths[index] ?? 0) - widthOf(cell))));
    const line = padded.join(' '.repeat(GAP)).trimEnd();
    if (isPlain(line)) return line;
    odd.push(line);
    return STAND_IN;
  };
  const none = Object.fromEntries(
    ['top', 'bottom', 'left', 'right', 'mid'].flatMap((side) =>
      ['', '-mid', '-left', '-right'].map((end) => [`${side}${end}`, '']),
    ),
  );
  const grid = new Table({
    chars: { ...none, 'mid-mid': '', 'right-mid': '' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  grid.push([lineOf(titles)], ...cut.map((row) => [lineOf(row)]));
  const lines = grid
    .toString()
    .replace(STAND_INS, () => odd.shift() ?? '')
    .split('\n')
    .map((line) => line.trimEnd());
  return `${lines.map((line, index) => (index === 0 ? line : (rows[index - 1]?.paint?.(line) ?? line))).join('\n')}\n`;
}

const ASCII = { widthOf: (text: string) => text.length, cutTo: shorten };
// A private-use character: it has no meaning.
const STAND_IN = '\ue000';
const STAND_INS = /\ue000/g;

/** Leaves out columns until the others have room. */
function fitting({ columns: wanted, cells: whole, width, widthOf }: Fitting) {
  const needs = wanted.map(({ title, flexible = false }, index) => {
    const longest = whole.reduce((most, row) => Math.max(most, widthOf(row[index] ?? '')), title.length);
    return flexible ? Math.min(longest, Math.max(READABLE, title.length)) : longest;
  });
  const kept = new Set(wanted.keys());
  const needed = () => [...kept].reduce((sum, index) => sum + (needs[index] ?? 0) + GAP, -GAP);
  const order = [...wanted.entries()]
    .filter(([, { dropped }]) => dropped !== undefined)
    .sort(([, a], [, b]) => (a.dropped ?? 0) - (b.dropped ?? 0));
  for (const [index] of order) if (needed() > width) kept.delete(index);
  const isKept = (_: unknown, index: number) => kept.has(index);
  return { columns: wanted.filter(isKept), cells: whole.map((row) => row.filter(isKept)) };
}

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
