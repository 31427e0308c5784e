import { AppError, type ErrorCode, messageOf } from '../../domain/errors.ts';
import { type Session, sessionsNamed } from '../../domain/session.ts';
import { shellWord } from '../../domain/text.ts';
import { isAzureVm, mayAnswer, type Vm } from '../../domain/vm.ts';
import type { NamedVm } from '../../inventory/vm-power.ts';
import { describeTarget, type Target, targetOf } from '../../targets/target.ts';
import { type TmuxServer, tmuxServer } from '../../tmux/server.ts';
import { statusError } from '../../tmux/status-error.ts';
import { type Endpoint, endpointKey } from '../../transport/endpoint.ts';
import { runOverSsh } from '../../transport/run-script.ts';
import type { Connection } from '../../transport/transport.ts';
import { stillChanging } from '../vms/power.ts';
import { connectWhenUp } from './connect-when-up.ts';
import type { FleetAccess } from './fleet-access.ts';

/** What the user named, and how to get there. */
export interface Wanted {
  readonly access: FleetAccess;
  readonly identifier: string;
  /** Use no earlier answer of the inventory that has something missing. */
  readonly whole?: boolean;
  readonly signal: AbortSignal;
}

/** A target whose VM is connected. */
export interface Reached {
  readonly target: Target;
  readonly connection: Connection;
  readonly tmux: TmuxServer;
}

/**
 * Resolves, connects and calls `use`. When that fails in a way that old data explains (the VM moved, stopped, was made anew, or the session is
 * gone), it is done once more with fresh data before the error is given. `use` must fail with `session-not-found` only while
 * nothing has happened yet.
 */
export async function withTarget<T>(wanted: Wanted, use: (reached: Reached) => Promise<T>): Promise<T> {
  const { access, signal } = wanted;
  const target = await firstTarget(wanted);
  if (!mayBeOld(access, target)) return use(await reachOrStart(wanted, target));
  try {
    return await use(await reach(access, target, signal));
  } catch (error) {
    if (!(error instanceof AppError) || !isExplained(target, error)) throw error;
    access.trace(`${describeTarget(target)}: ${error.message}; looking it up afresh`);
    const again = await latestOrWarning(wanted);
    if (!again) throw error;
    if (error.code !== 'vm-not-running' && !access.start.always && isSame(target, again)) throw error;
    return use(await reachOrStart(wanted, again));
  }
}

/** What a fresh look may find out besides another address. */
const NEWS: readonly ErrorCode[] = ['vm-not-found', 'session-not-found', 'ambiguous', 'interrupted'];

/** The latest target; undefined, and a warning, when it cannot be looked up: then what is known already counts. */
export async function latestOrWarning(wanted: Wanted): Promise<Target | undefined> {
  try {
    return await latestTarget(wanted);
  } catch (error) {
    if (!(error instanceof AppError) || NEWS.includes(error.code)) throw error;
    wanted.access.warn(`"${wanted.identifier}" could not be looked up afresh: ${error.message}`);
    return undefined;
  }
}

/** What the user named. A key is pinned on first sight: not to whoever has the VM's old address by now. */
export async function firstTarget(wanted: Wanted): Promise<Target> {
  const { access, identifier, whole = false, signal } = wanted;
  const target = await access.resolver.resolve(identifier, { fresh: false, whole }, signal);
  if (!mayBeOld(access, target) || !target.vm || !mayAnswer(target.vm) || (await isKnown(access, target)))
    return target;
  access.trace(`${target.hostname}: its host key is not known yet; looking up its address afresh`);
  return latestTarget(wanted);
}

/** What the user named, by what is known best: an inventory that lags behind is not taken at its word. */
export async function latestTarget({ access, identifier, signal }: Wanted): Promise<Target> {
  const target = await access.resolver.resolve(identifier, { fresh: true }, signal);
  const { vm, hostname } = target;
  if (!vm || !access.lags || !isAzureVm(vm)) return target;
  try {
    return targetNow(access, target, await access.power.look({ vm, hostname }, signal));
  } catch (error) {
    // Its address is not to be trusted with a key, and a VM that is gone is news.
    const isGone = error instanceof AppError && error.code === 'vm-not-found';
    if (signal.aborted || isGone || !(await isKnown(access, target))) throw error;
    access.trace(`${hostname}: what it is now could not be asked: ${messageOf(error)}`);
    return target;
  }
}

/** The same target, on its VM as that is now. */
export function targetNow(access: FleetAccess, target: Target, vm: Vm): Target {
  const { hostname, user, session, origin } = target;
  const fields = { hostname, vm, user, session, origin, cached: false, fetchedAt: access.now() };
  return targetOf(fields, () => access.endpointOf(vm, user));
}

/** A VM that cannot be addressed is not known, either. */
async function isKnown(access: FleetAccess, target: Target): Promise<boolean> {
  const endpoint = endpointOrReason(target);
  return typeof endpoint !== 'string' && access.hostKeys.isPinned(endpoint);
}

