import {
  createPrompt,
  isDownKey,
  isEnterKey,
  isTabKey,
  isUpKey,
  type KeypressEvent,
  useEffect,
  useKeypress,
  usePagination,
  usePrefix,
  useRef,
  useState,
} from '@inquirer/core';
import fuzzysort from 'fuzzysort';
import { cutTo, padTo, widthOf } from './cells.ts';

/** A row to choose. */
export interface PickRow {
  /** Tells the row from the others. */
  readonly key: string;
  /** Lined up with those of the other rows; the first one is its name. */
  readonly columns: readonly string[];
}

/** Rows to choose from; more may come while somebody looks at them. */
export interface Picking {
  readonly message: string;
  readonly rows: () => readonly PickRow[];
  /** What is still to come, or what was done; undefined when there is nothing to say. */
  readonly pending: () => string | undefined;
  /** Calls `changed` when any of these has changed, until the returned function is called. */
  readonly onChange: (changed: () => void) => () => void;
  /** Whether the rows have been there for so long that somebody may be about to choose one. From then on, it stays the chosen one. */
  readonly isSettled: () => boolean;
  /** The rows that are marked at first. */
  readonly marked: () => readonly string[];
  /** The size of the terminal. */
  readonly size: () => { readonly columns: number; readonly rows: number };
  /** Lines of text about a row, which are asked for where there is room; undefined until they have come. */
  readonly preview: (key: string) => readonly string[] | undefined;
}

/** `make`: something new beside the row; `close`: the rows that were marked, or the one that was chosen. */
export type Picked =
  | { readonly action: 'choose' | 'make'; readonly key: string }
  | { readonly action: 'close'; readonly keys: readonly string[] };

const PAGE = 12;
/** Columns from which on there is room for a preview, and the most of its lines. */
const WIDE = 100;
const TALLEST = 24;
const HELP = '↑↓ move  Enter attach  Ctrl-N new session  Tab mark  Ctrl-X close  Ctrl-C quit';

/** A prompt to narrow the rows by typing, move between them, mark some, and choose one. */
export const pickerPrompt = createPrompt<Picked, Picking>((picking, done) => {
  const { message, rows, pending, onChange, isSettled, size } = picking;
  const [picked, setPicked] = useState<string | undefined>(undefined);
  const [typed, setTyped] = useState('');
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  const [marked, setMarked] = useState<ReadonlySet<string>>(new Set(picking.marked()));
  const [, setChanges] = useState(0);
  const prefix = usePrefix({ status: picked === undefined ? 'idle' : 'done' });
  const all = rows();
  const shown = narrowed(all, typed);
  // The same row stays chosen, wherever others are added.
  const active = Math.max(
    0,
    shown.findIndex(({ key }) => key === chosen),
  );
  const current = shown[active];
  const seen = useRef(current?.key);
  seen.current = current?.key;
  useEffect(() => {
    let changes = 0;
    return onChange(() => {
      if (seen.current !== undefined && isSettled()) setChosen(seen.current);
      setChanges(++changes);
    });
  }, []);

  useKeypress((key, line) => {
    const action = actionOf(key);
    if (action !== undefined) {
      if (!current) return void line.write(typed);
      const closed = all.filter((row) => marked.has(row.key));
      const meant = action === 'close' && closed.length > 0 ? closed : [current];
      setPicked(meant.map(({ columns }) => columns[0] ?? '').join(', '));
      const keys = meant.map((row) => row.key);
      return done(action === 'close' ? { action, keys } : { action, key: current.key });
    }
    const isTab = isTabKey(key);
    if (isUpKey(key) || isDownKey(key) || isTab) {
      line.clearLine(0);
      line.write(typed);
      if (isTab && current) setMarked(toggled(marked, current.key));
      const next = shown[active + (isUpKey(key) ? -1 : 1)];
      if (next) setChosen(next.key);
      return;
    }
    if (line.line === typed) return;
    setTyped(line.line);
    setChosen(undefined);
  });

  const widths = widthsOf(all);
  const { columns, rows: height } = size();
  const page = usePagination({
    items: shown.length > 0 ? shown : [{ key: '', columns: [] }],
    active,
    // The question, what is pending, the help and the line of the cursor need room, too.
    pageSize: Math.max(1, Math.min(PAGE, height - 5)),
    loop: false,
    renderItem({ item, isActive }) {
      if (item.key === '') return '';
      const line = `${isActive ? '❯' : ' '}${marked.has(item.key) ? '*' : ' '}${lined(item, widths)}`;
      return cutTo(line, columns - 1);
    },
  });
  if (picked !== undefined) return `${prefix} ${message} ${picked}`;
  const list = shown.length > 0 ? page : `  ${all.length === 0 ? 'none yet' : 'no match; Backspace'}`;
  const beside = current && columns >= WIDE ? (picking.preview(current.key) ?? []) : undefined;
  const below = [beside ? sideBySide(list, beside, { columns, height }) : list, pending(), cutTo(HELP, columns - 1)];
  return [`${prefix} ${message} ${typed}`, below.filter((part) => part !== undefined).join('\n')];
});

function actionOf(key: KeypressEvent): Picked['action'] | undefined {
  if (isEnterKey(key)) return 'choose';
  if (!key.ctrl) return undefined;
  return key.name === 'n' ? 'make' : key.name === 'x' ? 'close' : undefined;
}

function toggled(marked: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const next = new Set(marked);
  if (!next.delete(key)) next.add(key);
  return next;
}

/** The rows that have the typed letters in this order, best match first; all rows in their own order where nothing is typed. */
function narrowed(rows: readonly PickRow[], typed: string): readonly PickRow[] {
  const text = typed.trim();
  if (text === '') return rows;
  const most = Math.max(0, ...rows.map(({ columns }) => columns.length));
  const keys = Array.from({ length: most }, (_, index) => (row: PickRow) => row.columns[index] ?? '');
  return fuzzysort.go(text, rows, { keys, threshold: 0, limit: 0 }).map(({ obj }) => obj);
}

function widthsOf(rows: readonly PickRow[]): readonly number[] {
  const widths: number[] = [];
  for (const { columns } of rows)
    for (const [index, cell] of columns.entries()) widths[index] = Math.max(widths[index] ?? 0, widthOf(cell));
  return widths;
}

/** Columns that are empty everywhere take no room. */
function lined({ columns }: PickRow, widths: readonly number[]): string {
  return columns
    .map((cell, index) => padTo(cell, widths[index] ?? 0))
    .filter((_, index) => (widths[index] ?? 0) > 0)
    .join('  ')
    .trimEnd();
}

interface Room {
  readonly columns: number;
  readonly height: number;
}

/** The list, and to its right the last lines of the preview. */
function sideBySide(list: string, preview: readonly string[], { columns, height }: Room): string {
  const left = list.split('\n');
  const most = Math.max(left.length, Math.min(TALLEST, height - 5));
  const right = preview.slice(-most);
  const width = Math.min(Math.floor(columns / 2), Math.max(...left.map(stripped).map(widthOf)));
  // Always as high, so that nothing jumps from one row to the next.
  return Array.from({ length: most }, (_, index) => {
    const start = padTo(cutTo(left[index] ?? '', width), width);
    return cutTo(`${start} │ ${right[index] ?? ''}`, columns - 1).trimEnd();
  }).join('\n');
}

/** Pagination colours nothing here, but a line may end in blanks. */
const stripped = (line: string): string => line.trimEnd();
