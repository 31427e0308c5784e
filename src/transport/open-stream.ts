import { setMaxListeners } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Clock } from '../domain/clock.ts';
import { orAborted, withDeadline } from '../domain/deadline.ts';
import { formatDuration } from '../domain/duration.ts';
import { AppError } from '../domain/errors.ts';
import { describeHop, type Hop, type Route } from '../domain/jump.ts';
import { type Endpoint, endpointKey, throughHops } from './endpoint.ts';
import { openProxyCommand } from './proxy-command.ts';
import { cannotConnect, cannotJump, connectTimeout } from './ssh-errors.ts';
import { connectTcp, systemLookup } from './tcp.ts';
import type { Dial, Link } from './transport.ts';

export interface StreamSettings {
  readonly clock: Clock;
  /** For ProxyCommand. */
  readonly shell: string;
  readonly warn: (line: string) => void;
  /** The endpoint of a jump host. `inFleet`: its name may be that of a VM. Rejects with an AppError. */
  readonly endpointOfHop: (hop: Hop, inFleet: boolean, signal: AbortSignal) => Promise<Endpoint>;
}

export interface Streams {
  /** A stream to the endpoint's SSH server. Rejects with an AppError, or with the reason of `signal`. */
  open(endpoint: Endpoint, signal: AbortSignal): Promise<Duplex>;
  /** Ends the connections to jump hosts, and the local commands. */
  close(): void;
}

