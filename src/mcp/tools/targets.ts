import { AppError } from '../../domain/errors.ts';
import { qualifiedNames } from '../../domain/vm.ts';
import { aloneTarget, type Target } from '../../targets/target.ts';
import type { ToolCall } from '../tool.ts';

const hasSession = (server: string) => server.replace(/\[.*\]/, '').includes(':');

/** What an identifier means, if the settings allow the call there: rules are about VMs and sessions, not about what somebody calls them. Rejects with an AppError. */
export async function permitted(identifier: string, { caller, context, permit }: ToolCall): Promise<Target> {
  const target = await context.access.resolver.resolve(identifier, { fresh: false }, caller);
  permit(target);
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
  permit(target);
  return target;
}

/** The identifier of a session on a VM. Throws `usage` if the server names a session already. */
export function sessionOn(server: string, session: string): string {
  if (!hasSession(server)) return `${server}:${session}`;
  throw new AppError('usage', `"${server}" names a session; name the VM only`);
}

/** The tags of VMs by their names, as far as they are known without asking again: for rows of lists. */
export async function knownTags({ context, caller }: ToolCall) {
  const { vms } = await context.access.inventory.listVms({ fresh: false, whole: true }, caller);
  const tags = new Map([...qualifiedNames(vms)].map(([vm, name]) => [name, vm]));
  return (hostname: string) => ({ hostname, vm: tags.get(hostname) ?? null });
}
