import { type Caller, withSignal } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Slot } from '../../domain/concurrency.ts';
import { orAborted } from '../../domain/deadline.ts';
import type { Transport } from '../../transport/transport.ts';
import type { FleetAccess } from '../access/fleet-access.ts';

/** Milliseconds after which a connection that is still being opened lends its place to another VM. */
const PATIENCE = 1_000;

interface Place {
  readonly slot: Slot;
  /** Whether nothing has begun yet. */
  readonly isWaiting: () => boolean;
}

/** Access to the fleet for one of many targets. */
export function accessForOne(access: FleetAccess, place: Place): FleetAccess {
  return { ...access, transport: patient(access.transport, access.clock, place) };
}

/** The caller for one of many targets, without questions and progress. */
export function callerForOne(caller: Caller, signal: AbortSignal): Caller {
  return { ...withSignal(caller, signal), progress: () => {}, start: { ...caller.start, ask: async () => false } };
}

/** Lends a VM's place to another one while its connection is waited for, so that VMs that do not answer hold up nobody else. */
function patient(transport: Transport, clock: Clock, { slot, isWaiting }: Place): Transport {
  return {
    ...transport,
    async connect(endpoint, caller, onStep) {
      // A command that is running keeps its place, whatever happens to its connection.
      if (!isWaiting()) return transport.connect(endpoint, caller, onStep);
      const cancel = clock.schedule(PATIENCE, slot.lend);
      try {
        return await transport.connect(endpoint, caller, onStep);
      } finally {
        cancel();
        await orAborted(slot.takeBack(), caller.signal);
      }
    },
  };
}
