import { isIPv4 } from 'node:net';
import type { Duplex } from 'node:stream';
import { backOff } from '../../domain/back-off.ts';
import { type Caller, withSignal } from '../../domain/caller.ts';
import { pause } from '../../domain/clock.ts';
import { orAborted, withDeadline } from '../../domain/deadline.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import { type Bastion, groupOf, type Route, withoutTunnels } from '../../domain/route.ts';
import { connectInTime } from '../connect-in-time.ts';
import type { Endpoint } from '../endpoint.ts';
import { describeEndpoint, reasonOf } from '../ssh-errors.ts';
import type { Tunnel, TunnelSettings } from '../tunnel.ts';
import { isNodeTrouble, nodeTrouble } from './bastion-errors.ts';
import type { BastionGate } from './bastion-gate.ts';
import { type BastionSession, openSession } from './bastion-session.ts';
import { openStream } from './bastion-stream.ts';

type Through = Extract<Route, { readonly kind: 'bastion' }>;

/** Milliseconds in which a node passes on the first words of the server, at the first attempt. */
const NODE_PATIENCE = 4_000;
/** Milliseconds that ending a session may take. */
const LEAVING = 3_000;
const AGAIN = { first: 200, longest: 1_000, jitter: 1 };

/** WebSockets through Azure Bastion. Nothing listens on this machine, and no process is started. */
export function bastionTunnel({ clock, bastions: gate }: TunnelSettings): Tunnel {
  const running = new Set<Duplex>();

  const leave = (session: BastionSession) => {
    const limit = { clock, ms: LEAVING, signal: new AbortController().signal, expired: () => new Error('too late') };
    withDeadline(limit, session.leave).catch(() => {});
  };

  const openOnce = async (tunnel: Opening, attempt: number, { signal }: Caller): Promise<Duplex> => {
    const { endpoint, route, bastion, token } = tunnel;
    // A node that says nothing may also wait for a VM that is slow.
    const ms = NODE_PATIENCE * 2 ** (attempt - 1);
    const ip = route.vmId === undefined ? endpoint.address : undefined;
    const session = await openSession({
      ...{ bastion, ip, token, signal },
      target: route.vmId ?? hostConnect(bastion, endpoint),
      port: endpoint.port,
      async agentFor(url) {
        const way = await tunnel.gate.agentFor(url, 'requests');
        tunnel.proxy = way.proxy;
        return way.agent;
      },
    });
    try {
      const { agent } = await tunnel.gate.agentFor(new URL(session.url.href.replace(/^wss/, 'https')), 'streams');
      const expired = () => nodeTrouble('its node did not pass anything on');
      const stream = await withDeadline({ clock, ms, signal, expired }, (limited) =>
        openStream({ bastion, session, agent, signal: limited }),
      );
      if (stream.destroyed) leave(session);
      else onDestroy(stream, () => leave(session));
      return stream;
    } catch (error) {
      leave(session);
      throw error;
    }
  };

  /** Asks again when a node is in trouble, as long as there is time. */
  const openPatiently = async (tunnel: Opening, caller: Caller): Promise<Duplex> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await openOnce(tunnel, attempt, caller);
      } catch (error) {
        if (!isNodeTrouble(error)) throw error;
        tunnel.trouble = error;
        caller.trace(`${tunnel.endpoint.label}: Bastion ${tunnel.bastion.name}: ${error.message}; trying again`);
        await pause(clock, backOff(AGAIN, attempt), caller.signal);
      }
    }
  };

  return {
    async open(endpoint, caller) {
      const { route } = endpoint;
      if (route.kind !== 'bastion' || !gate) throw new AppError('bug', 'no Bastion leads there');
      const bastion = typeof route.bastion === 'string' ? await gate.find(route.bastion, caller) : route.bastion;
      const failed = (error: unknown) => cannotPass(endpoint, bastion, error);
      const without = withoutTunnels(bastion);
      if (without) throw failed(new AppError('config', `it ${without.problem}`, { hint: without.cure }));
      const tunnel: Opening = { gate, endpoint, route, bastion, token: '', trouble: undefined, proxy: undefined };
      const free = await gate.places.take(bastion, caller);
      try {
        tunnel.token = await orAborted(gate.token(bastion, caller), caller.signal);
        const expired = (limit: string) => failed(tooLate(limit, tunnel.trouble));
        const stream = await connectInTime({ clock, endpoint, caller, expired }, (signal) =>
          openPatiently(tunnel, withSignal(caller, signal)),
        );
        // A stream that ended after the last check would keep its place for ever.
        if (stream.closed) free();
        else stream.once('close', free);
        running.add(stream);
        stream.once('close', () => running.delete(stream));
        // Only a socket closes by itself when the other side has ended.
        stream.once('end', () => stream.destroy());
        return stream;
      } catch (error) {
        free();
        caller.signal.throwIfAborted();
        throw error instanceof AppError && error.message.startsWith('Cannot connect')
          ? error
          : failed(byProxy(error, tunnel));
      }
    },
    close() {
      for (const stream of running) stream.destroy();
    },
  };
}

