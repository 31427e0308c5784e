import type { Caller } from '../../domain/caller.ts';
import { AppError } from '../../domain/errors.ts';
import { shellWord } from '../../domain/text.ts';
import type { FleetAccess } from '../../operations/access/fleet-access.ts';
import { aloneTarget, type Target } from '../../targets/target.ts';

/** Adds a session, which is not used, so that the identifier is resolved by its VM alone. `option`: the reason why there is none. Throws `usage`. */
export function vmAlone(identifier: string, session: string, option: string): string {
  if (!identifier.replace(/\[.*\]/, '').includes(':')) return `${identifier}:${session}`;
  throw new AppError('usage', `${option} uses no session: name the VM alone`, {
    hint: `${option} with ${shellWord(identifier.replace(/:[^:]*$/, ''))}`,
  });
}

/** The VM that the identifier names, without a session. */
export async function resolveAlone(
  access: FleetAccess,
  { identifier, option }: { readonly identifier: string; readonly option: string },
  caller: Caller,
): Promise<Target> {
  const text = vmAlone(identifier, access.settings.defaultSession, option);
  return aloneTarget(await access.resolver.resolve(text, { fresh: false }, caller));
}
