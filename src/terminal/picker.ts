import {
  createPrompt,
  isDownKey,
  isEnterKey,
  isUpKey,
  useEffect,
  useKeypress,
  usePagination,
  usePrefix,
  useState,
} from '@inquirer/core';
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
  /** What is still to come; undefined when all is there. */
  readonly pending: () => string | undefined;
  /** Calls `changed` when any of these has changed, until the returned function is called. */
  readonly onChange: (changed: () => void) => () => void;
  /** The size of the terminal. */
  readonly size: () => { readonly columns: number; readonly rows: number };
  /** What Ctrl-N makes. */
  readonly makes: string;
}

export interface Picked {
  readonly key: string;
  readonly action: 'choose' | 'make';
}

const PAGE = 12;

/** A prompt to narrow the rows by typing, move between them, and choose one. */
export const pickerPrompt = createPrompt<Picked, Picking>(({ message, rows, pending, onChange, size, makes }, done) => {
  const [isDone, setDone] = useState(false);
  const [typed, setTyped] = useState('');
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  const [, setChanges] = useState(0);
  const prefix = usePrefix({ status: isDone ? 'done' : 'idle' });
  useEffect(() => {
    let changes = 0;
    return onChange(() => setChanges(++changes));
  }, []);
  const all = rows();
  const shown = narrowed(all, typed);
  // The same row stays chosen, wherever others are added.
  const active = Math.max(
    0,
    shown.findIndex(({ key }) => key === chosen),
  );
  const current = shown[active];

  useKeypress((key, line) => {
    const isMake = key.ctrl && key.name === 'n';
    if (isEnterKey(key) || isMake) {
      if (!current) return void line.write(typed);
      setDone(true);
      setChosen(current.key);
      return done({ key: current.key, action: isMake ? 'make' : 'choose' });
    }
    if (isUpKey(key) || isDownKey(key)) {
      line.clearLine(0);
      line.write(typed);
      const next = shown[active + (isUpKey(key) ? -1 : 1)];
      if (next) setChosen(next.key);
      return;
    }
    if (line.line === typed) return;
    setTyped(line.line);
    setChosen(undefined);
  });

  const widths = widthsOf(all);
  const page = usePagination({
    items: shown.length > 0 ? shown : [{ key: '', columns: [] }],
    active,
    // The question, what is pending, the help and the line of the cursor need room, too.
    pageSize: Math.max(1, Math.min(PAGE, size().rows - 5)),
    loop: false,
    renderItem: ({ item, isActive }) =>
      item.key === '' ? '' : cutTo(`${isActive ? '❯' : ' '} ${lined(item, widths)}`, size().columns - 1),
  });
  if (isDone) return `${prefix} ${message} ${current?.columns[0] ?? ''}`;
  const nothing = shown.length > 0 ? page : `  ${all.length === 0 ? 'none yet' : 'no match; Backspace'}`;
  const help = `↑↓ move   Enter attach   Ctrl-N ${makes}   Ctrl-C quit`;
  const below = [nothing, pending(), cutTo(help, size().columns - 1)];
  return [`${prefix} ${message} ${typed}`, below.filter((part) => part !== undefined).join('\n')];
});

/** The rows that contain every typed word; those that start with the typed text come first. */
function narrowed(rows: readonly PickRow[], typed: string): readonly PickRow[] {
  const text = typed.trim().toLowerCase();
  const words = text.split(/\s+/);
  const starts = ({ columns }: PickRow) => columns[0]?.toLowerCase().startsWith(text) ?? false;
  return rows
    .filter(({ columns }) => words.every((word) => columns.join(' ').toLowerCase().includes(word)))
    .sort((a, b) => Number(starts(b)) - Number(starts(a)));
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