/** The ways to a server: directly, over a command, over other servers, which are `dial`led once and shared. */
export function streams(settings: StreamSettings, dial: Dial): Streams {
  const { clock, warn } = settings;
  const found = new Map<string, Promise<Endpoint>>();
  const links = new Map<string, Promise<Link>>();
  const commands = new Set<Duplex>();
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);

  /** Shared by all who wait: none of them can break it off for the others. */
  const shared = <T>(known: Map<string, Promise<T>>, key: string, make: (signal: AbortSignal) => Promise<T>) => {
    const value = known.get(key) ?? make(closing.signal);
    known.set(key, value);
    value.catch(() => {
      if (known.get(key) === value) known.delete(key);
    });
    return value;
  };

  const linkTo = async (hop: Endpoint, signal: AbortSignal): Promise<Link> => {
    const key = endpointKey(hop);
    const make = (whole: AbortSignal) => dial(hop, whole);
    const current = shared(links, key, make);
    const link = await orAborted(current, signal);
    if (link.alive) return link;
    // Others may have opened another one by now.
    if (links.get(key) === current) links.delete(key);
    return orAborted(shared(links, key, make), signal);
  };

  const overHops = async (
    endpoint: Endpoint,
    { hops: route, inFleet }: Jump,
    signal: AbortSignal,
  ): Promise<Duplex | 'itself'> => {
    const last = route.at(-1);
    if (!last) throw new AppError('bug', 'a jump over no host');
    const name = describeHop(last);
    const before = route.slice(0, -1);
    try {
      const place = await endpointOfHop(last, inFleet, signal);
      // "Every host through this one" does not mean this one.
      if (isSameHost(place, endpoint)) return 'itself';
      // As with ssh, the first host is reached as its own settings say, the others over the one before.
      const hop = before.length > 0 ? throughHops(place, before, inFleet) : place;
      await refuseCircle([endpoint, hop], signal);
      const link = await linkTo(hop, signal);
      const { address: host, port } = endpoint;
      const expired = (limit: string) => new AppError('timed-out', `it did not reach ${host} port ${port} in ${limit}`);
      return await limited({ endpoint, signal, expired }, (within) => link.forward({ host, port }, within));
    } catch (error) {
      signal.throwIfAborted();
      // It may have moved: the next one looks it up again.
      found.delete(`${inFleet} ${name}`);
      throw cannotJump(endpoint, name, inFleet ? error : withoutFleet(error));
    }
  };

  const endpointOfHop = (hop: Hop, inFleet: boolean, signal: AbortSignal) => {
    const find = (whole: AbortSignal) => settings.endpointOfHop(hop, inFleet, whole);
    return orAborted(shared(found, `${inFleet} ${describeHop(hop)}`, find), signal);
  };

  /** Before anything is dialled: hosts that wait for each other's connections would wait for ever. Throws `config`. */
  const refuseCircle = async (chain: readonly Endpoint[], signal: AbortSignal): Promise<void> => {
    const last = chain.at(-1);
    const hop = last?.route.kind === 'jump' ? last.route.hops.at(-1) : undefined;
    if (!last || !hop || last.route.kind !== 'jump') return;
    const { hops, inFleet } = last.route;
    const before = hops.slice(0, -1);
    const place = await endpointOfHop(hop, inFleet, signal);
    const next = before.length > 0 ? throughHops(place, before, inFleet) : place;
    if (isSameHost(place, last))
      return refuseCircle([...chain.slice(0, -1), throughHops(last, before, inFleet)], signal);
    if (!chain.some((one) => isSameHost(one, place))) return refuseCircle([...chain, next], signal);
    const circle = [...chain, place].map(({ label }) => label).join(' -> ');
    throw new AppError('config', `the jump hosts go in a circle: ${circle}`, {
      hint: 'see ProxyJump in the SSH settings, and the jumps that azlin is told',
    });
  };

  const limited = <T>({ endpoint, signal, expired }: Limit, work: (signal: AbortSignal) => Promise<T>) => {
    const ms = endpoint.ssh.connectTimeout;
    return withDeadline({ clock, ms, signal, expired: () => expired(formatDuration(ms)) }, work);
  };

  const direct = async (endpoint: Endpoint, signal: AbortSignal): Promise<Duplex> => {
    const { address: host, port, ssh } = endpoint;
    const to = { host, port, family: ssh.addressFamily };
    try {
      const expired = (limit: string) => connectTimeout(endpoint, 'connect', limit);
      const tcp = { clock, lookup: systemLookup };
      return await limited({ endpoint, signal, expired }, (within) => connectTcp(tcp, to, within));
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof AppError ? error : cannotConnect(endpoint, error);
    }
  };

  const overCommand = (endpoint: Endpoint, command: string): Duplex => {
    const onLine = (line: string) => warn(`${endpoint.label}: ProxyCommand says: ${line}`);
    let stream: Duplex;
    try {
      stream = openProxyCommand({ command, shell: settings.shell, clock, onLine });
    } catch (error) {
      throw cannotConnect(endpoint, error);
    }
    commands.add(stream);
    stream.once('close', () => commands.delete(stream));
    return stream;
  };

  const open = async (endpoint: Endpoint, signal: AbortSignal): Promise<Duplex> => {
    const { route } = endpoint;
    if (route.kind === 'command') return overCommand(endpoint, route.command);
    if (route.kind === 'direct') return direct(endpoint, signal);
    const stream = await overHops(endpoint, route, signal);
    if (stream !== 'itself') return stream;
    return open(throughHops(endpoint, route.hops.slice(0, -1), route.inFleet), signal);
  };

  return {
    async open(endpoint, signal) {
      const stream = await open(endpoint, signal);
      // It may fail before anybody listens, and whoever listens then asks what has become of it.
      stream.on('error', () => {});
      return stream;
    },
    close() {
      closing.abort(new AppError('interrupted', 'Interrupted'));
      for (const link of links.values()) link.then(({ close }) => close()).catch(() => {});
      for (const stream of commands) stream.destroy();
    },
  };
}

/** An address needs no Azure, so a plain name is not looked up among the VMs. */
function withoutFleet(error: unknown): unknown {
  if (!(error instanceof AppError) || !/unknown host name/.test(error.message)) return error;
  const hint = 'an address is reached without asking Azure: give the jump host by its address, or name the VM';
  return new AppError(error.code, error.message, { cause: error.cause, hint });
}

/** An address may be that of many machines, each in a network of its own, and many may share the name of their host keys. */
function isSameHost(a: Endpoint, b: Endpoint): boolean {
  return a.hostKeyAlias === b.hostKeyAlias && a.address === b.address && a.port === b.port;
}

interface Limit {
  readonly endpoint: Endpoint;
  readonly signal: AbortSignal;
  /** `limit`: the time it had, for people. */
  readonly expired: (limit: string) => AppError;
}

type Jump = Extract<Route, { kind: 'jump' }>;
