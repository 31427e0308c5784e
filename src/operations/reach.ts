import { pause } from '../domain/clock.ts';
import { AppError, type ErrorCode } from '../domain/errors.ts';
import { type Session, sessionsNamed } from '../domain/session.ts';
import { shellWord } from '../domain/text.ts';
import { mayAnswer, type Vm } from '../domain/vm.ts';
import { describeTarget, type Target } from '../targets/target.ts';
import { statusError, type TmuxServer, tmuxServer } from '../tmux/server.ts';
import { runOverSsh } from '../transport/run-argv.ts';
import type { Connection } from '../transport/transport.ts';
import type { FleetAccess } from './fleet-access.ts';

/** What the user named, and how to get there. */
export interface Wanted {
  readonly access: FleetAccess;
  readonly identifier: string;
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
  const { access, identifier, signal } = wanted;
  const target = await firstTarget(wanted);
  if (!target.cached) return use(await reachOrStart(wanted, target));
  try {
    return await use(await reach(access, target, signal));
  } catch (error) {
    if (!(error instanceof AppError) || !mayBeStale(target, error)) throw error;
    access.trace(`${describeTarget(target)}: ${error.message}; looking it up afresh`);
    const again = await access.resolver.resolve(identifier, { fresh: true }, signal);
    if (error.code !== 'vm-not-running' && isSame(target, again)) throw error;
    return use(await reachOrStart(wanted, again));
  }
}

/** What the user named. A key is pinned on first sight: not to whoever has the VM's old address by now. */
export async function firstTarget({ access, identifier, signal }: Wanted): Promise<Target> {
  const target = await access.resolver.resolve(identifier, { fresh: false }, signal);
  if (!target.cached || !target.vm || !mayAnswer(target.vm) || (await access.isKnownHost(target.endpoint)))
    return target;
  access.trace(`${target.hostname}: its host key is not known yet; looking up its address afresh`);
  return access.resolver.resolve(identifier, { fresh: true }, signal);
}

async function reach(access: FleetAccess, target: Target, signal: AbortSignal): Promise<Reached> {
  const { vm } = target;
  if (vm && !mayAnswer(vm)) throw notRunning(vm, target);
  return connected(access, target, await access.transport.connect(target.endpoint, signal));
}

function connected(access: FleetAccess, target: Target, connection: Connection): Reached {
  const { endpoint, hostname } = target;
  const run = runOverSsh({ connection, endpoint, clock: access.clock, deadline: access.commandDeadline });
  return { target, connection, tmux: tmuxServer(run, hostname) };
}

/** As `reach`, for a target that is known to be fresh: if its VM is stopped, the user may want it started. */
async function reachOrStart(wanted: Wanted, target: Target): Promise<Reached> {
  const { access, identifier, signal } = wanted;
  const { vm, hostname } = target;
  if (!vm || mayAnswer(vm) || !isStartable(vm)) return reach(access, target, signal);
  const refusal = notRunning(vm, target);
  if (!(await access.mayStart(`"${hostname}" is ${vm.powerState.toLowerCase()}. Start it?`))) throw refusal;
  access.progress(`Starting ${hostname}`);
  try {
    await access.power.start(vm, signal);
    access.progress(`${hostname} runs; waiting for its SSH server`);
    const started = await access.resolver.resolve(identifier, { fresh: true }, signal);
    return connected(access, started, await connectWhenUp(access, started, signal));
  } finally {
    access.progress(undefined);
  }
}

/** What a VM that is still booting looks like: nobody listens, the server hangs up, or lets nobody in yet. */
const BOOTING: readonly ErrorCode[] = ['unreachable', 'timed-out', 'connection-lost', 'ssh-denied'];
const BOOT_RETRY = 1_000;
/** Milliseconds after the first refusal of a key for which it may be due to booting. */
const BOOT_REFUSALS = 30_000;

async function connectWhenUp(access: FleetAccess, target: Target, signal: AbortSignal): Promise<Connection> {
  const { clock, transport, startDeadline } = access;
  const until = clock.now() + startDeadline;
  let refusedUntil = until;
  for (;;) {
    try {
      return await transport.connect(target.endpoint, signal);
    } catch (error) {
      if (!(error instanceof AppError) || !BOOTING.includes(error.code)) throw error;
      if (error.code === 'ssh-denied') refusedUntil = Math.min(refusedUntil, clock.now() + BOOT_REFUSALS);
      if (clock.now() + BOOT_RETRY > Math.min(until, refusedUntil)) throw error;
      access.trace(`${target.hostname}: ${error.message}; it may still be booting`);
    }
    await pause(clock, BOOT_RETRY, signal);
  }
}

/** The session that the target means among those of its VM. Throws `session-not-found` or `ambiguous`. */
export function sessionOf(sessions: readonly Session[], { hostname, session }: Target): Session {
  const found = sessionsNamed(sessions, session);
  const [only] = found;
  if (only && found.length === 1) return only;
  throw statusError({ kind: only ? 'ambiguous' : 'missing', sessions }, hostname, session);
}

/** What another machine at the VM's old address, or nothing there, looks like. */
const STALE_ADDRESS: readonly ErrorCode[] = [
  'vm-not-running',
  'unreachable',
  'timed-out',
  'ssh-denied',
  'host-key-changed',
  'host-key-unknown',
];

function mayBeStale({ cached, origin }: Target, { code }: AppError): boolean {
  if (!cached) return false;
  if (code === 'session-not-found') return origin === 'found';
  return STALE_ADDRESS.includes(code);
}

/** Whether a fresh look found nothing new. */
export function isSame(a: Target, b: Target): boolean {
  return (
    a.vm?.powerState === b.vm?.powerState &&
    a.endpoint.address === b.endpoint.address &&
    a.endpoint.port === b.endpoint.port &&
    a.endpoint.user === b.endpoint.user &&
    a.endpoint.hostKeyAlias === b.endpoint.hostKeyAlias &&
    a.session === b.session
  );
}

function notRunning(vm: Vm, { hostname }: Target): AppError {
  if (vm.os === 'windows')
    return new AppError('vm-not-running', `Cannot connect to "${hostname}": it runs Windows, and azlin needs tmux`);
  const hint = isStartable(vm)
    ? `azlin start ${shellWord(hostname)}   starts it; --start does that and then connects`
    : 'its status stands in the inventory file';
  return new AppError('vm-not-running', `Cannot connect to "${hostname}": the VM is ${vm.powerState.toLowerCase()}`, {
    hint,
  });
}

/** Only Azure can be asked to start something. */
function isStartable({ id, os }: Vm): boolean {
  return id.startsWith('/subscriptions/') && os !== 'windows';
}
