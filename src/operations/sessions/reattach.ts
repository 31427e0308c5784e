import { backOff } from '../../domain/back-off.ts';
import { type Caller, withSignal } from '../../domain/caller.ts';
import { pause } from '../../domain/clock.ts';
import { withDeadline } from '../../domain/deadline.ts';
import { hasTrait } from '../../domain/error-traits.ts';
import { AppError, messageOf, toAppError } from '../../domain/errors.ts';
import { count, shellWord } from '../../domain/text.ts';
import { isAzureVm, mayAnswer } from '../../domain/vm.ts';
import { describeTarget, identifierOf, type Target } from '../../targets/target.ts';
import type { Endpoint } from '../../transport/endpoint.ts';
import type { Connection } from '../../transport/transport.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { type Ear, listenFor, OFTEN } from '../access/knock.ts';
import { targetNow } from '../access/look-up.ts';
import { endpointOrReason, isSame } from '../access/old-data.ts';
import { connected } from '../access/with-target.ts';
import { type AttachedSession, attachTo, type ConnectRequest } from './connect.ts';

export interface Reattaching {
  readonly access: FleetAccess;
  readonly request: ConnectRequest;
  /** What was lost, and how. */
  readonly lost: AttachedSession;
  readonly cause: AppError;
  /** How many times in a row it was lost at once: then something other than the network is wrong. */
  readonly brief: number;
  /** How many times to try; undefined for as long as it takes. */
  readonly attempts: number | undefined;
  /** Registers a callback for when the user does not want to wait; returns a function that removes it. */
  readonly onHurry: (hurry: () => void) => () => void;
  /** Called about once a second. */
  readonly tell: (state: Offline) => void;
  readonly caller: Caller;
}

export interface Offline {
  readonly reason: string;
  /** Whole seconds until the next attempt; undefined while it is being made. */
  readonly seconds: number | undefined;
}

/** Waits between attempts. The first attempt is made at once, and a server that answers ends the wait. */
const AGAIN = { first: 1_000, longest: 30_000 };

/** Milliseconds that a server has to answer before azlin looks up whether its VM has moved, and that this look-up may take. */
const HEARING = 400;
const LOOKING = 10_000;

/** Where the VM is, as far as is known. */
interface Place {
  target: Target;
  /** By the clock: since when azlin has been knocking at it. */
  since: number;
}

/**
 * Attaches again to the very session whose connection was lost, however long that takes. It never attaches to another session, and never makes one. Rejects
 * when more attempts cannot help, the attempts are used up, or the caller gives up.
 */
export async function reattach(reattaching: Reattaching): Promise<AttachedSession> {
  const { access, lost, attempts = Number.POSITIVE_INFINITY, tell, caller } = reattaching;
  const { signal } = caller;
  const place: Place = { target: lost.target, since: access.clock.now() };
  let { cause } = reattaching;
  // Give a server that answers and then fails some time: listening to it would end the wait at once.
  let isSilent = reattaching.brief === 0;
  let next = reattaching.brief;
  for (let made = 0; made < attempts; made++) {
    const ear = isSilent ? earAt(access, place, caller) : undefined;
    try {
      const ms = next === 0 ? 0 : backOff(AGAIN, next);
      const isHurried = (await waitFor(reattaching, { ms, ear, cause })) === 'hurried';
      next = isHurried ? 1 : next + 1;
      if (isHurried) place.since = access.clock.now();
      tell({ reason: reasonOf(cause), seconds: undefined });
      return await attempt(reattaching, place, ear);
    } catch (error) {
      signal.throwIfAborted();
      cause = toAppError(error);
      if (!hasTrait(cause.code, 'attach-again')) throw cause;
      isSilent = !ear?.heard.aborted && hasTrait(cause.code, 'silent');
    } finally {
      ear?.close();
    }
  }
  throw givenUp(lost, attempts, cause);
}

interface Wait {
  readonly ms: number;
  readonly ear: Ear | undefined;
  readonly cause: AppError;
}

/** Milliseconds between two looks at the clock; if ASLEEP more have passed, this machine was asleep. */
const TICK = 1_000;
const ASLEEP = 5_000;

/** Waits, and reports how long the wait still is. A key press, this machine waking up, or an answer from the server ends the wait early. */
async function waitFor(
  { access, onHurry, tell, caller: { signal } }: Reattaching,
  { ms, ear, cause }: Wait,
): Promise<'due' | 'heard' | 'hurried'> {
  const { clock } = access;
  const hurry = new AbortController();
  const ignore = onHurry(() => hurry.abort());
  const ends = AbortSignal.any([signal, hurry.signal, ...(ear ? [ear.heard] : [])]);
  const until = clock.now() + ms;
  const reason = reasonOf(cause);
  try {
    for (let now = clock.now(); now < until; now = clock.now()) {
      tell({ reason, seconds: Math.ceil((until - now) / 1_000) });
      await pause(clock, Math.min(TICK, until - now), ends);
      if (clock.now() - now > TICK + ASLEEP) return 'hurried';
    }
    return 'due';
  } catch {
    signal.throwIfAborted();
    return ear?.heard.aborted ? 'heard' : 'hurried';
  } finally {
    ignore();
  }
}

