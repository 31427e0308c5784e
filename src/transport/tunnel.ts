import type { Duplex } from 'node:stream';
import type { Caller } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import type { Hop } from '../domain/route.ts';
import type { BastionGate } from './bastion/bastion-gate.ts';
import type { Endpoint } from './endpoint.ts';

/** A way to the SSH server of an endpoint: a socket, a local command, the SSH connection to another host, an Azure Bastion. */
export interface Tunnel {
  /** A stream to the server, for one SSH connection. Rejects with an AppError, or with the reason of the caller's signal. */
  open(endpoint: Endpoint, caller: Caller): Promise<Duplex>;
  /** Ends what its streams run over. */
  close(): void;
}

export interface TunnelSettings {
  readonly clock: Clock;
  /** For ProxyCommand. */
  readonly shell: string;
  /** The endpoint of a jump host. `inFleet`: its name may be that of a VM. Rejects with an AppError. */
  readonly endpointOfHop: (hop: Hop, inFleet: boolean, caller: Caller) => Promise<Endpoint>;
  /** Undefined where Azure is not asked. */
  readonly bastions?: BastionGate | undefined;
}
