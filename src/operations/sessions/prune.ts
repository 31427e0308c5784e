import type { Caller } from '../../domain/caller.ts';
import { atMost } from '../../domain/concurrency.ts';
import { isoTime } from '../../domain/duration.ts';
import { messageOf } from '../../domain/errors.ts';
import type { Vm } from '../../domain/vm.ts';
import { closeSession, type IdleSession, idleSessions } from '../../tmux/idle.ts';
import { runOverSsh } from '../../transport/run-script.ts';
import { askFleet } from '../access/ask-fleet.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { noteDone } from '../access/history-notes.ts';
import { vmFilter } from '../vms/choose-vms.ts';

/** A session that nobody seems to need. Fields are only ever added: this is what `--format json` prints. */
export interface PrunedSession {
  readonly hostname: string;
  readonly session: string;
  readonly sessionName: string | null;
  readonly idleSeconds: number;
  /** ISO 8601. */
  readonly expiresAt: string | null;
  /** `expired`: its time is over; `idle`: nothing has happened there for a long time. */
  readonly why: 'idle' | 'expired';
  readonly outcome: 'closed' | 'would-close' | 'kept' | 'failed';
  /** What was using it, whether it was kept or closed by `--force`; or why closing it failed. */
  readonly reason: string | null;
}

export interface PruneRequest {
  /** Milliseconds without activity; undefined closes only expired sessions. */
  readonly idle: number | undefined;
  /** Close sessions that are in use as well. */
  readonly force: boolean;
  /** Only sessions that the label of the user made. */
  readonly mine: boolean;
  readonly tags: readonly string[];
  readonly hosts: readonly string[];
  /** Milliseconds for each VM, and for all of them. */
  readonly deadline: number;
  readonly wholeDeadline: number;
}

/** What pruning would do. */
export interface Pruning {
  readonly sessions: readonly PrunedSession[];
  /** Closes the sessions that are `would-close`, and returns what became of all of them. */
  close(caller: Caller): Promise<readonly PrunedSession[]>;
}

interface Found {
  readonly vm: Vm;
  readonly session: IdleSession;
  readonly row: PrunedSession;
}

const CONCURRENCY = 32;

/** Finds the sessions that nobody seems to need. Warns about VMs that could not be asked. */
export async function findPrunable(access: FleetAccess, request: PruneRequest, caller: Caller): Promise<Pruning> {
  const { deadline, wholeDeadline } = request;
  const answers = await askFleet(
    access,
    {
      ...{ about: 'sessions', deadline, wholeDeadline, of: vmFilter(request) },
      ask: ({ run, limited }, { hostname }) => idleSessions(run, hostname, limited),
    },
    caller,
  );
  const found = answers.flatMap(({ vm, hostname, value }) =>
    value.flatMap((session): Found[] => {
      if (request.mine && session.owner !== access.settings.label) return [];
      const why = whyClose(session, request.idle);
      return why ? [{ vm, session, row: rowOf({ hostname, session, why }, request.force) }] : [];
    }),
  );
  return {
    sessions: found.map(({ row }) => row),
    close: (closing) =>
      atMost(CONCURRENCY, found, (one) => closeOne(access, { ...one, force: request.force }, closing)),
  };
}

function whyClose({ idle, overdue }: IdleSession, limit: number | undefined): PrunedSession['why'] | undefined {
  // If a session has an expiry time, only that counts, however idle it is.
  if (overdue !== null) return overdue >= 0 ? 'expired' : undefined;
  return limit !== undefined && idle * 1_000 >= limit ? 'idle' : undefined;
}

interface Closable {
  readonly hostname: string;
  readonly session: IdleSession;
  readonly why: PrunedSession['why'];
}

function rowOf({ hostname, session, why }: Closable, force: boolean): PrunedSession {
  const { attached, clients, runs, idle, expiresAt } = session;
  const inUse = attached > 0 ? `attached: ${clients.join(', ')}` : runs === null ? null : `runs ${runs}`;
  const isKept = inUse !== null && !force;
  return {
    hostname,
    session: session.name,
    sessionName: session.friendlyName,
    idleSeconds: idle,
    expiresAt: expiresAt === null ? null : isoTime(expiresAt),
    why,
    outcome: isKept ? 'kept' : 'would-close',
    reason: inUse,
  };
}

async function closeOne(
  access: FleetAccess,
  { vm, session, row, force }: Found & { readonly force: boolean },
  caller: Caller,
): Promise<PrunedSession> {
  if (row.outcome !== 'would-close') return row;
  const { clock, settings } = access;
  const { commandDeadline: deadline, label: by } = settings;
  const endpoint = access.endpoints.of(vm);
  try {
    const connection = await access.transport.connect(endpoint, caller);
    const run = runOverSsh({ connection, endpoint, clock, deadline });
    const isClosed = await closeSession({ run, host: row.hostname }, { session, force, by }, caller.signal);
    if (!isClosed) return { ...row, outcome: 'kept', reason: 'it was used just now' };
    await access.survey.forget(endpoint, caller);
    await noteDone(access, { hostname: row.hostname, endpoint, session: session.name }, { what: 'closed' });
    return { ...row, outcome: 'closed' };
  } catch (error) {
    caller.signal.throwIfAborted();
    return { ...row, outcome: 'failed', reason: messageOf(error) };
  }
}
