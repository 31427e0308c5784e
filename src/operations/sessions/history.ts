import { AppError } from '../../domain/errors.ts';
import type { HistoryEntry, RegistryEvent } from '../../registry/record.ts';
import { parseIdentifier } from '../../targets/identifier.ts';
import { isPattern, namePattern } from '../../targets/pattern.ts';

/** One thing that happened. Fields are only ever added: this is what `--format json` prints. */
export interface HistoryRow {
  /** ISO 8601, by the clock of the machine that saw it. */
  readonly time: string;
  readonly hostname: string | null;
  readonly session: string | null;
  readonly what: HistoryEntry['what'] | 'registered' | 'expired' | 'disconnected' | 'reconnected' | 'unregistered';
  /** The label of whoever did it, or the `user_id` of a record; null if it is not known. */
  readonly who: string | null;
  readonly program: string | null;
  readonly job: string | null;
  /** ISO 8601: when the command is known to have ended. */
  readonly endedAt: string | null;
  readonly exitCode: number | null;
  /** How it ended without an exit code: the signal, or `timed out`, `cancelled`, `lost`. */
  readonly end: string | null;
  /** What the session was called before. */
  readonly before: string | null;
  /** The id of the record, for what happened to one. */
  readonly record: string | null;
  /** The name that the VM's host keys are kept under: its Azure `vmId`, or its address. */
  readonly vm: string | null;
  /** Whose daemon saw it. */
  readonly seenBy: string | null;
  readonly sequence: number;
}

export interface HistoryRequest {
  /** As it was typed: a VM, a session, or both. It is compared as text: the VM may be gone by now. */
  readonly of: string | undefined;
  /** A label, or the part of it before the @. */
  readonly by: string | undefined;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Also what is less telling: activity, and when VMs were watched. */
  readonly all: boolean;
  /** How many of the latest. */
  readonly limit: number;
}

/** The events behind a sequence, oldest first, at most `limit`. */
export type ReadPast = (query: {
  readonly after: number;
  readonly since: number;
  readonly limit: number;
}) => Promise<readonly RegistryEvent[]>;

const PAGE = 5_000;
const LESS_TELLING: readonly HistoryRow['what'][] = ['active', 'watched', 'unwatched'];
const OF_RECORDS = {
  created: 'registered',
  expired: 'expired',
  disconnected: 'disconnected',
  reconnected: 'reconnected',
  deleted: 'unregistered',
} as const;

/** What happened, oldest first, and how many more there were before that. Rejects with an AppError. */
export async function findHistory(
  read: ReadPast,
  { of, by, since, all, limit }: HistoryRequest,
): Promise<{ readonly rows: readonly HistoryRow[]; readonly older: number }> {
  const isMeant = of === undefined ? () => true : meantBy(of);
  const isWanted = (row: HistoryRow) =>
    isMeant(row) && (by === undefined || isBy(row, by)) && (all || !LESS_TELLING.includes(row.what));
  const seen: HistoryRow[] = [];
  /** Where the commands are among them, by what their events have in common. Different VMs, and users of one, can have jobs of the same name. */
  const commands = new Map<string, number>();
  for (let after = 0, isMore = true; isMore; ) {
    const page = await read({ after, since, limit: PAGE });
    for (const event of page) {
      const row = rowOf(event);
      if (!row) continue;
      const run = runOf(event);
      const at = run === undefined ? undefined : commands.get(run);
      const begun = at === undefined ? undefined : seen[at];
      if (at !== undefined && begun && row.what === 'ended') seen[at] = withEnd(begun, row);
      else if (run !== undefined) commands.set(run, seen.push(row) - 1);
      else if (isWanted(row)) seen.push(row);
    }
    after = page.at(-1)?.sequence ?? after;
    isMore = page.length === PAGE;
  }
  // Only now it is known who ran a command, and how it ended.
  const found = seen.filter(isWanted);
  return { rows: found.slice(-limit), older: Math.max(0, found.length - limit) };
}

