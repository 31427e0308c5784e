import { SESSION_FIELDS, type SessionRow } from '../../domain/session.ts';
import type { View } from '../command.ts';
import type { Column } from './table.ts';

export interface SessionsData {
  readonly rows: readonly SessionRow[];
  readonly wide: boolean;
}

/** `azlin list`. */
export const sessionsView: View<SessionsData> = {
  async text({ rows, wide }, { style, width }) {
    const { table } = await import('./table.ts');
    const named = rows.some(({ sessionName }) => sessionName !== null);
    const columns: Column[] = [
      { title: 'HOSTNAME', flexible: true },
      { title: 'SESSION', flexible: true },
      { title: 'STATUS' },
      { title: 'IP' },
      ...(named ? [{ title: 'SESSION NAME', flexible: true }] : []),
      ...(wide ? WIDE_COLUMNS : []),
    ];
    const lines = rows.map((row) => ({
      cells: [
        row.hostname,
        sessionCell(row),
        row.status,
        row.ip ?? '-',
        ...(named ? [row.sessionName ?? '-'] : []),
        ...(wide ? wideCells(row) : []),
      ],
      paint: (row.attached ?? 0) > 0 ? style.bold : style.dim,
    }));
    return table(columns, lines, wide ? undefined : width);
  },
  records: ({ rows }) => rows,
  fields: SESSION_FIELDS,
};

const WIDE_COLUMNS: readonly Column[] = [
  'REGION',
  'SIZE',
  'RESOURCE GROUP',
  'WINDOWS',
  'ATTACHED',
  'ACTIVITY',
  'CLIENTS',
  'ID',
].map((title) => ({ title }));

function wideCells(row: SessionRow): readonly string[] {
  const { region, size, resourceGroup, windows, attached, activityAt, clients } = row;
  return [
    region || '-',
    size || '-',
    resourceGroup || '-',
    `${windows ?? '-'}`,
    `${attached ?? '-'}`,
    activityAt ?? '-',
    clients.join(', ') || '-',
    row.id ?? '-',
  ];
}

/** `?` if it is unknown, `-` if there is none. */
function sessionCell({ session, probe }: SessionRow): string {
  if (session !== null) return session;
  return probe === 'ok' || probe === 'skipped' ? '-' : '?';
}
