import type { Caller } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import { AppError, messageOf } from '../domain/errors.ts';
import { nearestNames } from '../domain/nearest.ts';
import { type Session, sessionRef, sessionsNamed } from '../domain/session.ts';
import { count, shellWord } from '../domain/text.ts';
import { addressOf, compareVms, mayAnswer, type Vm } from '../domain/vm.ts';
import type { Fleet, Inventory } from '../inventory/inventory.ts';
import type { Endpoint } from '../transport/endpoint.ts';
import { findVm, noSuchVm, type VmRef } from './find-vm.ts';
import { type HostRef, type Identifier, parseIdentifier } from './identifier.ts';
import { nothingNamed, qualifiedName, sameVm } from './match.ts';
import { noKeyFits } from './probe.ts';
import type { Survey, SurveyResult } from './survey.ts';
import { identifierOf, type Target, targetOf } from './target.ts';

export interface ResolverSettings {
  readonly clock: Clock;
  readonly inventory: Inventory;
  readonly survey: Survey;
  readonly endpointOfVm: (vm: Vm, user: string | undefined) => Endpoint;
  readonly endpointOfAddress: (address: string, user: string | undefined) => Endpoint;
  readonly defaultSession: string;
  /** Milliseconds the fleet has to answer. */
  readonly deadline: number;
  /** How old, in milliseconds, an earlier answer of a VM may be. */
  readonly sessionsTtl: number;
}

export interface ResolveOptions {
  readonly fresh: boolean;
  /** Do not use an earlier answer of the inventory if something is missing from it. */
  readonly whole?: boolean;
}

export interface Resolver {
  /** `fresh` uses no earlier answer. Rejects with `invalid-identifier`, `ambiguous`, `vm-not-found`, `session-not-found`. */
  resolve(text: string, options: ResolveOptions, caller: Caller): Promise<Target>;
  /** The same session of the same VM, with fresh data from the inventory. Rejects with `vm-not-found` if the VM is gone. */
  refresh(target: Target, caller: Caller): Promise<Target>;
  /** Every session of the fleet that has this name or friendly name. Warns about VMs that could not be asked. */
  named(name: string, caller: Caller): Promise<readonly Target[]>;
}

export function resolver(settings: ResolverSettings): Resolver {
  return {
    async resolve(text, { fresh, whole = false }, caller) {
      const identifier = parseIdentifier(text);
      const ask = { settings, text, identifier, whole, caller };
      const first = await attempt({ ...ask, fresh });
      if (first.target) return traced(caller, text, first.target);
      if (fresh || !first.cached) throw first.error;
      caller.trace(`resolve: "${text}" is not in the cached data; asking again`);
      const second = await attempt({ ...ask, fresh: true });
      if (second.target) return traced(caller, text, second.target);
      throw second.error;
    },
    refresh: (target, caller) => refresh(settings, target, caller),
    async named(name, caller) {
      const fleet = await settings.inventory.listVms({ fresh: false, whole: true }, caller);
      for (const warning of fleet.warnings) caller.warn(warning);
      const surveyed = await askFleet({ settings, fresh: true, caller }, fleet);
      const failure = warnUnproven(caller, surveyed, name);
      if (failure) throw failure;
      return sessionHits(surveyed, name).map((hit) => foundTarget({ settings, fleet, cached: false }, hit));
    },
  };
}

async function refresh(settings: ResolverSettings, target: Target, caller: Caller): Promise<Target> {
  const { hostname, vm: known, user, session, origin } = target;
  if (!known) return target;
  const fleet = await settings.inventory.listVms({ fresh: true }, caller);
  for (const warning of fleet.warnings) caller.warn(warning);
  const vm = sameVm(known, fleet.vms);
  if (!vm) throw noSuchVm(hostname, known.name, fleet);
  const { fetchedAt } = fleet;
  const fields = { hostname, vm, user, session, origin, cached: false, fetchedAt };
  const fresh = targetOf(fields, () => settings.endpointOfVm(vm, user));
  return traced(caller, identifierOf(fresh), fresh);
}

