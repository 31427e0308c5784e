import type { Caller } from '../domain/caller.ts';
import { messageOf } from '../domain/errors.ts';
import { describeHop, type Hop } from '../domain/jump.ts';
import type { Endpoint } from '../transport/endpoint.ts';
import type { Transport } from '../transport/transport.ts';
import { type Destination, hopKey } from './messages.ts';

export interface DestinationSettings extends Pick<Destination, 'knownHosts' | 'settings' | 'persist' | 'watch'> {
  /** Connects from this process, and for it alone. */
  readonly direct: Transport;
  readonly endpointOfHop: (hop: Hop, inFleet: boolean, caller: Caller) => Promise<Endpoint>;
}

/** Where to connect to, and over what. Undefined for what must not be shared: an agent that is forwarded, and commands that need the environment of their caller. */
export async function destinationOf(
  endpoint: Endpoint,
  { endpointOfHop, knownHosts, settings, persist, watch }: DestinationSettings,
  caller: Caller,
): Promise<Destination | undefined> {
  const hops = new Map<string, Endpoint>();
  const waiting = [endpoint];
  try {
    for (let one = waiting.pop(); one; one = waiting.pop()) {
      const { route, ssh } = one;
      if (route.kind === 'command' || ssh.forwardAgent !== undefined) return undefined;
      if (route.kind !== 'jump') continue;
      for (const hop of route.hops) {
        const key = hopKey(describeHop(hop), route.inFleet);
        if (hops.has(key)) continue;
        const place = await endpointOfHop(hop, route.inFleet, caller);
        hops.set(key, place);
        waiting.push(place);
      }
    }
  } catch (error) {
    caller.signal.throwIfAborted();
    // Connecting directly fails with an error that names the way.
    caller.trace(`the way to ${endpoint.label} is not known: ${messageOf(error)}`);
    return undefined;
  }
  return { endpoint, hops: [...hops], knownHosts, settings, persist, watch };
}
