import { formatAge, formatTime } from '../../domain/duration.ts';
import { SESSION_FIELDS, type SessionRow } from '../../domain/session.ts';
import type { View } from '../command.ts';
import type { Column } from './table.ts';

export interface SessionsData {
  readonly rows: readonly SessionRow[];
  readonly wide: boolean;
}

/** `azlin list`. */
export const sessionsView: View<SessionsData> = {
  async text({ rows, wide }, { style, width, now }) {
    const { table } = await import('./table.ts');
    const named = rows.some(({ sessionName }) => sessionName !== null);
    const isBrief = width !== undefined && !wide && rows.some(({ probe }) => probe !== 'skipped');
    const columns: Column[] = [
      { title: 'HOSTNAME', flexible: true },
      { title: 'SESSION', flexible: true },
      { title: 'STATUS', dropped: 2 },
      { title: 'IP', dropped: 1 },
      ...(named ? [{ title: 'SESSION NAME', flexible: true }] : []),
      ...(isBrief ? BRIEF_COLUMNS : []),
      ...(wide ? WIDE_COLUMNS : []),
    ];
    const time = (iso: string | null) => (iso === null ? '-' : width === undefined ? iso : formatTime(iso, now));
    const lines = rows.map((row) => ({
      cells: [
        row.hostname,
        sessionCell(row),
        row.status,
        row.ip ?? '-',
        ...(named ? [row.sessionName ?? '-'] : []),
        ...(isBrief ? briefCells(row) : []),
        ...(wide ? wideCells(row, time) : []),
      ],
      paint: (row.attached ?? 0) > 0 ? style.bold : style.dim,
    }));
    return table(columns, lines, wide ? undefined : width);
  },
  records: ({ rows }) => rows,
  fields: SESSION_FIELDS,
};

/** On a terminal: who is attached, and for how long nobody has typed. */
const BRIEF_COLUMNS: readonly Column[] = [
  { title: 'ATTACHED', flexible: true },
  { title: 'IDLE', dropped: 3 },
];

function briefCells({ attached, clients, idleSeconds }: SessionRow): readonly string[] {
  const who = clients.length > 0 ? clients.join(', ') : (attached ?? 0) > 0 ? `${attached}` : '-';
  return [who, idleSeconds === null ? '-' : formatAge(idleSeconds * 1_000)];
}

const WIDE_COLUMNS: readonly Column[] = [
  'REGION',
  'SIZE',
  'RESOURCE GROUP',
  'WINDOWS',
  'ATTACHED',
  'ACTIVITY',
  'CLIENTS',
  'OWNER',
  'CREATED',
  'NEEDED UNTIL',
  'ID',
].map((title) => ({ title }));

/** `time` prints an ISO time. */
function wideCells(row: SessionRow, time: (iso: string | null) => string): readonly string[] {
  const { region, size, resourceGroup, windows, attached, activityAt, clients } = row;
  return [
    region || '-',
    size || '-',
    resourceGroup || '-',
    `${windows ?? '-'}`,
    `${attached ?? '-'}`,
    time(activityAt),
    clients.join(', ') || '-',
    row.owner ?? '-',
    time(row.createdAt),
    time(row.neededUntil),
    row.id ?? '-',
  ];
}

/** `?` if it is unknown, `-` if there is none. */
function sessionCell({ session, probe }: SessionRow): string {
  if (session !== null) return session;
  return probe === 'ok' || probe === 'skipped' ? '-' : '?';
}