interface Attempt {
  readonly settings: ResolverSettings;
  readonly text: string;
  readonly identifier: Identifier;
  readonly fresh: boolean;
  readonly whole: boolean;
  readonly caller: Caller;
}

/** `cached`: whether asking afresh could find what is missing. */
type Found =
  | { readonly target: Target; readonly error?: never; readonly cached: boolean }
  | { readonly target?: never; readonly error: AppError; readonly cached: boolean };

async function attempt(asked: Attempt): Promise<Found> {
  const { settings, identifier, fresh, caller } = asked;
  const { host } = identifier;
  if (host?.kind === 'address') return { target: addressTarget(settings, host, identifier.session), cached: false };
  const fleet = await settings.inventory.listVms({ fresh, whole: asked.whole }, caller);
  for (const warning of fleet.warnings) caller.warn(warning);
  const cached = fleet.isKept === true;
  if (identifier.kind === 'compound') return compoundTarget(asked, fleet, cached);
  return bareTarget(asked, fleet, cached);
}

function addressTarget(
  settings: ResolverSettings,
  host: HostRef & { kind: 'address' },
  session: string | undefined,
): Target {
  const fields = {
    hostname: host.address.includes(':') ? `[${host.address}]` : host.address,
    vm: null,
    user: host.user,
    session: session ?? settings.defaultSession,
    origin: session === undefined ? 'default' : 'named',
    cached: false,
    fetchedAt: settings.clock.now(),
  } as const;
  return targetOf(fields, () => settings.endpointOfAddress(host.address, host.user));
}

function compoundTarget({ settings, identifier }: Attempt, fleet: Fleet, cached: boolean): Found {
  const { host, session } = identifier as Identifier & { kind: 'compound' };
  const ref = host as VmRef;
  const vm = findVm(ref, fleet, { session });
  if (vm instanceof AppError) return { error: vm, cached };
  return { target: vmTarget({ settings, fleet, vm, user: ref.user, session, origin: 'named', cached }), cached };
}

async function bareTarget(asked: Attempt, fleet: Fleet, fleetCached: boolean): Promise<Found> {
  const { settings, text, identifier, caller } = asked;
  const ref = identifier.host?.kind === 'vm' ? identifier.host : undefined;
  let cached = fleetCached;
  let names: readonly string[] = [];
  let failure: AppError | undefined;
  if (identifier.session !== undefined) {
    const surveyed = await askFleet(asked, fleet);
    cached ||= surveyed.cached;
    names = sessionNames(surveyed);
    const hits = sessionHits(surveyed, identifier.session);
    const [hit] = hits;
    failure = warnUnproven(caller, surveyed, identifier.session);
    if (hits.length > 1) return { error: ambiguousSession(identifier.session, hits, fleet), cached };
    if (hit) return { target: foundTarget({ settings, fleet, cached }, hit), cached };
    caller.trace(`resolve: no session is named "${identifier.session}"`);
  }
  const vm = ref && findVm(ref, fleet);
  if (ref && vm && !(vm instanceof AppError)) {
    const session = settings.defaultSession;
    return { target: vmTarget({ settings, fleet, vm, user: ref.user, session, origin: 'default', cached }), cached };
  }
  if (vm instanceof AppError && (vm.code === 'ambiguous' || identifier.session === undefined))
    return { error: vm, cached };
  if (failure) return { error: failure, cached };
  const near = nearestNames(text, [...names, ...fleet.vms.map((one) => one.name)]);
  return { error: nothingNamed(`No session and no VM is named "${text}"`, 'session-not-found', near), cached };
}

interface VmTarget {
  readonly settings: ResolverSettings;
  readonly fleet: Fleet;
  readonly vm: Vm;
  readonly user: string | undefined;
  readonly session: string;
  readonly origin: Target['origin'];
  readonly cached: boolean;
}