function runOf(event: RegistryEvent): string | undefined {
  if (event.kind !== 'history' || event.entry.run === undefined) return undefined;
  const { user, vm, run } = event.entry;
  return JSON.stringify([user, vm, run]);
}

/** Of several who saw the end, the first counts; only those who waited for it know whose command it was. */
function withEnd(begun: HistoryRow, end: HistoryRow): HistoryRow {
  const known = { ...begun, who: begun.who ?? end.who, program: begun.program ?? end.program };
  return begun.endedAt === null ? { ...known, endedAt: end.time, exitCode: end.exitCode, end: end.end } : known;
}

function rowOf(event: RegistryEvent): HistoryRow | undefined {
  if (event.kind === 'updated') return undefined;
  const { sequence, at } = event;
  const entry: Partial<HistoryEntry> = event.kind === 'history' ? event.entry : {};
  const { hostname = null, session = null, program = null, job = null, exitCode = null, end = null } = entry;
  const { before = null, vm = null, seenBy = null } = entry;
  const what = event.kind === 'history' ? event.entry.what : OF_RECORDS[event.kind];
  const who = event.kind === 'history' ? event.entry.who : event.record.metadata['user_id'];
  const time = new Date(at).toISOString();
  return {
    ...{ time, hostname, session, what, who: typeof who === 'string' ? who : null },
    ...{ program, job, endedAt: what === 'ended' ? time : null, exitCode, end, before },
    ...{ record: event.kind === 'history' ? null : event.id, vm, seenBy, sequence },
  };
}

function isBy({ who }: HistoryRow, by: string): boolean {
  const [own, wanted] = [who?.toLowerCase(), by.toLowerCase()];
  return own !== undefined && (own === wanted || own.startsWith(`${wanted}@`));
}

/** Whether a row is about what an identifier or a pattern means. Throws `invalid-identifier`. */
function meantBy(text: string): (row: HistoryRow) => boolean {
  if (isPattern(text)) return matching(text);
  const identifier = parseIdentifier(text);
  const { host } = identifier;
  const isSession = (name: string, { session, before }: HistoryRow) => session === name || before === name;
  const isHost = ({ hostname }: HistoryRow) => {
    if (!host || hostname === null) return false;
    const own = hostname.toLowerCase();
    if (host.kind === 'address') return own === host.address.toLowerCase();
    const [name, whole] = [host.name.toLowerCase(), `${host.resourceGroup}/${host.name}`.toLowerCase()];
    // The resource group is there only where the name alone was not enough.
    return own === whole || (host.resourceGroup === undefined ? own.replace(/^.*\//, '') === name : own === name);
  };
  if (identifier.kind === 'compound')
    return (row) => (isHost(row) && isSession(identifier.session, row)) || row.record === text;
  const { session } = identifier;
  return (row) => isHost(row) || (session !== undefined && isSession(session, row)) || row.record === text;
}

/** The same for a pattern: of VMs, of sessions, or of both with a colon between. */
function matching(text: string): (row: HistoryRow) => boolean {
  const [first = '', second, ...more] = text.split(':');
  if (more.length > 0) throw new AppError('invalid-identifier', `Invalid pattern "${text}": expected VM:SESSION`);
  const isHost = namePattern(first, { ignoreCase: true });
  const isSession = namePattern(second ?? first, { ignoreCase: false });
  return ({ hostname, session, record }) => {
    const host = hostname !== null && isHost(hostname);
    const own = session !== null && isSession(session);
    return (
      (second === undefined ? host || own : host && own) ||
      (record !== null && namePattern(text, { ignoreCase: false })(record))
    );
  };
}

/** The number of rows that was typed. Throws `usage`. */
export function checkRows(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new AppError('usage', `Invalid number "${text}" for --limit`, { hint: 'expected a number from 1 on' });
}
