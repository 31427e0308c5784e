import { AppError } from '../../domain/errors.ts';
import type { RunScript } from '../../domain/remote-script.ts';
import { mayAnswer } from '../../domain/vm.ts';
import { describeTarget, type Target } from '../../targets/target.ts';
import { type TmuxServer, tmuxServer } from '../../tmux/server.ts';
import { runOverSsh } from '../../transport/run-script.ts';
import type { Connection } from '../../transport/transport.ts';
import { connectWhenUp } from './connect-when-up.ts';
import type { FleetAccess } from './fleet-access.ts';
import { firstTarget, latestOrWarning, targetNow, type Wanted } from './look-up.ts';
import { isExplained, isSame, mayBeOld } from './old-data.ts';
import { isStartable, notRunning, startIfWanted } from './start-vm.ts';

/** A target whose VM is connected. */
export interface Reached {
  readonly target: Target;
  readonly connection: Connection;
  /** Runs short scripts there. */
  readonly run: RunScript;
  readonly tmux: TmuxServer;
}

/**
 * Looks the target up, connects to it and calls `use`. If that fails in a way that outdated data could explain (the VM moved, stopped or was recreated, or the
 * session is gone), tries once more with fresh data before it rejects. `use` may fail with `session-not-found` only while nothing has happened yet.
 */
export async function withTarget<T>(wanted: Wanted, use: (reached: Reached) => Promise<T>): Promise<T> {
  const { access, caller } = wanted;
  const target = await firstTarget(wanted);
  if (!mayBeOld(access, target)) return use(await reachOrStart(wanted, target));
  try {
    return await use(await reach(wanted, target));
  } catch (error) {
    if (!(error instanceof AppError) || !isExplained(target, error)) throw error;
    caller.trace(`${describeTarget(target)}: ${error.message}; looking it up again`);
    const again = await latestOrWarning(wanted);
    if (!again) throw error;
    const maybeStarting = caller.start.always && again.vm !== null && isStartable(again.vm);
    if (error.code !== 'vm-not-running' && !maybeStarting && isSame(target, again)) throw error;
    return use(await reachOrStart(wanted, again));
  }
}

async function reach({ access, caller }: Wanted, target: Target): Promise<Reached> {
  const { vm, hostname } = target;
  if (vm && !mayAnswer(vm)) throw notRunning({ vm, hostname }, caller);
  return connected(access, target, await access.transport.connect(target.endpoint, caller));
}

export function connected({ clock, settings }: FleetAccess, target: Target, connection: Connection): Reached {
  const { endpoint, hostname } = target;
  const run = runOverSsh({ connection, endpoint, clock, deadline: settings.commandDeadline });
  return { target, connection, run, tmux: tmuxServer(run, hostname) };
}

/** Like `reach`, for a target whose data is fresh: if its VM is stopped, the caller may want it started. */
async function reachOrStart(wanted: Wanted, target: Target): Promise<Reached> {
  const { access, caller } = wanted;
  const { vm, hostname } = target;
  if (!vm || !isStartable(vm)) return reach(wanted, target);
  try {
    if (mayAnswer(vm)) {
      if (!caller.start.always) return await reach(wanted, target);
      // Somebody may have started it a moment ago.
      return connected(access, target, await connectWhenUp(access, { target, hasJustStarted: false }, caller));
    }
    const started = targetNow(access, target, await startIfWanted(access, { vm, hostname }, caller));
    return connected(access, started, await connectWhenUp(access, { target: started, hasJustStarted: true }, caller));
  } finally {
    caller.progress(undefined);
  }
}
