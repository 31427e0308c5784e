import type { SessionRow } from '../../domain/session.ts';

type Value = string | number | null;

/** What rows can be sorted by; times and counts have the latest and largest first. */
const KEYS = {
  hostname: (row) => row.hostname,
  session: (row) => row.session,
  name: (row) => row.sessionName,
  status: (row) => row.status,
  ip: (row) => row.ip,
  region: (row) => row.region,
  size: (row) => row.size,
  group: (row) => row.resourceGroup,
  windows: (row) => row.windows,
  attached: (row) => row.attached,
  activity: (row) => (row.activityAt === null ? null : Date.parse(row.activityAt)),
  created: (row) => (row.createdAt === null ? null : Date.parse(row.createdAt)),
} as const satisfies Record<string, (row: SessionRow) => Value>;

export type SortKey = keyof typeof KEYS;
export const SORT_KEYS = Object.keys(KEYS) as readonly SortKey[];

/** Sorts rows by a column. Rows with the same value keep their order; unknown values come last. */
export function sortedRows(rows: readonly SessionRow[], key: SortKey | undefined): readonly SessionRow[] {
  if (key === undefined) return rows;
  const valueIn: (row: SessionRow) => Value = KEYS[key];
  const compare = (a: Value, b: Value): number => {
    if (a === b) return 0;
    if (a === null || b === null) return a === null ? 1 : -1;
    if (typeof a === 'number' && typeof b === 'number') return b - a;
    return `${a}`.localeCompare(`${b}`, 'en', { numeric: true });
  };
  return [...rows].sort((a, b) => compare(valueIn(a), valueIn(b)));
}
