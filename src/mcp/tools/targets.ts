import { AppError } from '../../domain/errors.ts';
import { qualifiedNames, type Vm } from '../../domain/vm.ts';
import { sessionsThere, underRealName } from '../../operations/sessions/real-name.ts';
import { aloneTarget, type Target } from '../../targets/target.ts';
import type { UsedSession } from '../sessions.ts';
import type { ToolCall } from '../tool.ts';

const hasSession = (server: string) => server.replace(/\[.*\]/, '').includes(':');

/** The session that an identifier means, if the settings allow the call there: rules are about VMs and sessions, not about what somebody calls them. Rejects with an AppError. */
export async function permitted(identifier: string, call: ToolCall): Promise<Target> {
  const { caller, context, permit, isAboutSessions } = call;
  const { access } = context;
  const named = await access.resolver.resolve(identifier, { fresh: false }, caller);
  const target = isAboutSessions ? await underRealName(access, named, caller) : named;
  await permit(target);
  return target;
}

/** Where the session of an agent is now, whose name means `named`: a person may have renamed it, or it has ended, and another one may have its name. Rejects with an AppError. */
export async function whereNow(
  { kept: { identity, login, server } }: UsedSession,
  named: Target,
  call: ToolCall,
): Promise<Target | 'ended' | 'another'> {
  if (identity === null) return named;
  const there = await sessionsThere(call.context.access, named, call.caller);
  const own = there.find((one) => one.identity === identity);
  if (!own) return there.some(({ name }) => name === named.session) ? 'another' : 'ended';
  return own.name === named.session
    ? named
    : permitted(`${login === null ? '' : `${login}@`}${server}:${own.name}`, call);
}

/** The same for a VM with all that is on it, or a session if one is named. */
export async function vmOrSession(identifier: string, call: ToolCall): Promise<Target> {
  if (hasSession(identifier)) return permitted(identifier, call);
  const target = await call.context.access.resolver.resolve(identifier, { fresh: false }, call.caller);
  if (target.origin !== 'default') return permitted(identifier, call);
  await call.permit(aloneTarget(target));
  return target;
}

/** The same for where a command runs: in a session if one is named, else on the VM alone. */
export async function placeOf(server: string, call: ToolCall): Promise<Target> {
  if (hasSession(server)) return permitted(server, call);
  return vmOf(server, call);
}

/** The same for a VM. */
export async function vmOf(server: string, { caller, context, permit }: ToolCall): Promise<Target> {
  const { access } = context;
  const target = aloneTarget(
    await access.resolver.resolve(sessionOn(server, access.settings.defaultSession), { fresh: false }, caller),
  );
  await permit(target);
  return target;
}

/** The identifier of a session on a VM. Throws `usage` if the server names a session already. */
export function sessionOn(server: string, session: string): string {
  if (!hasSession(server)) return `${server}:${session}`;
  throw new AppError('usage', `"${server}" names a session; name the VM only`);
}

/** VMs by what lists call them, as far as they are known without asking again: for rules. */
export async function knownVms({ context, caller }: ToolCall) {
  const { vms } = await context.access.inventory.listVms({ fresh: false, whole: true }, caller);
  const names = new Map<string, Vm>();
  for (const vm of vms) names.set(`${vm.resourceGroup}/${vm.name}`, vm);
  for (const [vm, name] of qualifiedNames(vms)) names.set(name, vm);
  return (hostname: string) => ({ hostname, vm: names.get(hostname) ?? null });
}