function vmTarget({ settings, fleet, vm, user, session, origin, cached }: VmTarget): Target {
  const hostname = qualifiedName(vm, fleet.vms);
  const { fetchedAt } = fleet;
  return targetOf({ hostname, vm, user, session, origin, cached, fetchedAt }, () => settings.endpointOfVm(vm, user));
}

function foundTarget(at: Pick<VmTarget, 'settings' | 'fleet' | 'cached'>, { vm, session }: Hit): Target {
  return vmTarget({ ...at, vm, user: undefined, session: sessionRef(session), origin: 'found' });
}

type Asking = Pick<Attempt, 'settings' | 'fresh' | 'caller'>;

function askFleet({ settings, fresh, caller }: Asking, fleet: Fleet): Promise<SurveyResult> {
  const vms = fleet.vms.filter(mayAnswer).sort(compareVms);
  caller.trace(`resolve: asking ${count(vms.length, 'running VM')} for their sessions`);
  const { deadline, sessionsTtl } = settings;
  const age = { maxAge: fresh ? 0 : sessionsTtl, mayBeKnown: !fresh, isKept: fleet.isKept === true };
  const request = { vms, ...age, skipSilent: sessionsTtl > 0, deadline, wholeDeadline: deadline };
  return settings.survey.ask(request, caller);
}

interface Hit {
  readonly vm: Vm;
  readonly session: Session;
}

function sessionHits({ answers }: SurveyResult, name: string): readonly Hit[] {
  return [...answers]
    .flatMap(([vm, answer]) =>
      answer.probe === 'ok' ? sessionsNamed(answer.sessions, name).map((session) => ({ vm, session })) : [],
    )
    .sort((a, b) => compareVms(a.vm, b.vm));
}

function sessionNames({ answers }: SurveyResult): readonly string[] {
  const sessions = [...answers.values()].flatMap((answer) => (answer.probe === 'ok' ? answer.sessions : []));
  return sessions.flatMap(({ name, friendlyName }) => (friendlyName ? [name, friendlyName] : [name]));
}

function ambiguousSession(name: string, hits: readonly Hit[], fleet: Fleet): AppError {
  const items = hits.map(({ vm, session }) => ({
    identifier: `${qualifiedName(vm, fleet.vms)}:${sessionRef(session)}`,
    ip: addressOf(vm),
  }));
  const vms = new Set(hits.map(({ vm }) => vm)).size;
  return new AppError('ambiguous', `Ambiguous session name "${name}"`, {
    candidates: { title: `Found on ${count(vms, 'VM')}`, items },
    hint: `azlin connect ${shellWord(items[0]?.identifier ?? '')}`,
  });
}

/** Warns about VMs that could not be asked: they may have such a session, too. If no VM accepts a key, returns that one error instead. */
function warnUnproven({ warn }: Caller, { answers }: SurveyResult, name: string): AppError | undefined {
  const failure = noKeyFits([...answers].map(([vm, answer]) => [vm.name, answer]));
  for (const [vm, answer] of answers)
    if (answer.probe !== 'ok' && answer.probe !== 'no-tmux' && !(failure && answer.keyRefused))
      warn(`${vm.name} could not be asked whether it has a session "${name}": ${answer.reason}`);
  return failure;
}

function traced({ trace }: Caller, text: string, target: Target): Target {
  const { origin, hostname, session } = target;
  trace(`resolve: "${text}" is ${hostname}:${session} (${origin} session), ${placeOf(target)}`);
  return target;
}

/** Where it is, as far as that is known. */
function placeOf(target: Target): string {
  if (target.vm && !mayAnswer(target.vm)) return target.vm.powerState.toLowerCase();
  try {
    const { user, address, port } = target.endpoint;
    return `at ${user}@${address} port ${port}`;
  } catch (error) {
    return messageOf(error);
  }
}