async function reach(access: FleetAccess, target: Target, signal: AbortSignal): Promise<Reached> {
  const { vm } = target;
  if (vm && !mayAnswer(vm)) throw notRunning(vm, target, access);
  return connected(access, target, await access.transport.connect(target.endpoint, signal));
}

export function connected(access: FleetAccess, target: Target, connection: Connection): Reached {
  const { endpoint, hostname } = target;
  const run = runOverSsh({ connection, endpoint, clock: access.clock, deadline: access.commandDeadline });
  return { target, connection, tmux: tmuxServer(run, hostname) };
}

/** As `reach`, for a target that is known to be fresh: if its VM is stopped, the user may want it started. */
async function reachOrStart(wanted: Wanted, target: Target): Promise<Reached> {
  const { access, signal } = wanted;
  const { vm, hostname } = target;
  if (!vm || !isStartable(vm)) return reach(access, target, signal);
  try {
    if (mayAnswer(vm)) {
      if (!access.start.always) return await reach(access, target, signal);
      // It may have been started a moment ago, by whomever.
      const wait = { target, hasJustStarted: false };
      return connected(access, target, await connectWhenUp(access, wait, signal));
    }
    if (!access.start.always && !(await access.start.ask(questionAbout(vm, hostname))))
      throw notRunning(vm, target, access);
    const started = targetNow(access, target, await startedVm(access, { vm, hostname }, signal));
    const connection = await connectWhenUp(access, { target: started, hasJustStarted: true }, signal);
    return connected(access, started, connection);
  } finally {
    access.progress(undefined);
  }
}

/** Starts it, and gives it as it is then: by that it may have got another address. */
async function startedVm(access: FleetAccess, named: NamedVm, signal: AbortSignal): Promise<Vm> {
  const { vm, hostname } = named;
  access.progress(`Starting ${hostname}`);
  try {
    await access.power.start(named, signal);
  } catch (error) {
    throw signal.aborted ? stillChanging('start', [hostname]) : error;
  }
  try {
    return await access.power.look(named, signal);
  } catch (error) {
    signal.throwIfAborted();
    access.warn(`"${hostname}" was started, but its address could not be asked: ${messageOf(error)}`);
    return { ...vm, powerState: 'Running' };
  }
}

function questionAbout({ powerState }: Vm, hostname: string): string {
  if (powerState === 'Starting') return `"${hostname}" is starting. Wait for it?`;
  return `"${hostname}" is ${powerState.toLowerCase()}. Start it?`;
}

/** The session that the target means among those of its VM. Throws `session-not-found` or `ambiguous`. */
export function sessionOf(sessions: readonly Session[], { hostname, session }: Target): Session {
  const found = sessionsNamed(sessions, session);
  const [only] = found;
  if (only && found.length === 1) return only;
  throw statusError({ kind: only ? 'ambiguous' : 'missing', sessions }, hostname, session);
}

/** What another machine at the VM's old address, or nothing there, looks like; or an address that makes no sense. */
export const OLD_ADDRESS: readonly ErrorCode[] = [
  'vm-not-running',
  'unreachable',
  'timed-out',
  'ssh-denied',
  'host-key-changed',
  'host-key-unknown',
  'host-key-revoked',
  'config',
];

const mayBeOld = ({ lags }: FleetAccess, { cached, vm }: Target) => cached || (lags && vm !== null);

function isExplained({ origin, cached }: Target, { code, mayHaveRun }: AppError): boolean {
  if (mayHaveRun) return false;
  if (code === 'session-not-found') return cached && origin === 'found';
  return OLD_ADDRESS.includes(code);
}

/** Whether a fresh look found nothing new. */
export function isSame(a: Target, b: Target): boolean {
  return a.vm?.powerState === b.vm?.powerState && a.session === b.session && placeOf(a) === placeOf(b);
}

function placeOf(target: Target): string {
  const endpoint = endpointOrReason(target);
  if (typeof endpoint === 'string') return endpoint;
  return endpointKey(endpoint);
}

export function endpointOrReason(target: Target): Endpoint | string {
  try {
    return target.endpoint;
  } catch (error) {
    return messageOf(error);
  }
}

function notRunning(vm: Vm, { hostname }: Target, { start }: FleetAccess): AppError {
  if (vm.os === 'windows')
    return new AppError('vm-not-running', `Cannot connect to "${hostname}": it runs Windows, and azlin needs tmux`);
  const verb = vm.powerState === 'Starting' ? 'waits for it' : 'starts it';
  const more = start.isOption ? '; --start does that and then connects' : '';
  const hint = isStartable(vm)
    ? `azlin start ${shellWord(hostname)}   ${verb}${more}`
    : 'its status stands in the inventory file';
  return new AppError('vm-not-running', `Cannot connect to "${hostname}": the VM is ${vm.powerState.toLowerCase()}`, {
    hint,
  });
}

/** Only Azure can be asked to start something. */
function isStartable(vm: Vm): boolean {
  return isAzureVm(vm) && vm.os !== 'windows';
}
