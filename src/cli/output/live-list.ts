import type { SessionRow } from '../../domain/session.ts';
import type { ListProgress } from '../../operations/sessions/list.ts';
import { type Drawing, roomOn } from '../../terminal/screen.ts';
import type { CallContext } from '../command.ts';
import { sessionsView } from '../views/sessions.ts';
import { type SortKey, sortedRows } from '../views/sort-sessions.ts';
import { styleFor } from './style.ts';

/** Milliseconds before the first drawing: a list that is quicker needs none. */
const PATIENCE = 300;
/** Milliseconds between two drawings, at least. */
const PACE = 100;
/** The next drawing waits this many times as long as the last one took, so that even a long table leaves most of the time for the VMs. */
const SHARE = 10;

export interface LiveListSettings {
  readonly drawing: Drawing;
  readonly wide: boolean;
  readonly sort: SortKey | undefined;
  /** The first line; undefined for none. */
  readonly title: (() => string) | undefined;
  /** Called before the first drawing, which takes over the screen. */
  readonly opening: () => void;
}

/** A table that grows while VMs answer. */
export interface LiveList {
  /** Replaces the rows of one VM. */
  add(rows: readonly SessionRow[], progress: ListProgress): void;
  /** Replaces all rows with those of a finished list. */
  replace(rows: readonly SessionRow[], notes: readonly string[]): void;
  redraw(): void;
  end(): void;
}

export function liveList({ app: { clock }, io, styles }: CallContext, settings: LiveListSettings): LiveList {
  const { drawing, wide, sort, title, opening } = settings;
  const startedAt = clock.now();
  let byVm = new Map<string, readonly SessionRow[]>();
  let progress: ListProgress = { asked: 0, answered: 0 };
  let notes: readonly string[] = [];
  let cancel: (() => void) | undefined;
  let pace = PACE;
  let isOpen = false;
  let isOver = false;
  const columns = () => io.stdout.columns ?? 80;
  const draw = async () => {
    cancel = undefined;
    const begunAt = clock.now();
    const rows = sortedRows([...byVm.values()].flat().sort(compareRows), sort);
    // Columns are as wide as all rows need, also those that do not fit on the screen. Only a line without colours can be cut.
    const { cutTo } = await import('../../terminal/cells.ts');
    const cut = (line: string) => styles.stdout.dim(cutTo(line, columns()));
    const style = wide ? styleFor(false) : styles.stdout;
    const text = await sessionsView.text({ rows, wide }, { style, width: columns(), now: clock.now() });
    if (isOver) return;
    if (!isOpen) opening();
    isOpen = true;
    const lines = text.split('\n').slice(0, -1);
    const room = roomOn(io.stdout) - (title ? 1 : 0) - 1;
    const hidden = Math.max(0, lines.length - room);
    const shown = hidden > 0 ? lines.slice(0, room) : lines;
    drawing.draw([
      ...(title ? [cut(title())] : []),
      ...(wide ? shown.map((line) => cutTo(line, columns())) : shown),
      cut(footer(hidden)),
    ]);
    pace = Math.max(PACE, (clock.now() - begunAt) * SHARE);
  };
  const footer = (hidden: number) => {
    const { asked, answered } = progress;
    const waiting = answered < asked ? [`${answered} of ${asked} VMs answered`] : [];
    const more = hidden > 0 ? [`${hidden} more ${hidden === 1 ? 'row' : 'rows'} below`] : [];
    return [...waiting, ...more, ...notes].join('; ');
  };
  const redraw = () => {
    const wait = isOpen || title ? pace : Math.max(pace, startedAt + PATIENCE - clock.now());
    cancel ??= clock.schedule(wait, () => void draw());
  };
  io.stdout.on('resize', redraw);
  return {
    add(rows, now) {
      progress = now;
      const [first] = rows;
      if (first) byVm.set(first.vmId, rows);
      redraw();
    },
    replace(rows, said) {
      notes = said;
      byVm = new Map();
      for (const row of rows) byVm.set(row.vmId, [...(byVm.get(row.vmId) ?? []), row]);
      redraw();
    },
    redraw,
    end() {
      isOver = true;
      cancel?.();
      io.stdout.off('resize', redraw);
      drawing.clear();
    },
  };
}

/** The order of a finished list: by VM, then by session. */
function compareRows(a: SessionRow, b: SessionRow): number {
  const keyOf = ({ hostname, resourceGroup, vmId }: SessionRow) => [hostname.toLowerCase(), resourceGroup, vmId];
  const [x, y] = [
    [...keyOf(a), a.session ?? ''],
    [...keyOf(b), b.session ?? ''],
  ];
  const at = x.findIndex((text, index) => text !== y[index]);
  return at < 0 ? 0 : (x[at] ?? '') < (y[at] ?? '') ? -1 : 1;
}
