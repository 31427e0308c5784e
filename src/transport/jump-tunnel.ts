import { setMaxListeners } from 'node:events';
import type { Duplex } from 'node:stream';
import { type Caller, withSignal } from '../domain/caller.ts';
import { orAborted } from '../domain/deadline.ts';
import { AppError } from '../domain/errors.ts';
import { describeHop, type Hop, type Route } from '../domain/route.ts';
import { connectInTime } from './connect-in-time.ts';
import { type Endpoint, endpointKey, throughHops } from './endpoint.ts';
import { cannotJump } from './ssh-errors.ts';
import type { Dial, Link } from './transport.ts';
import type { Tunnel, TunnelSettings } from './tunnel.ts';

type Jump = Extract<Route, { kind: 'jump' }>;

/** Streams forwarded by another SSH server. Connections to jump hosts are opened once with `dial` and shared; `other` opens what needs no jump after all. */
export function jumpTunnel(settings: TunnelSettings, dial: Dial, other: Tunnel['open']): Tunnel {
  const { clock } = settings;
  const found = new Map<string, Promise<Endpoint>>();
  const links = new Map<string, Promise<Link>>();
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);

  /** Shares one piece of work among all who wait for it. None of them can cancel it for the others. The first one hears about its progress. */
  const shared = <T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>) => {
    const value = known.get(key) ?? make();
    known.set(key, value);
    value.catch(() => {
      if (known.get(key) === value) known.delete(key);
    });
    return value;
  };
  const whole = (caller: Caller) => withSignal(caller, closing.signal);

  const linkTo = async (hop: Endpoint, caller: Caller): Promise<Link> => {
    const key = endpointKey(hop);
    const make = () => dial(hop, whole(caller));
    const current = shared(links, key, make);
    const link = await orAborted(current, caller.signal);
    if (link.alive) return link;
    // Another caller may have opened a new one by now.
    if (links.get(key) === current) links.delete(key);
    return orAborted(shared(links, key, make), caller.signal);
  };

  const endpointOfHop = (hop: Hop, inFleet: boolean, caller: Caller) => {
    const find = () => settings.endpointOfHop(hop, inFleet, whole(caller));
    return orAborted(shared(found, `${inFleet} ${describeHop(hop)}`, find), caller.signal);
  };

  const overHops = async (
    endpoint: Endpoint,
    { hops: route, inFleet }: Jump,
    caller: Caller,
  ): Promise<Duplex | 'itself'> => {
    const last = route.at(-1);
    if (!last) throw new AppError('bug', 'a jump without a host');
    const name = describeHop(last);
    const before = route.slice(0, -1);
    try {
      const place = await endpointOfHop(last, inFleet, caller);
      // A setting "reach every host through this one" does not apply to this one.
      if (isSameHost(place, endpoint)) return 'itself';
      // As with ssh, the first jump host is reached according to its own settings, and each other one through the one before it.
      const hop = before.length > 0 ? throughHops(place, before, inFleet) : place;
      await refuseCircle([endpoint, hop], caller);
      const link = await linkTo(hop, caller);
      const { address: host, port } = endpoint;
      const expired = (limit: string) => new AppError('timed-out', `it did not reach ${host} port ${port} in ${limit}`);
      const connecting = { clock, endpoint, caller, expired };
      return await connectInTime(connecting, (within) => link.forward({ host, port }, within));
    } catch (error) {
      caller.signal.throwIfAborted();
      // The jump host may have moved, so the next call looks it up again.
      found.delete(`${inFleet} ${name}`);
      throw cannotJump(endpoint, name, inFleet ? error : withoutFleet(error));
    }
  };

  /** Throws `config` if jump hosts form a loop, before anything is dialled: they would wait for each other's connections for ever. */
  const refuseCircle = async (chain: readonly Endpoint[], caller: Caller): Promise<void> => {
    const last = chain.at(-1);
    const hop = last?.route.kind === 'jump' ? last.route.hops.at(-1) : undefined;
    if (!last || !hop || last.route.kind !== 'jump') return;
    const { hops, inFleet } = last.route;
    const before = hops.slice(0, -1);
    const place = await endpointOfHop(hop, inFleet, caller);
    const next = before.length > 0 ? throughHops(place, before, inFleet) : place;
    if (isSameHost(place, last))
      return refuseCircle([...chain.slice(0, -1), throughHops(last, before, inFleet)], caller);
    if (!chain.some((one) => isSameHost(one, place))) return refuseCircle([...chain, next], caller);
    const circle = [...chain, place].map(({ label }) => label).join(' -> ');
    throw new AppError('config', `the jump hosts form a loop: ${circle}`, {
      hint: 'check ProxyJump in the SSH settings, and the jump hosts in the settings of azlin',
    });
  };

  return {
    async open(endpoint, caller) {
      const { route } = endpoint;
      if (route.kind !== 'jump') throw new AppError('bug', 'no jump host leads there');
      const stream = await overHops(endpoint, route, caller);
      if (stream !== 'itself') return stream;
      return other(throughHops(endpoint, route.hops.slice(0, -1), route.inFleet), caller);
    },
    close() {
      closing.abort(new AppError('interrupted', 'Interrupted'));
      for (const link of links.values()) link.then(({ close }) => close()).catch(() => {});
    },
  };
}

/** Adds a hint to "unknown host name". For an address azlin does not ask Azure, so a plain name is not looked up among the VMs. */
function withoutFleet(error: unknown): unknown {
  if (!(error instanceof AppError) || !/unknown host name/.test(error.message)) return error;
  const hint = 'azlin does not ask Azure for an address: give the jump host by address too, or name the VM';
  return new AppError(error.code, error.message, { cause: error.cause, hint });
}

/** Compares all of these, because machines in different networks may have the same address, and several may share the name of their host keys. */
function isSameHost(a: Endpoint, b: Endpoint): boolean {
  return a.hostKeyAlias === b.hostKeyAlias && a.address === b.address && a.port === b.port;
}
