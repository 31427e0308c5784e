import type { Duplex } from 'node:stream';
import type { Caller } from '../domain/caller.ts';
import { AppError } from '../domain/errors.ts';
import type { Route } from '../domain/route.ts';
import { connectInTime } from './connect-in-time.ts';
import type { Endpoint } from './endpoint.ts';
import { jumpTunnel } from './jump-tunnel.ts';
import { openProxyCommand } from './proxy-command.ts';
import { cannotConnect, connectTimeout } from './ssh-errors.ts';
import { connectTcp, systemLookup } from './tcp.ts';
import type { Dial } from './transport.ts';
import type { Tunnel, TunnelSettings } from './tunnel.ts';

/** Opens the kind of tunnel that the route of an endpoint names; `dial` connects to jump hosts. */
export function tunnels(settings: TunnelSettings, dial: Dial): Tunnel {
  const ways: Readonly<Record<Route['kind'], Tunnel>> = {
    direct: directTunnel(settings),
    command: commandTunnel(settings),
    bastion: lateTunnel(async () => (await import('./bastion/bastion-tunnel.ts')).bastionTunnel(settings)),
    jump: jumpTunnel(settings, dial, (endpoint, caller) => open(endpoint, caller)),
  };
  const open = (endpoint: Endpoint, caller: Caller) => ways[endpoint.route.kind].open(endpoint, caller);
  return {
    async open(endpoint, caller) {
      const stream = await open(endpoint, caller);
      // The stream may fail before anybody listens to it. Whoever listens later checks whether it has failed.
      stream.on('error', () => {});
      return stream;
    },
    close() {
      for (const { close } of Object.values(ways)) close();
    },
  };
}

/** A tunnel that is loaded when it is first needed. */
function lateTunnel(load: () => Promise<Tunnel>): Tunnel {
  let loaded: Promise<Tunnel> | undefined;
  return {
    async open(endpoint, caller) {
      loaded ??= load();
      // What could not be loaded may be there the next time.
      loaded.catch(() => {
        loaded = undefined;
      });
      return (await loaded).open(endpoint, caller);
    },
    close: () => void loaded?.then(({ close }) => close()).catch(() => {}),
  };
}

/** A TCP connection to the address. */
function directTunnel({ clock }: TunnelSettings): Tunnel {
  return {
    async open(endpoint, caller) {
      const { address: host, port, ssh } = endpoint;
      const to = { host, port, family: ssh.addressFamily };
      const expired = (limit: string) => connectTimeout(endpoint, 'connect', limit);
      const tcp = { clock, lookup: systemLookup };
      try {
        return await connectInTime({ clock, endpoint, caller, expired }, (within) => connectTcp(tcp, to, within));
      } catch (error) {
        caller.signal.throwIfAborted();
        throw error instanceof AppError ? error : cannotConnect(endpoint, error);
      }
    },
    close() {},
  };
}

/** The streams of a local command: ProxyCommand. */
function commandTunnel({ shell, clock }: TunnelSettings): Tunnel {
  const running = new Set<Duplex>();
  return {
    async open(endpoint, { warn }) {
      const { label, route } = endpoint;
      if (route.kind !== 'command') throw new AppError('bug', 'no command leads there');
      const onLine = (line: string) => warn(`${label}: ProxyCommand says: ${line}`);
      let stream: Duplex;
      try {
        stream = openProxyCommand({ command: route.command, shell, clock, onLine });
      } catch (error) {
        throw cannotConnect(endpoint, error);
      }
      running.add(stream);
      stream.once('close', () => running.delete(stream));
      return stream;
    },
    close() {
      for (const stream of running) stream.destroy();
    },
  };
}
