import { join } from 'node:path';
import { type Endpoint, endpointOfAddress, endpointOfHop } from '../../src/transport/endpoint.ts';
import { knownHosts } from '../../src/transport/host-keys/known-hosts.ts';
import { type Ssh2Settings, ssh2Dialer } from '../../src/transport/ssh2/ssh2-transport.ts';
import type { Dialer } from '../../src/transport/transport.ts';
import { realClock } from './clock.ts';

export interface TestDialer extends Dialer {
  /** The endpoint where `user` logs in with the dialer's identity. Times are in milliseconds. */
  to(
    place: { readonly address: string; readonly port: number; readonly user: string },
    more?: Partial<Endpoint['ssh']>,
  ): Endpoint;
}

/** The real adapter in this process, with its own known_hosts in `directory`. */
export function aDialer(directory: string, identity: string, settings: Partial<Ssh2Settings> = {}): TestDialer {
  const dialer = ssh2Dialer({
    clock: realClock,
    wallClock: realClock,
    shell: '/bin/sh',
    endpointOfHop: async (hop) => endpointOfHop(hop, { identities: [identity] }),
    knownHosts: knownHosts({ path: join(directory, 'known_hosts') }),
    cacheDirectory: join(directory, 'cache'),
    ...settings,
  });
  return {
    ...dialer,
    to({ address, port, user }, more = {}) {
      const endpoint = endpointOfAddress(address, { flagUser: user, flagPort: port, identities: [identity] });
      return { ...endpoint, ssh: { ...endpoint.ssh, agent: undefined, knownHostsFiles: [], ...more } };
    },
  };
}
