import { withSignal } from '../../domain/caller.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import type { SessionRow } from '../../domain/session.ts';
import { sessionNameProblem } from '../../domain/session.ts';
import { count, printable } from '../../domain/text.ts';
import type { FleetAccess } from '../../operations/access/fleet-access.ts';
import { disconnectSession } from '../../operations/sessions/disconnect.ts';
import { listSessions } from '../../operations/sessions/list.ts';
import type { Picking } from '../../terminal/picker.ts';
import type { TerminalStreams } from '../../terminal/terminal.ts';
import type { CallContext } from '../command.ts';
import { previews } from './previews.ts';
import { type OfferedSession, sessionChoices, withoutSession } from './session-choices.ts';

/** What the user picked: an identifier, and whether its session must be created. */
export type PickedSession = Pick<OfferedSession, 'identifier' | 'create'>;

/** Lets the user choose a session of the fleet, while VMs are still being asked, or name a new one. */
export async function pickSession(call: CallContext): Promise<PickedSession> {
  const { app, interrupts } = call;
  const terminal = app.terminal();
  if (!terminal)
    throw new AppError('usage', 'Missing identifier: choosing a session from a list needs a terminal', {
      hint: 'azlin list shows the sessions; azlin exec IDENTIFIER COMMAND needs no terminal',
    });
  const access = await call.access();
  const asking = new AbortController();
  const signal = AbortSignal.any([interrupts.signal, asking.signal]);
  const offer = offerOf(call, access, signal);
  let releaseOutput = () => {};
  const screens = previews({
    clock: app.clock,
    caller: withSignal(call.caller, signal),
    tell: offer.tell,
    async ask(key, caller) {
      const choice = offer.choices().find((one) => one.key === key);
      if (!choice || choice.create) return 'no session yet: Enter makes one';
      const { showScreen } = await import('../../operations/jobs/logs.ts');
      return showScreen(access, { target: choice.identifier, history: 0 }, caller);
    },
  });
  try {
    // Wait for the first choice before drawing: signing in may have to ask for a passphrase.
    await Promise.race([offer.isSomethingThere, offer.failed]);
    releaseOutput = call.holdOutput();
    const question = questionOf(call, { terminal, offer, preview: screens.of });
    for (;;) {
      const picking = new AbortController();
      const ends = AbortSignal.any([signal, picking.signal]);
      const picked = await Promise.race([app.pick(question, ends), offer.failed]).finally(() => picking.abort());
      if (picked.action === 'close') {
        await closeSessions(call, access, { offer, keys: picked.keys });
        continue;
      }
      const choice = offer.choices().find(({ key }) => key === picked.key);
      if (!choice) throw new AppError('bug', 'the chosen session no longer exists');
      return picked.action === 'choose' ? choice : await newSession(call, choice, offer.rows());
    }
  } finally {
    screens.stop();
    asking.abort(new AppError('interrupted', 'picked'));
    releaseOutput();
  }
}

/** The sessions of the fleet, as VMs answer. */
interface Offer {
  readonly rows: () => readonly SessionRow[];
  readonly choices: () => readonly OfferedSession[];
  readonly isAsking: () => boolean;
  /** Settles when there is something to choose. */
  readonly isSomethingThere: Promise<void>;
  /** Rejects where nothing can be chosen. */
  readonly failed: Promise<never>;
  readonly onChange: (changed: () => void) => () => void;
  readonly tell: () => void;
  /** What is said below the list. */
  said: string | undefined;
  /** The rows that are marked when the list is shown again. */
  marked: readonly string[];
  readonly remove: (choice: OfferedSession) => void;
}

