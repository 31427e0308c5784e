import type { Clock } from '../../domain/clock.ts';
import type { Slot } from '../../domain/concurrency.ts';
import { orAborted } from '../../domain/deadline.ts';
import type { Chosen } from '../../targets/select.ts';
import { identifierOf, type Target, targetOf } from '../../targets/target.ts';
import type { Transport } from '../../transport/transport.ts';
import type { FleetAccess } from '../access/fleet-access.ts';

/** Milliseconds after which a connection that is being opened gives its place to another VM. */
const PATIENCE = 1_000;

/** The way to the fleet for one of many targets: found once, and nobody is asked or told anything for it alone. `isWaiting`: nothing has begun yet. */
export function accessForOne(
  access: FleetAccess,
  { target }: Chosen,
  { slot, isWaiting }: { readonly slot: Slot; readonly isWaiting: () => boolean },
): FleetAccess {
  return {
    ...access,
    progress: () => {},
    start: { ...access.start, ask: async () => false },
    resolver: {
      async resolve(text, options, signal) {
        if (!options.fresh && text === identifierOf(target)) return target;
        return keepOrigin(await access.resolver.resolve(text, options, signal), target);
      },
    },
    transport: patient(access.transport, access.clock, { slot, isWaiting }),
  };
}

/** Looked up afresh by its own name it would be one that the user named, and a default session would not be made any more. */
function keepOrigin(again: Target, { origin }: Target): Target {
  const { hostname, vm, user, session, cached, fetchedAt } = again;
  return targetOf({ hostname, vm, user, session, origin, cached, fetchedAt }, () => again.endpoint);
}

/** VMs that do not answer hold up nobody else: while one is waited for, its place is another's. */
function patient(
  transport: Transport,
  clock: Clock,
  { slot, isWaiting }: { readonly slot: Slot; readonly isWaiting: () => boolean },
): Transport {
  return {
    ...transport,
    async connect(endpoint, signal, onStep) {
      // A command that runs keeps its place, whatever becomes of its connection.
      if (!isWaiting()) return transport.connect(endpoint, signal, onStep);
      const cancel = clock.schedule(PATIENCE, slot.lend);
      try {
        return await transport.connect(endpoint, signal, onStep);
      } finally {
        cancel();
        await orAborted(slot.takeBack(), signal);
      }
    },
  };
}
