import { formatAge } from '../../domain/duration.ts';
import type { SessionRow } from '../../domain/session.ts';
import { sessionRef } from '../../domain/session.ts';
import { printable } from '../../domain/text.ts';
import type { PickRow } from '../../terminal/picker.ts';

/** A session to choose, or a VM to make one on. */
export interface OfferedSession extends PickRow {
  readonly identifier: string;
  /** Whether its session must be created. */
  readonly create: boolean;
  /** What the user would type to name the VM. */
  readonly host: string;
  readonly vmId: string;
  readonly attached: number;
}

/**
 * The rows to choose from: sessions, the most recently active first, then VMs without any. VMs that could not be asked may have sessions too: warnings name
 * them, and they are not offered. `now`: milliseconds since 1970.
 */
export function sessionChoices(
  rows: readonly SessionRow[],
  defaultSession: string,
  now: number,
): readonly OfferedSession[] {
  // If VMs in several resource groups have the same name, the group tells them apart.
  const groups = new Map<string, Set<string>>();
  for (const { hostname, resourceGroup } of rows)
    groups.set(hostname, (groups.get(hostname) ?? new Set()).add(resourceGroup));
  const activityOf = ({ activityAt }: SessionRow) => (activityAt === null ? 0 : Date.parse(activityAt));
  return rows
    .filter(({ probe }) => probe === 'ok')
    .map((row) => ({ row, choice: choiceOf(row, (groups.get(row.hostname)?.size ?? 0) > 1, { defaultSession, now }) }))
    .sort((a, b) => activityOf(b.row) - activityOf(a.row) || (a.choice.identifier < b.choice.identifier ? -1 : 1))
    .map(({ choice }) => choice);
}

interface Facts {
  readonly defaultSession: string;
  readonly now: number;
}

function choiceOf(row: SessionRow, isTwice: boolean, { defaultSession, now }: Facts): OfferedSession {
  const { hostname, resourceGroup, session, id, sessionName, attached, region, vmId, activityAt } = row;
  const host = isTwice ? `${resourceGroup}/${hostname}` : hostname;
  const ref = session === null || id === null ? defaultSession : sessionRef({ id, name: session });
  const identifier = `${host}:${ref}`;
  const columns = [
    identifier,
    sessionName ?? '',
    session === null ? 'new' : attached ? `${attached} attached` : '',
    activityAt === null ? '' : `active ${formatAge(now - Date.parse(activityAt))} ago`,
    region,
  ].map(printable);
  const key = `${vmId} ${session ?? ''}`;
  return { key, identifier, host, vmId, columns, create: session === null, attached: attached ?? 0 };
}

/** The rows without the session of the choice. Its VM stays, to make a session on. */
export function withoutSession(rows: readonly SessionRow[], { key, vmId }: OfferedSession): readonly SessionRow[] {
  const isIt = (row: SessionRow) => `${row.vmId} ${row.session ?? ''}` === key;
  const left = rows.filter((row) => !isIt(row));
  const gone = rows.find(isIt);
  if (!gone || left.some((row) => row.vmId === vmId)) return left;
  return [...left, { ...gone, session: null, id: null, sessionName: null, attached: null, activityAt: null }];
}