function offerOf({ config, caller }: CallContext, access: FleetAccess, signal: AbortSignal): Offer {
  let rows: readonly SessionRow[] = [];
  let isAsking = true;
  const listeners = new Set<() => void>();
  const tell = () => {
    for (const listener of listeners) listener();
  };
  const choices = () => sessionChoices(rows, config.defaultSession, access.now());
  const request = {
    ...{ all: false, sessions: true, mine: false, refresh: false, tags: [], hosts: [] },
    deadline: config.listDeadline,
    wholeDeadline: config.listWholeDeadline,
    onRows(answered: readonly SessionRow[]) {
      rows = [...rows, ...answered];
      tell();
    },
  };
  const listed = listSessions(access, request, withSignal(caller, signal)).finally(() => {
    isAsking = false;
    tell();
  });
  // An error ends the picker, and so does a list that ends without a choice.
  const failed = listed.then(
    ({ failure }) => (choices().length > 0 ? new Promise<never>(() => {}) : Promise.reject(failure ?? nothing(rows))),
    (error) => Promise.reject(error),
  );
  const isSomethingThere = new Promise<void>((resolve) => {
    listeners.add(() => choices().length > 0 && resolve());
  });
  return {
    ...{ choices, failed, isSomethingThere, tell, said: undefined, marked: [] },
    rows: () => rows,
    isAsking: () => isAsking,
    onChange(changed) {
      listeners.add(changed);
      return () => void listeners.delete(changed);
    },
    remove(choice) {
      rows = withoutSession(rows, choice);
    },
  };
}

/** Milliseconds after which somebody may have seen which row comes first. */
const SETTLING = 300;

interface Question {
  readonly terminal: TerminalStreams;
  readonly offer: Offer;
  readonly preview: Picking['preview'];
}

function questionOf({ app: { clock } }: CallContext, { terminal, offer, preview }: Question): Picking {
  const shownAt = clock.now();
  return {
    message: 'Session',
    size: () => ({ columns: terminal.output.columns, rows: terminal.output.rows }),
    rows: offer.choices,
    pending() {
      const answered = count(new Set(offer.rows().map(({ vmId }) => vmId)).size, 'VM');
      return offer.said ?? (offer.isAsking() ? `asking: ${answered} answered so far` : undefined);
    },
    onChange: offer.onChange,
    marked: () => offer.marked,
    isSettled: () => clock.now() - shownAt > SETTLING,
    preview,
  };
}

async function newSession(
  { app, interrupts }: CallContext,
  { vmId, host }: OfferedSession,
  rows: readonly SessionRow[],
): Promise<PickedSession> {
  const taken = rows.filter((row) => row.vmId === vmId).flatMap(({ session }) => session ?? []);
  const problem = (name: string) =>
    taken.includes(name) ? 'a session of that name already exists' : sessionNameProblem(name);
  const name = await app.askText({ message: `New session on ${printable(host)}:`, problem }, interrupts.signal);
  return { identifier: `${host}:${name}`, create: true };
}

/** Ends sessions, after asking; the list says below what became of them. */
async function closeSessions(
  { app, interrupts, caller }: CallContext,
  access: FleetAccess,
  { offer, keys }: { readonly offer: Offer; readonly keys: readonly string[] },
): Promise<void> {
  const chosen = offer.choices().filter(({ key, create }) => keys.includes(key) && !create);
  offer.said = 'there is no session to close';
  if (chosen.length === 0) return;
  const names = chosen.map(
    ({ identifier, attached }) => `${printable(identifier)}${attached > 0 ? ` (${attached} attached)` : ''}`,
  );
  offer.said = 'nothing was closed';
  offer.marked = keys.length > 1 ? keys : [];
  if (!(await app.confirm(`Close ${names.join(', ')}? What runs there ends too`, interrupts.signal))) return;
  offer.marked = [];
  const failures: string[] = [];
  for (const choice of chosen) {
    try {
      await disconnectSession(access, { target: choice.identifier, kill: true, client: undefined }, caller);
      offer.remove(choice);
    } catch (error) {
      interrupts.signal.throwIfAborted();
      failures.push(`${printable(choice.identifier)} was not closed: ${messageOf(error)}`);
    }
  }
  const closed = chosen.length - failures.length;
  offer.said = failures.length > 0 ? failures.join('; ') : `${count(closed, 'session')} closed`;
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
