import type { Caller } from '../../domain/caller.ts';
import { formatAge } from '../../domain/duration.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import { listNames } from '../../domain/fold-names.ts';
import { sessionsNamed } from '../../domain/session.ts';
import { count } from '../../domain/text.ts';
import { mayAnswer, type Vm } from '../../domain/vm.ts';
import type { Fleet } from '../../inventory/inventory.ts';
import {
  type Chosen,
  joinSelected,
  matchingVms,
  type Selected,
  type SelectRequest,
  selectSessions,
} from '../../targets/select.ts';
import { parseSelection, type SelectionPart, sessionChoice, singleIdentifier } from '../../targets/selection.ts';
import { aloneTarget, identifierOf, targetOf } from '../../targets/target.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { chosenVms, describeChoice, noSuchVms, paddingHint, type VmChoice } from '../vms/choose-vms.ts';

export interface ChooseRequest {
  /** Identifiers and patterns, separated by commas; or a choice of the VMs in scope. */
  readonly from: string | VmChoice;
  /** Ask again, without caches. */
  readonly fresh: boolean;
  /** Find out first which VMs have such a session. */
  readonly ask: boolean;
  /** The VMs without a session. */
  readonly alone?: boolean;
  /** Milliseconds for each VM that is asked, and for all of them. */
  readonly deadline: number;
  readonly wholeDeadline: number;
}

export interface Choice extends Selected {
  /** Whether what the user typed rules out more than one target on a VM. */
  readonly isOneEach: boolean;
  /** What was matched and what was left out, for people. */
  readonly notes: readonly string[];
}

/** The sessions that the user means. Rejects with an AppError if an identifier cannot be found, or if nothing matches. */
export async function chooseTargets(access: FleetAccess, request: ChooseRequest, caller: Caller): Promise<Choice> {
  const parts = typeof request.from === 'string' ? parseSelection(request.from) : [];
  if (request.alone) refuseSessions(parts);
  // A list of identifiers is left to the resolver, which asks the inventory; an address does not need the inventory.
  const isPlain = parts.length > 0 && parts.every(({ kind }) => kind === 'identifier');
  if (isPlain) {
    const selected = await eachOnce(access, await plain({ access, request }, parts, caller), { request, caller });
    return withNotes({ access, caller }, request, { selected, fleet: undefined });
  }
  const look = async (fresh: boolean): Promise<Found> => {
    const fleet = await access.inventory.listVms({ fresh, whole: true }, caller);
    const found = await selectFrom({ access, request, parts, fleet }, caller).catch((error: unknown) => {
      if (!fleet.isKept || toAppError(error).code !== 'vm-not-found') throw error;
      return undefined;
    });
    const selected = found && (await eachOnce(access, found, { request, caller }));
    const isEmpty = !selected || selected.chosen.length + selected.unasked.length === 0;
    // The user may mean a new VM that the kept data does not have yet.
    return !selected || (isEmpty && fleet.isKept) ? look(true) : { selected, fleet };
  };
  const found = await look(request.fresh);
  for (const warning of found.fleet?.warnings ?? []) caller.warn(warning);
  return withNotes({ access, caller }, request, found);
}

interface Found {
  readonly selected: Selected;
  readonly fleet: Fleet | undefined;
}

/**
 * Chooses a session only once if it was named twice, by its name and by its friendly name. If a VM has several targets and one of them was only named, the
 * VM is asked.
 */
