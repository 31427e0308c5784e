import type { Clock } from '../domain/clock.ts';
import type { Vm } from '../domain/vm.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { VmPower } from '../inventory/vm-power.ts';
import type { Resolver } from '../targets/resolve.ts';
import type { Survey } from '../targets/survey.ts';
import type { Endpoint } from '../transport/endpoint.ts';
import type { Transport } from '../transport/transport.ts';

/** Everything that the operations reach the fleet with. */
export interface FleetAccess {
  readonly clock: Clock;
  readonly inventory: Inventory;
  readonly power: VmPower;
  /** Whether a stopped VM that the user wants may be started; `question` is for a person. */
  readonly mayStart: (question: string) => Promise<boolean>;
  readonly survey: Survey;
  readonly resolver: Resolver;
  readonly transport: Transport;
  /** Throws an AppError for a VM that cannot be addressed. */
  readonly endpointOf: (vm: Vm) => Endpoint;
  /** Whether a host key is pinned for the endpoint. */
  readonly isKnownHost: (endpoint: Endpoint) => Promise<boolean>;
  /** Milliseconds for one short command on a VM. */
  readonly commandDeadline: number;
  /** Milliseconds until a VM that was started answers over SSH. */
  readonly startDeadline: number;
  /** What is being waited for, shown while it takes long; undefined when the wait is over. */
  readonly progress: (text: string | undefined) => void;
  readonly warn: (line: string) => void;
  readonly trace: (line: string) => void;
}
