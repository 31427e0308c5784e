import type { Caller } from '../../domain/caller.ts';
import { hasTrait } from '../../domain/error-traits.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import { isAzureVm, mayAnswer, type Vm } from '../../domain/vm.ts';
import { describeRef, type Target, type TargetRef, targetOf } from '../../targets/target.ts';
import type { FleetAccess } from './fleet-access.ts';
import { endpointOrReason, mayBeOld } from './old-data.ts';

/** What the caller wants to reach. */
export interface Wanted {
  readonly access: FleetAccess;
  readonly target: TargetRef;
  /** Do not use an earlier answer of the inventory if something is missing from it. */
  readonly whole?: boolean;
  readonly caller: Caller;
}

/** Resolves what is wanted. Before a host key is pinned on first sight, looks the address up again: another VM may have the old one by now. */
export async function firstTarget(wanted: Wanted): Promise<Target> {
  const { access, target: ref, whole = false, caller } = wanted;
  const target = typeof ref === 'string' ? await access.resolver.resolve(ref, { fresh: false, whole }, caller) : ref;
  if (!mayBeOld(access, target) || !target.vm || !mayAnswer(target.vm) || (await isKnown(access, target)))
    return target;
  caller.trace(`${target.hostname}: its host key is not known yet; looking up its address again`);
  return latestTarget(wanted);
}

/** Resolves what is wanted with the latest data. If the inventory lags, Azure is also asked about the VM itself. */
export async function latestTarget({ access, target: ref, caller }: Wanted): Promise<Target> {
  const { resolver, power, settings } = access;
  const target =
    typeof ref === 'string'
      ? await resolver.resolve(ref, { fresh: true }, caller)
      : await resolver.refresh(ref, caller);
  const { vm, hostname } = target;
  if (!vm || !settings.lags || !isAzureVm(vm)) return target;
  try {
    return targetNow(access, target, await power.look({ vm, hostname }, caller));
  } catch (error) {
    // Without that answer, no key may be pinned for the address. And that the VM is gone must be reported.
    const isGone = error instanceof AppError && error.code === 'vm-not-found';
    if (caller.signal.aborted || isGone || !(await isKnown(access, target))) throw error;
    caller.trace(`${hostname}: could not look up its current state: ${messageOf(error)}`);
    return target;
  }
}

/** The latest target. If it cannot be looked up, warns and resolves to undefined: then what is already known counts. */
export async function latestOrWarning(wanted: Wanted): Promise<Target | undefined> {
  try {
    return await latestTarget(wanted);
  } catch (error) {
    if (!(error instanceof AppError) || hasTrait(error.code, 'news')) throw error;
    wanted.caller.warn(`"${describeRef(wanted.target)}" could not be looked up again: ${error.message}`);
    return undefined;
  }
}

/** The same target, with the current data of its VM. */
export function targetNow({ now, endpoints }: FleetAccess, target: Target, vm: Vm): Target {
  const { hostname, user, session, origin } = target;
  const fields = { hostname, vm, user, session, origin, cached: false, fetchedAt: now() };
  return targetOf(fields, () => endpoints.of(vm, user));
}

/** Whether a host key is pinned for the target; false for a VM that cannot be addressed. */
async function isKnown({ hostKeys }: FleetAccess, target: Target): Promise<boolean> {
  const endpoint = endpointOrReason(target);
  return typeof endpoint !== 'string' && hostKeys.isPinned(endpoint);
}