async function eachOnce(
  access: FleetAccess,
  selected: Selected,
  { request, caller }: { readonly request: ChooseRequest; readonly caller: Caller },
): Promise<Selected> {
  // Leave out targets that name a user: other users have other sessions, and the VMs are asked for those of the usual user.
  const perVm = new Map<string, Chosen[]>();
  for (const one of selected.chosen) {
    const { vm, user } = one.target;
    const id = vm?.id.toLowerCase() ?? '';
    if (vm && user === undefined && mayAnswer(vm)) perVm.set(id, [...(perVm.get(id) ?? []), one]);
  }
  const isDoubtful = (chosen: readonly Chosen[]) =>
    chosen.length > 1 && chosen.some(({ target }) => target.origin === 'named');
  const doubtful = new Map([...perVm].filter(([, chosen]) => isDoubtful(chosen)));
  if (doubtful.size === 0) return selected;
  const vms = [...doubtful.values()].flatMap(([first]) => first?.target.vm ?? []);
  const isKept = [...doubtful.values()].flat().some(({ target }) => target.cached);
  const { deadline, wholeDeadline } = request;
  const asking = { vms, isKept, maxAge: 0, skipSilent: false, deadline, wholeDeadline };
  const { answers } = await access.survey.ask(asking, caller);
  const byId = new Map([...answers].map(([vm, answer]) => [vm.id.toLowerCase(), answer]));
  const chosen = selected.chosen.map((one) => {
    const { hostname, vm, user, session, origin, cached, fetchedAt } = one.target;
    const answer = user === undefined ? byId.get(vm?.id.toLowerCase() ?? '') : undefined;
    const [only, ...others] = answer?.probe === 'ok' ? sessionsNamed(answer.sessions, session) : [];
    if (!only || others.length > 0 || only.name === session) return one;
    const fields = { hostname, vm, user, session: only.name, origin, cached, fetchedAt };
    return { ...one, target: targetOf(fields, () => one.target.endpoint) };
  });
  return joinSelected([{ ...selected, chosen }]);
}

interface Selecting {
  readonly access: FleetAccess;
  readonly request: ChooseRequest;
  readonly parts: readonly SelectionPart[];
  readonly fleet: Fleet;
}

async function selectFrom({ access, request, parts, fleet }: Selecting, caller: Caller): Promise<Selected> {
  const { from, ask, deadline, wholeDeadline } = request;
  let answered = 0;
  const onAnswer = () => caller.progress(`Asking the VMs for their sessions: ${++answered} answered`);
  const settled: SelectRequest = {
    fleet,
    ask,
    includeStopped: caller.start.always,
    asking: { deadline, wholeDeadline, onAnswer },
  };
  const { survey, endpoints } = access;
  const settings = { survey, endpointOf: endpoints.of, defaultSession: access.settings.defaultSession };
  try {
    if (typeof from !== 'string') {
      const session = from.session === undefined ? undefined : sessionChoice(from.session, from.session);
      const vms = chosenVms(from, fleet).matched;
      const found = await selectSessions({ settings, vms, session, user: undefined }, settled, caller);
      return request.alone ? withoutSessions(found) : found;
    }
    const selected: Selected[] = [];
    // One after the other: what the fleet answers for the first bare name is known to the next one.
    for (const part of parts) {
      if (part.kind === 'identifier') selected.push(await plain({ access, request }, [part], caller));
      else {
        const vms = matchingVms(part, fleet.vms);
        if (vms.length === 0 && parts.length > 1) throw noSuchVms(part.text, fleet.vms);
        selected.push(await selectSessions({ settings, vms, session: part.session, user: part.user }, settled, caller));
      }
    }
    return joinSelected(request.alone ? selected.map(withoutSessions) : selected);
  } finally {
    caller.progress(undefined);
  }
}

/** Resolves all identifiers, so that a mistake in one is found before anything is done with the others. */
async function plain(
  { access, request: { fresh, alone = false } }: Pick<Selecting, 'access' | 'request'>,
  parts: readonly SelectionPart[],
  caller: Caller,
): Promise<Selected> {
  const chosen: Selected['chosen'][number][] = [];
  for (const { text } of parts) {
    // By its VM alone, whatever session is called so.
    const wanted = alone ? `${text}:${access.settings.defaultSession}` : text;
    chosen.push({ target: await access.resolver.resolve(wanted, { fresh }, caller), mayLack: false });
  }
  const selected = { chosen, unasked: [], stopped: [], lacking: [] };
  return joinSelected([alone ? withoutSessions(selected) : selected]);
}

/** Nobody needs to be asked whether there is a session. */
function withoutSessions(selected: Selected): Selected {
  const chosen = selected.chosen.map(({ target }) => ({ target: aloneTarget(target), mayLack: false }));
  return { ...selected, chosen };
}

