import type { Caller } from '../../domain/caller.ts';
import { atMost } from '../../domain/concurrency.ts';
import { formatDuration } from '../../domain/duration.ts';
import { AppError } from '../../domain/errors.ts';
import { listNames } from '../../domain/fold-names.ts';
import type { Session } from '../../domain/session.ts';
import { count } from '../../domain/text.ts';
import { compareVms, mayAnswer, qualifiedNames, type Vm } from '../../domain/vm.ts';
import type { Fleet } from '../../inventory/inventory.ts';
import { namePattern } from '../../targets/pattern.ts';
import { noKeyFits, type Probed } from '../../targets/probe.ts';
import { matchingVms } from '../../targets/select.ts';
import { parseSelection, type SessionChoice, sessionChoice } from '../../targets/selection.ts';
import type { Target } from '../../targets/target.ts';
import { firstLook } from '../../transport/endpoint.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { chosenVms, noSuchVms, type VmChoice } from './choose-vms.ts';
import { type Attached, askForStatus, type StatusQuestion, type VmStatus, vmStatusOf } from './status.ts';

export interface FleetStatusRequest {
  /** Identifiers and patterns, separated by commas; a choice of the VMs in scope; or undefined for all of them. */
  readonly from: string | VmChoice | undefined;
  readonly refresh: boolean;
  /** Milliseconds for each VM, and for all of them. */
  readonly deadline: number;
  readonly wholeDeadline: number;
}

export interface FleetStatus {
  readonly vms: readonly VmStatus[];
  /** Set if no VM accepted a key. */
  readonly failure: AppError | undefined;
}

/** A VM, and which of its sessions are meant; undefined for all. */
interface Place extends Pick<StatusQuestion, 'vm' | 'endpoint'>, Pick<Target, 'hostname' | 'fetchedAt'> {
  readonly sessions: readonly SessionChoice[] | undefined;
}

const CONCURRENCY = 32;

/** Many VMs; those that could not be asked in time say so. Rejects with an AppError if something that is named does not exist. */
export async function fleetStatus(
  access: FleetAccess,
  request: FleetStatusRequest,
  caller: Caller,
): Promise<FleetStatus> {
  const { from, refresh, deadline, wholeDeadline } = request;
  const fleet = await access.inventory.listVms({ fresh: refresh, whole: true }, caller);
  for (const warning of fleet.warnings) caller.warn(warning);
  const found =
    from === undefined ? placesIn({ access, fleet }, fleet.vms) : await placesFrom({ access, fleet }, request, caller);
  const places = joined(found);
  const until = access.clock.now() + wholeDeadline;
  const isAsked = ({ vm }: Place) => vm === null || mayAnswer(vm);
  const toAsk = places.filter(isAsked).length;
  let answered = 0;
  const tell = () => caller.progress(`Asking ${count(toAsk, 'VM')}: ${answered} answered`);
  tell();
  try {
    const statuses = await atMost(CONCURRENCY, places, async (place) => {
      const { vm, endpoint, hostname, fetchedAt, sessions } = place;
      const left = Math.min(deadline, until - access.clock.now());
      const isInTime = left > 0 || !isAsked(place);
      const asked = isInTime
        ? await askForStatus(access, { vm, endpoint, deadline: left }, caller)
        : notAsked(wholeDeadline);
      if (isAsked(place)) answered++;
      tell();
      const known = onlyMeant(asked, sessions);
      const address = vm ? null : endpoint().address;
      return {
        hostname,
        asked: known,
        sessions,
        status: vmStatusOf(access, { hostname, vm, fetchedAt, address }, known),
      };
    });
    const failure = noKeyFits(statuses.map(({ hostname, asked }) => [hostname, asked]));
    for (const { hostname, asked } of statuses)
      if (asked.probe !== 'ok' && asked.probe !== 'skipped' && !(failure && asked.keyRefused))
        caller.warn(`${hostname}: ${asked.reason}`);
    const lacking = statuses.filter(({ asked, sessions }) => lacks(asked, sessions)).map(({ hostname }) => hostname);
    if (lacking.length > 0) caller.warn(`no such session: ${listNames(lacking)}`);
    return { vms: statuses.map(({ status }) => status), failure };
  } finally {
    caller.progress(undefined);
  }
}

interface Known {
  readonly access: FleetAccess;
  readonly fleet: Fleet;
}

function placesIn({ access, fleet }: Known, vms: readonly Vm[], session?: SessionChoice): readonly Place[] {
  const { endpoints, settings } = access;
  const names = qualifiedNames(fleet.vms);
  const isOld = fleet.isKept === true || settings.lags;
  return [...vms].sort(compareVms).map((vm) => ({
    ...{ vm, hostname: names.get(vm) ?? vm.name, fetchedAt: fleet.fetchedAt },
    endpoint: () => firstLook(endpoints.of(vm), isOld),
    sessions: session && [session],
  }));
}

async function placesFrom(
  known: Known,
  { from = '', refresh }: FleetStatusRequest,
  caller: Caller,
): Promise<readonly Place[]> {
  const { access, fleet } = known;
  if (typeof from !== 'string') {
    const session = from.session === undefined ? undefined : sessionChoice(from.session, from.session);
    return placesIn(known, chosenVms(from, fleet).matched, session);
  }
  const places: Place[] = [];
  for (const part of parseSelection(from)) {
    if (part.kind === 'pattern') {
      if (part.user !== undefined)
        throw new AppError('usage', `"${part.text}" names a user`, { hint: 'use --user instead' });
      const vms = matchingVms(part, fleet.vms);
      if (vms.length === 0) throw noSuchVms(part.text, fleet.vms);
      places.push(...placesIn(known, vms, part.session));
      continue;
    }
    const target = await access.resolver.resolve(part.text, { fresh: refresh }, caller);
    const { vm, hostname, fetchedAt, origin, session: name } = target;
    const sessions = origin === 'default' ? undefined : [{ kind: 'name', name } as const];
    places.push({ vm, hostname, fetchedAt, endpoint: () => target.endpoint, sessions });
  }
  return places;
}

/** Each VM once, with all of its sessions that are meant. */
function joined(places: readonly Place[]): readonly Place[] {
  const byVm = new Map<string, Place>();
  for (const place of places) {
    const key = place.vm?.id.toLowerCase() ?? place.hostname;
    const known = byVm.get(key);
    const sessions = known?.sessions && place.sessions && [...known.sessions, ...place.sessions];
    byVm.set(key, known ? { ...known, sessions } : place);
  }
  return [...byVm.values()];
}

function onlyMeant(asked: Probed<Attached>, sessions: Place['sessions']): Probed<Attached> {
  if (asked.probe !== 'ok' || sessions === undefined) return asked;
  const isMeant = ({ id, name, friendlyName }: Session) =>
    sessions.some((one) => {
      if (one.kind === 'name') return [id, name, friendlyName].includes(one.name);
      const matches = namePattern(one.pattern, { ignoreCase: false });
      return matches(name) || (friendlyName !== null && matches(friendlyName));
    });
  return { ...asked, value: { ...asked.value, sessions: asked.value.sessions.filter(isMeant) } };
}

function lacks(asked: Probed<Attached>, sessions: Place['sessions']): boolean {
  return sessions !== undefined && asked.probe === 'ok' && asked.value.sessions.length === 0;
}

function notAsked(ms: number): Probed<Attached> {
  return { probe: 'timed-out', reason: `not asked within ${formatDuration(ms)}` };
}
