import type { Caller } from '../../domain/caller.ts';
import { AppError } from '../../domain/errors.ts';
import { shellWord } from '../../domain/text.ts';
import type { FleetAccess } from '../../operations/access/fleet-access.ts';
import { aloneTarget, type Target } from '../../targets/target.ts';

/** What runs on a VM without a session. */
export interface Alone {
  /** The reason: `--no-session`. */
  readonly why: string;
  /** The line before the identifier: `azlin exec --no-session`. */
  readonly line: string;
}

/** Adds a session, which is not used, so that the identifier is resolved by its VM alone. Throws `usage` if it names one. */
export function vmAlone(identifier: string, session: string, { why, line }: Alone): string {
  if (!identifier.replace(/\[.*\]/, '').includes(':')) return `${identifier}:${session}`;
  throw new AppError('usage', `"${identifier}" names a session, but ${why} uses none`, {
    hint: `name the VM alone: ${line} ${shellWord(identifier.replace(/:[^:]*$/, ''))}`,
  });
}

/** The VM that the identifier names, without a session. */
export async function resolveAlone(
  access: FleetAccess,
  { identifier, ...alone }: Alone & { readonly identifier: string },
  caller: Caller,
): Promise<Target> {
  const text = vmAlone(identifier, access.settings.defaultSession, alone);
  return aloneTarget(await access.resolver.resolve(text, { fresh: false }, caller));
}