/** Throws `usage` where a session is named although none is to be used. */
function refuseSessions(parts: readonly SelectionPart[]): void {
  const named = parts.find((part) =>
    part.kind === 'identifier' ? part.text.replace(/\[.*\]/, '').includes(':') : part.session !== undefined,
  );
  if (named)
    throw new AppError('usage', `"${named.text}" names a session, but none is used`, { hint: 'name the VM alone' });
}

interface Noting {
  readonly access: FleetAccess;
  readonly caller: Caller;
}

function withNotes({ access, caller }: Noting, { from }: ChooseRequest, { selected, fleet }: Found): Choice {
  const { chosen, unasked, stopped, lacking } = selected;
  const what = typeof from === 'string' ? `"${from}"` : describeChoice(from);
  if (chosen.length + unasked.length === 0) throw nothingMatches(what, selected, fleet?.vms ?? []);
  const age = fleet?.isKept ? access.now() - fleet.fetchedAt : 0;
  const asOf = age > 60_000 ? ` (as of ${formatAge(age)} ago; --refresh asks again)` : '';
  const notes = [`${what} ${describeChosen(chosen)}${asOf}`];
  if (stopped.length > 0) notes.push(`left out, not running: ${listNames(stopped)}${startHint(caller)}`);
  if (lacking.length > 0) notes.push(`left out, no such session: ${listNames(lacking)}`);
  if (unasked.length > 0)
    notes.push(`could not be asked for their sessions: ${listNames(unasked.map(({ hostname }) => hostname))}`);
  return { ...selected, notes, isOneEach: isOneEach(from) };
}

function isOneEach(from: ChooseRequest['from']): boolean {
  if (typeof from !== 'string')
    return from.session === undefined || sessionChoice(from.session, from.session).kind === 'name';
  const [only, ...others] = parseSelection(from);
  return others.length === 0 && !(only?.kind === 'pattern' && only.session?.kind === 'pattern');
}

/** `matches 3 VMs: web-[1-3]`. If the VMs were not asked for their sessions, only the VMs are certain. */
function describeChosen(chosen: Selected['chosen']): string {
  const [first] = chosen;
  const isOpen = chosen.every(({ mayLack }) => mayLack);
  const vms = chosen.map(({ target }) => target.hostname);
  if (first && isOpen && first.target.origin === 'default')
    return `means the session "${first.target.session}" on ${count(vms.length, 'VM')}: ${listNames(vms)}`;
  if (first && isOpen) return `matches ${count(vms.length, 'VM')}: ${listNames(vms)}`;
  if (first?.target.origin === 'alone') return `matches ${count(vms.length, 'VM')}: ${listNames(vms)}`;
  const names = chosen.map(({ target }) => identifierOf(target));
  return `means ${count(names.length, 'session')}${names.length > 0 ? `: ${listNames(names)}` : ''}`;
}

const startHint = ({ start }: Caller) => (start.isOption ? '; --start starts them' : '');

function nothingMatches(what: string, { stopped, lacking }: Selected, vms: readonly Vm[]): AppError {
  if (lacking.length > 0)
    return new AppError('session-not-found', `Nothing matches ${what}: no such session on ${listNames(lacking)}`, {
      hint: 'azlin list shows the sessions; commands with --create create missing ones',
    });
  if (stopped.length > 0)
    return new AppError('vm-not-running', `Nothing that matches ${what} is running: ${listNames(stopped)}`, {
      hint: 'azlin start starts them, azlin list --all shows them',
    });
  const padded = paddingHint(what.replace(/^"|"$/g, ''), vms);
  return new AppError('vm-not-found', `No VM matches ${what}; ${count(vms.length, 'VM')} in scope`, {
    hint: padded ?? "azlin list --all shows the VMs; '*:NAME' means a session NAME on every VM",
  });
}

/** The identifier, if the text is a single one; undefined for lists and patterns. */
export function namesOne(text: string): string | undefined {
  return singleIdentifier(text);
}
