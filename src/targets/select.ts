import type { Caller } from '../domain/caller.ts';
import { AppError } from '../domain/errors.ts';
import { type Session, sessionRef, sessionsNamed } from '../domain/session.ts';
import { shellWord } from '../domain/text.ts';
import { compareVms, mayAnswer, qualifiedNames, type Vm } from '../domain/vm.ts';
import type { Fleet } from '../inventory/inventory.ts';
import type { Endpoint } from '../transport/endpoint.ts';
import { namePattern } from './pattern.ts';
import type { PatternPart, SessionChoice } from './selection.ts';
import type { Survey, SurveyRequest } from './survey.ts';
import { identifierOf, type Target, targetOf } from './target.ts';

/** One of many targets. */
export interface Chosen {
  readonly target: Target;
  /** Whether the session may be missing: a pattern found its VM, which has not been asked yet. */
  readonly mayLack: boolean;
  /** What it is called, where the target alone does not tell it from others. */
  readonly name?: string;
}

/** A VM that matches, but could not be asked which sessions it has. */
export interface Unasked {
  readonly hostname: string;
  readonly reason: AppError;
}

export interface Selected {
  readonly chosen: readonly Chosen[];
  readonly unasked: readonly Unasked[];
  /** VMs that match but are not running. */
  readonly stopped: readonly string[];
  /** VMs that match, answered, and have no such session. */
  readonly lacking: readonly string[];
}

export interface SelectSettings {
  readonly survey: Survey;
  readonly endpointOf: (vm: Vm, user: string | undefined) => Endpoint;
  readonly defaultSession: string;
}

export interface SelectRequest {
  readonly fleet: Fleet;
  /** Whether VMs that are not running may be chosen, too. */
  readonly includeStopped: boolean;
  /** Find out which VMs have a session of that name, instead of leaving that to the next step. */
  readonly ask: boolean;
  /** How the VMs are asked. */
  readonly asking: Pick<SurveyRequest, 'deadline' | 'wholeDeadline' | 'onAnswer'>;
}

/** The VMs that the pattern matches, in the order that lists use. */
export function matchingVms({ resourceGroup, host }: Pick<PatternPart, 'resourceGroup' | 'host'>, vms: readonly Vm[]) {
  const named = namePattern(host, { ignoreCase: true });
  const grouped = resourceGroup === undefined ? () => true : namePattern(resourceGroup, { ignoreCase: true });
  return vms.filter((vm) => named(vm.name) && grouped(vm.resourceGroup)).sort(compareVms);
}

/** Selects sessions on those of the given VMs that are running. */
export async function selectSessions(
  { settings, vms, session, user }: Selecting,
  { fleet, includeStopped, ask, asking }: SelectRequest,
  caller: Caller,
): Promise<Selected> {
  const names = qualifiedNames(fleet.vms);
  const nameOf = (vm: Vm) => names.get(vm) ?? vm.name;
  const linux = vms.filter(({ os }) => os !== 'windows');
  const usable = includeStopped ? linux : linux.filter(mayAnswer);
  const stopped = linux.filter((vm) => !usable.includes(vm)).map(nameOf);
  const choose = (vm: Vm, name: string, origin: Target['origin']): Target =>
    targetOf(
      {
        hostname: nameOf(vm),
        vm,
        user,
        session: name,
        origin,
        cached: fleet.isKept === true,
        fetchedAt: fleet.fetchedAt,
      },
      () => settings.endpointOf(vm, user),
    );
  const wanted = session ?? { kind: 'name' as const, name: settings.defaultSession };
  if (wanted.kind === 'name' && !ask) {
    const origin = session === undefined ? 'default' : 'named';
    const chosen = usable.map((vm) => ({ target: choose(vm, wanted.name, origin), mayLack: true }));
    return { chosen, unasked: [], stopped, lacking: [] };
  }
  if (user !== undefined)
    throw new AppError('usage', `VMs cannot be asked for their sessions as "${user}" here`, {
      hint: `use --user ${shellWord(user)} instead of ${user}@`,
    });
  const request = { vms: usable.filter(mayAnswer), isKept: fleet.isKept === true, maxAge: 0, skipSilent: false };
  const { answers } = await settings.survey.ask({ ...request, ...asking }, caller);
  const chosen: Chosen[] = [];
  const unasked: Unasked[] = [];
  const lacking: string[] = [];
  for (const vm of request.vms) {
    const answer = answers.get(vm);
    if (answer?.probe === 'ok') {
      const found = wantedOf(answer.sessions, wanted);
      if (found.length === 0) lacking.push(nameOf(vm));
      for (const name of found) chosen.push({ target: choose(vm, name, 'found'), mayLack: false });
    } else if (answer?.probe === 'no-tmux') lacking.push(nameOf(vm));
    else unasked.push({ hostname: nameOf(vm), reason: notAsked(nameOf(vm), answer?.reason ?? 'not asked') });
  }
  return { chosen, unasked, stopped, lacking };
}

interface Selecting {
  readonly settings: SelectSettings;
  readonly vms: readonly Vm[];
  readonly session: SessionChoice | undefined;
  readonly user: string | undefined;
}

function wantedOf(sessions: readonly Session[], wanted: SessionChoice): readonly string[] {
  if (wanted.kind === 'name') return sessionsNamed(sessions, wanted.name).map(sessionRef);
  const matches = namePattern(wanted.pattern, { ignoreCase: false });
  return sessions
    .filter(({ name, friendlyName }) => matches(name) || (friendlyName !== null && matches(friendlyName)))
    .map(sessionRef)
    .sort();
}

function notAsked(hostname: string, reason: string): AppError {
  return new AppError('unreachable', `"${hostname}" could not be asked for its sessions: ${reason}`, {
    hint: `its sessions were left out; azlin doctor ${shellWord(hostname)} shows what is wrong`,
  });
}

/** Joins several selections: each target once, in the order in which they came. */
export function joinSelected(parts: readonly Selected[]): Selected {
  const chosen = new Map<string, Chosen>();
  for (const one of parts.flatMap((part) => part.chosen)) {
    const key = `${one.target.vm?.id.toLowerCase() ?? ''} ${identifierOf(one.target)}`;
    const known = chosen.get(key);
    // A target that was also named on its own must exist, even if a pattern would let it be missing.
    chosen.set(key, known ? { ...known, mayLack: known.mayLack && one.mayLack } : one);
  }
  const unique = <T>(values: readonly T[]) => [...new Set(values)];
  const isChosen = (hostname: string) => [...chosen.values()].some(({ target }) => target.hostname === hostname);
  return {
    chosen: [...chosen.values()],
    unasked: parts.flatMap(({ unasked }) => unasked),
    stopped: unique(parts.flatMap(({ stopped }) => stopped)).filter((hostname) => !isChosen(hostname)),
    lacking: unique(parts.flatMap(({ lacking }) => lacking)),
  };
}