interface Opening {
  readonly gate: BastionGate;
  readonly endpoint: Endpoint;
  readonly route: Through;
  readonly bastion: Bastion;
  token: string;
  /** What was wrong with the last node. */
  trouble: Error | undefined;
  /** The proxy on the way to the Bastion. */
  proxy: string | undefined;
}

/** The error, as one of the proxy if there is one that could not be reached or refuses. */
function byProxy(error: unknown, { proxy, bastion }: Opening): unknown {
  const { code = '' } = error as { code?: string };
  if (proxy === undefined || error instanceof AppError || !/^(PROXY_|E[A-Z])/.test(code)) return error;
  const [, status] = /^PROXY_(\d+)$/.exec(code) ?? [];
  const what = status === undefined ? `failed: ${reasonOf(error)}` : `refused the connection: HTTP status ${status}`;
  const host = bastion.dnsName.replace(/:.*/, '');
  return new AppError('unreachable', `the proxy ${proxy} ${what}`, {
    cause: error,
    hint: `check the proxy, or add ${host} to NO_PROXY`,
  });
}

/** Calls `run` as soon as the stream is destroyed. It closes only after the other side has agreed, and this process may have ended by then. */
function onDestroy(stream: Duplex, run: () => void): void {
  const destroy = stream._destroy.bind(stream);
  stream._destroy = (error, done) => {
    run();
    destroy(error, done);
  };
}

/** What the Bastion calls an address that it connects to. */
function hostConnect(bastion: Bastion, { address }: Endpoint): string {
  if (!bastion.hasIpConnect)
    throw new AppError('config', 'it does not connect to addresses', {
      hint: `az network bastion update --name ${bastion.name} --resource-group ${groupOf(bastion)} --enable-ip-connect`,
    });
  if (!isIPv4(address)) throw new AppError('config', 'it connects to VMs and to IPv4 addresses only');
  return bastion.id.replace(/\/providers\/.*$/i, `/providers/Microsoft.Network/bh-hostConnect/${address}`);
}

function tooLate(limit: string, trouble: Error | undefined): AppError {
  const why = trouble ? `: ${trouble.message}` : '';
  return new AppError('timed-out', `it did not let azlin through in ${limit}${why}`, {
    hint: 'check that the VM is running and that sshd listens there; raise ssh.connect_timeout for more time',
  });
}

function cannotPass(endpoint: Endpoint, bastion: Bastion, error: unknown): AppError {
  const { code, hint } = error instanceof AppError ? error : { code: 'unreachable' as const, hint: undefined };
  const why = error instanceof AppError ? messageOf(error) : reasonOf(error);
  return new AppError(code, `Cannot connect to ${describeEndpoint(endpoint)} through Bastion ${bastion.name}: ${why}`, {
    cause: error,
    hint,
  });
}
