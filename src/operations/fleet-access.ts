import type { Clock } from '../domain/clock.ts';
import type { Vm } from '../domain/vm.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { Resolver } from '../targets/resolve.ts';
import type { Survey } from '../targets/survey.ts';
import type { Endpoint } from '../transport/endpoint.ts';
import type { Transport } from '../transport/transport.ts';

/** Everything that the operations reach the fleet with. */
export interface FleetAccess {
  readonly clock: Clock;
  readonly inventory: Inventory;
  readonly survey: Survey;
  readonly resolver: Resolver;
  readonly transport: Transport;
  /** Throws an AppError for a VM that cannot be addressed. */
  readonly endpointOf: (vm: Vm) => Endpoint;
  /** Whether a host key is pinned for the endpoint. */
  readonly isKnownHost: (endpoint: Endpoint) => Promise<boolean>;
  /** Milliseconds for one short command on a VM. */
  readonly commandDeadline: number;
  readonly warn: (line: string) => void;
  readonly trace: (line: string) => void;
}
