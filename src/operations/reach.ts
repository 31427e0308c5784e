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
export async function withTarget<T>(
  { access, identifier, signal }: Wanted,
  use: (reached: Reached) => Promise<T>,
): Promise<T> {
  let target = await access.resolver.resolve(identifier, { fresh: false }, signal);
  // A key is pinned on first sight: not to whoever has the VM's old address by now.
  if (target.cached && target.vm && !(await access.isKnownHost(target.endpoint))) {
    access.trace(`${target.hostname}: its host key is not known yet; looking up its address afresh`);
    target = await access.resolver.resolve(identifier, { fresh: true }, signal);
  }
  try {
    return await use(await reach(access, target, signal));
  } catch (error) {
    if (!(error instanceof AppError) || !mayBeStale(target, error)) throw error;
    access.trace(`${describeTarget(target)}: ${error.message}; looking it up afresh`);
    const again = await access.resolver.resolve(identifier, { fresh: true }, signal);
    if (isSame(target, again)) throw error;
    return use(await reach(access, again, signal));
  }
}

async function reach(access: FleetAccess, target: Target, signal: AbortSignal): Promise<Reached> {
  const { endpoint, vm } = target;
  if (vm && !mayAnswer(vm)) throw notRunning(vm, target);
  const connection = await access.transport.connect(endpoint, signal);
  const run = runOverSsh({ connection, endpoint, clock: access.clock, deadline: access.commandDeadline });
  return { target, connection, tmux: tmuxServer(run, target.hostname) };
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

function isSame(a: Target, b: Target): boolean {
  return (
    a.endpoint.address === b.endpoint.address &&
    a.endpoint.port === b.endpoint.port &&
    a.endpoint.user === b.endpoint.user &&
    a.endpoint.hostKeyAlias === b.endpoint.hostKeyAlias &&
    a.session === b.session &&
    a.vm?.powerState === b.vm?.powerState
  );
}

function notRunning(vm: Vm, target: Target): AppError {
  if (vm.os === 'windows')
    return new AppError(
      'vm-not-running',
      `Cannot connect to "${target.hostname}": it runs Windows, and azlin needs tmux`,
    );
  return new AppError(
    'vm-not-running',
    `Cannot connect to "${target.hostname}": the VM is ${vm.powerState.toLowerCase()}`,
    {
      hint: startHint(vm),
    },
  );
}

function startHint({ id, powerState, resourceGroup, name }: Vm): string {
  if (powerState === 'Starting') return 'try again in a minute';
  if (!id.startsWith('/subscriptions/')) return 'its status stands in the inventory file';
  return `az vm start --resource-group ${shellWord(resourceGroup)} --name ${shellWord(name)}`;
}