/** Undefined if there is no server that could be heard. */
function earAt(access: FleetAccess, { target, since }: Place, caller: Caller): Ear | undefined {
  const endpoint = endpointOrReason(target);
  return typeof endpoint === 'string' ? undefined : listenFor(access, { endpoint, since }, caller);
}

async function attempt(reattaching: Reattaching, place: Place, ear: Ear | undefined): Promise<AttachedSession> {
  const { access, caller } = reattaching;
  const { signal } = caller;
  if (ear && !(await isHeard(access, ear, signal))) {
    const there = await whereItIs(access, place.target, withSignal(caller, AbortSignal.any([signal, ear.heard])));
    if (!ear.heard.aborted && (!there || isSame(place.target, there)))
      throw ear.reason() ?? new AppError('timed-out', `"${place.target.hostname}" does not answer`);
    place.target = there ?? place.target;
    ear.close();
  }
  try {
    return await attachAgain(reattaching, place);
  } catch (error) {
    if (signal.aborted || !hasTrait(toAppError(error).code, 'old-address')) throw error;
    const there = await whereItIs(access, place.target, caller);
    if (!there || isSame(place.target, there)) throw error;
    place.target = there;
    return attachAgain(reattaching, place);
  }
}

async function isHeard({ clock }: FleetAccess, { heard }: Ear, signal: AbortSignal): Promise<boolean> {
  try {
    await pause(clock, HEARING, AbortSignal.any([signal, heard]));
  } catch {
    signal.throwIfAborted();
  }
  return heard.aborted;
}

async function attachAgain(
  { access, request, lost, caller }: Reattaching,
  { target }: Place,
): Promise<AttachedSession> {
  const reached = connected(access, target, await connectNow(access, target.endpoint, caller));
  return attachTo({ access, reached, request, who: lost.who, again: lost.session }, caller);
}

/** How many times to begin one connection. If a later knock is answered first, the connection will hardly get an answer any more, so it is begun anew. */
const BEGINNINGS = 8;

async function connectNow(access: FleetAccess, endpoint: Endpoint, caller: Caller): Promise<Connection> {
  const { signal } = caller;
  for (let begun = 1; ; begun++) {
    const beginning = new AbortController();
    const ear = begun < BEGINNINGS ? listenFor(access, { endpoint, after: OFTEN }, caller) : undefined;
    ear?.heard.addEventListener('abort', () => beginning.abort());
    try {
      return await access.transport.connect(
        endpoint,
        withSignal(caller, AbortSignal.any([signal, beginning.signal])),
        ({ kind }) => {
          if (kind === 'answered') ear?.close();
        },
      );
    } catch (error) {
      if (signal.aborted || !beginning.signal.aborted) throw error;
    } finally {
      ear?.close();
    }
  }
}

/** The target with the current data of its VM; undefined if that cannot be looked up. Rejects with `vm-not-found` and `vm-not-running`. */
async function whereItIs(access: FleetAccess, target: Target, caller: Caller): Promise<Target | undefined> {
  const { vm, hostname } = target;
  if (!vm) return undefined;
  const expired = () => new AppError('timed-out', `"${hostname}" could not be looked up in time`);
  try {
    const deadline = { clock: access.clock, ms: LOOKING, signal: caller.signal, expired };
    const there = await withDeadline(deadline, async (limited) => {
      const own = withSignal(caller, limited);
      return isAzureVm(vm)
        ? targetNow(access, target, await access.power.look({ vm, hostname }, own))
        : access.resolver.refresh(target, own);
    });
    if (!there.vm || mayAnswer(there.vm)) return there;
    throw new AppError('vm-not-running', `The VM "${hostname}" is ${there.vm.powerState.toLowerCase()}`);
  } catch (error) {
    const { code } = toAppError(error);
    if (code === 'vm-not-found' || code === 'vm-not-running') throw error;
    caller.trace(`${hostname}: could not look up its address: ${messageOf(error)}`);
    return undefined;
  }
}

function reasonOf({ code, message }: AppError): string {
  if (code === 'vm-not-running') return message.replace(/^The VM ".*" is/, 'the VM is');
  return code === 'ssh-denied' ? 'sign-in refused' : 'connection lost';
}

function givenUp({ target }: AttachedSession, attempts: number, cause: AppError): AppError {
  const where = describeTarget(target);
  const message =
    attempts === 0
      ? cause.message
      : `The connection to ${where} was lost, and ${count(attempts, 'attempt')} to reconnect failed: ${cause.message}`;
  return new AppError(cause.code, message, {
    cause,
    hint: `azlin connect ${shellWord(identifierOf(target))} reconnects: the session is still running`,
  });
}
