import type { Caller } from '../../domain/caller.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { firstTarget } from '../access/look-up.ts';

/** A VM whose sessions are watched over a connection, and perhaps the one session that is meant. */
export interface WatchedVm {
  readonly hostname: string;
  /** The name that its host keys are kept under. */
  readonly vm: string;
  /** Undefined for all of its sessions. */
  readonly session: string | undefined;
  /** Uses the connection, so that it stays. Rejects with an AppError when the VM cannot be reached. */
  touch(): Promise<void>;
}

/** Connects to what an identifier means. Rejects with an AppError when that fails. */
export async function watchVm(access: FleetAccess, identifier: string, caller: Caller): Promise<WatchedVm> {
  const target = await firstTarget({ access, target: identifier, caller });
  const { hostname, endpoint, session, origin } = target;
  const touch = async () => {
    await access.transport.connect(endpoint, caller);
  };
  await touch();
  return { hostname, vm: endpoint.hostKeyAlias, session: origin === 'default' ? undefined : session, touch };
}
