import { withSignal } from '../../domain/caller.ts';
import { formatAge } from '../../domain/duration.ts';
import { AppError } from '../../domain/errors.ts';
import type { SessionRow } from '../../domain/session.ts';
import { sessionNameProblem, sessionRef } from '../../domain/session.ts';
import { count, printable } from '../../domain/text.ts';
import { listSessions } from '../../operations/sessions/list.ts';
import type { PickRow } from '../../terminal/picker.ts';
import type { CallContext } from '../command.ts';

/** What the user picked: an identifier, and whether its session must be created. */
export interface PickedSession {
  readonly identifier: string;
  readonly create: boolean;
}

interface Choice extends PickedSession, PickRow {
  /** What the user would type to name the VM. */
  readonly host: string;
}

/** Lets the user choose a session of the fleet, while VMs are still being asked, or name a new one. */
export async function pickSession(call: CallContext): Promise<PickedSession> {
  const { app, config, interrupts, caller } = call;
  const terminal = app.terminal();
  if (!terminal)
    throw new AppError('usage', 'Missing identifier: choosing a session from a list needs a terminal', {
      hint: 'azlin list shows the sessions; azlin exec IDENTIFIER COMMAND needs no terminal',
    });
  const access = await call.access();
  const asking = new AbortController();
  const signal = AbortSignal.any([interrupts.signal, asking.signal]);
  const rows: SessionRow[] = [];
  const listeners = new Set<() => void>();
  const tell = () => {
    for (const listener of listeners) listener();
  };
  let isAsking = true;
  const request = {
    ...{ all: false, sessions: true, mine: false, refresh: false, tags: [], hosts: [] },
    deadline: config.listDeadline,
    wholeDeadline: config.listWholeDeadline,
    onRows(answered: readonly SessionRow[]) {
      rows.push(...answered);
      tell();
    },
  };
  const choices = () => choicesOf(rows, config.defaultSession, access.now());
  const picking = new AbortController();
  const listed = listSessions(access, request, withSignal(caller, signal)).finally(() => {
    isAsking = false;
    tell();
  });
  // An error ends the picker, and so does a list that ends without a choice.
  const failed = listed.then(
    ({ failure }) => (choices().length > 0 ? new Promise<never>(() => {}) : Promise.reject(failure ?? nothing(rows))),
    (error) => Promise.reject(error),
  );
  // Wait for the first choice before drawing: signing in may have to ask for a passphrase.
  const isSomethingThere = new Promise<void>((resolve) => {
    listeners.add(() => choices().length > 0 && resolve());
  });
  let releaseOutput = () => {};
  try {
    await Promise.race([isSomethingThere, failed]);
    releaseOutput = call.holdOutput();
    const question = {
      size: () => ({ columns: terminal.output.columns, rows: terminal.output.rows }),
      message: 'Session',
      rows: choices,
      pending: () =>
        isAsking ? `asking: ${count(new Set(rows.map(({ vmId }) => vmId)).size, 'VM')} answered so far` : undefined,
      onChange(changed: () => void) {
        listeners.add(changed);
        return () => void listeners.delete(changed);
      },
      makes: 'new session',
    };
    const picked = await Promise.race([app.pick(question, AbortSignal.any([signal, picking.signal])), failed]);
    const choice = choices().find(({ key }) => key === picked.key);
    if (!choice) throw new AppError('bug', 'the chosen session no longer exists');
    if (picked.action === 'choose') return choice;
    const taken = rows.filter(({ vmId }) => vmId === choice.vmId).flatMap(({ session }) => session ?? []);
    const problem = (name: string) =>
      taken.includes(name) ? 'a session of that name already exists' : sessionNameProblem(name);
    const name = await app.askText(
      { message: `New session on ${printable(choice.host)}:`, problem },
      interrupts.signal,
    );
    return { identifier: `${choice.host}:${name}`, create: true };
  } finally {
    picking.abort();
    asking.abort(new AppError('interrupted', 'picked'));
    releaseOutput();
  }
}

function nothing(rows: readonly SessionRow[]): AppError {
  if (rows.length > 0)
    return new AppError(
      'unreachable',
      `${count(new Set(rows.map(({ vmId }) => vmId)).size, 'VM')} in scope, but none could be asked for its sessions`,
      {
        hint: 'the warnings say why; azlin doctor VM checks one',
      },
    );
  return new AppError('vm-not-found', 'No running VM is in scope', { hint: 'azlin list --all shows the stopped ones' });
}

/** The rows to choose from. VMs that could not be asked may have sessions too: warnings name them, and they are not offered. */
function choicesOf(
  rows: readonly SessionRow[],
  defaultSession: string,
  now: number,
): readonly (Choice & { readonly vmId: string })[] {
  // If VMs in several resource groups have the same name, the group tells them apart.
  const groups = new Map<string, Set<string>>();
  for (const { hostname, resourceGroup } of rows)
    groups.set(hostname, (groups.get(hostname) ?? new Set()).add(resourceGroup));
  return rows
    .filter(({ probe }) => probe === 'ok')
    .map((row) => {
      const { hostname, resourceGroup, session, id, sessionName, attached, region, vmId } = row;
      const host = (groups.get(hostname)?.size ?? 0) > 1 ? `${resourceGroup}/${hostname}` : hostname;
      const ref = session === null || id === null ? defaultSession : sessionRef({ id, name: session });
      const identifier = `${host}:${ref}`;
      const columns = [
        identifier,
        sessionName ?? '',
        session === null ? 'new' : attached ? `${attached} attached` : '',
        row.activityAt === null ? '' : `active ${formatAge(now - Date.parse(row.activityAt))} ago`,
        region,
      ].map(printable);
      return { key: `${vmId} ${session ?? ''}`, identifier, host, vmId, columns, create: session === null };
    })
    .sort((a, b) => (a.identifier < b.identifier ? -1 : 1));
}
