import type { HistoryRow } from '../../operations/sessions/history.ts';
import type { View } from '../command.ts';
import type { Column } from './table.ts';

const COLUMNS: readonly Column[] = [
  { title: 'TIME' },
  { title: 'WHERE', flexible: true },
  { title: 'WHAT' },
  { title: 'WHO', flexible: true },
  { title: 'DETAIL', flexible: true },
];

const WORDS: Partial<Record<HistoryRow['what'], string>> = {
  'pane-ended': 'pane ended',
  missed: 'something else',
  sent: 'sent keys',
  watched: 'watch started',
  unwatched: 'watch ended',
};

/** `azlin history`. */
export const historyView: View<readonly HistoryRow[]> = {
  async text(rows, { style, width, now }) {
    if (rows.length === 0) return '';
    const { table } = await import('./table.ts');
    const cells = rows.map((row) => ({
      cells: [
        width === undefined ? row.time : shortTime(row.time, now),
        whereOf(row),
        WORDS[row.what] ?? row.what,
        row.who ?? '-',
        detailOf(row),
      ],
      ...(row.what === 'watched' || row.what === 'unwatched' ? { paint: style.dim } : {}),
    }));
    return table(COLUMNS, cells, width);
  },
  records: (rows) => rows,
  fields: [
    'time',
    'hostname',
    'session',
    'what',
    'who',
    'program',
    'job',
    'endedAt',
    'exitCode',
    'end',
    'before',
    'record',
    'vm',
    'seenBy',
    'sequence',
  ],
};

/** In the time zone of the terminal: the time of today, or day and time. */
function shortTime(iso: string, now: number): string {
  const [time, today] = [new Date(iso), new Date(now)];
  const clock = time.toTimeString().slice(0, 8);
  if (time.toDateString() === today.toDateString()) return clock;
  const two = (number: number) => `${number}`.padStart(2, '0');
  return `${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock}`;
}

function whereOf({ hostname, session, record }: HistoryRow): string {
  if (hostname === null) return record ?? '';
  return session === null ? hostname : `${hostname}:${session}`;
}

function detailOf({ what, program, job, endedAt, exitCode, end, before }: HistoryRow): string {
  const isCommand = what === 'ran' || what === 'ended';
  const how = isCommand && endedAt === null ? 'end unknown' : exitCode === null ? end : `exit ${exitCode}`;
  const parts = [
    isCommand ? (program ?? 'a command') : null,
    job === null ? null : `job ${job}`,
    how,
    before === null ? null : before === '' ? 'had no friendly name' : `was "${before}"`,
  ];
  return parts.filter((part) => part !== null).join(', ');
}
