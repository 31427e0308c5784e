import type { Clock } from '../../domain/clock.ts';
import type { Vm } from '../../domain/vm.ts';
import type { Inventory } from '../../inventory/inventory.ts';
import type { VmPower } from '../../inventory/vm-power.ts';
import type { Resolver } from '../../targets/resolve.ts';
import type { Survey } from '../../targets/survey.ts';
import type { Endpoint } from '../../transport/endpoint.ts';
import type { KnownHosts } from '../../transport/host-keys/known-hosts.ts';
import type { SshConfig } from '../../transport/ssh-config/ssh-config.ts';
import type { Transport } from '../../transport/transport.ts';
import type { JobMemory } from '../jobs/job-memory.ts';

export interface StartPolicy {
  /** `--start` was given. */
  readonly always: boolean;
  /** The command knows `--start`. */
  readonly isOption: boolean;
  /** Whether a person wants it; false where nobody can be asked. */
  readonly ask: (question: string) => Promise<boolean>;
}

/** Everything that the operations reach the fleet with. */
export interface FleetAccess {
  /** Stands still while somebody types. */
  readonly clock: Clock;
  /** The time of the day, in milliseconds since 1970. */
  readonly now: () => number;
  readonly inventory: Inventory;
  readonly power: VmPower;
  /** What to do about a stopped VM that the user wants. */
  readonly start: StartPolicy;
  readonly survey: Survey;
  readonly resolver: Resolver;
  readonly transport: Transport;
  /** Throws an AppError for a VM that cannot be addressed. */
  readonly endpointOf: (vm: Vm, user?: string) => Endpoint;
  /** As `endpointOf`, for an address or a host name. */
  readonly endpointAt: (address: string, user?: string) => Endpoint;
  /** The address that azlin uses for the VM. */
  readonly addressOf: (vm: Vm) => string | null;
  /** Whether the inventory may tell of a VM what no longer holds, even when it is asked afresh. */
  readonly lags: boolean;
  readonly hostKeys: KnownHosts;
  /** What ssh is told in its own files. */
  readonly sshConfig: SshConfig;
  /** Milliseconds for one short command on a VM. */
  readonly commandDeadline: number;
  /** Milliseconds until a VM that was started answers over SSH. */
  readonly startDeadline: number;
  /** Milliseconds that a lost connection to a job is tried to be taken up again. */
  readonly reconnectDeadline: number;
  /** The session that a bare host means. */
  readonly defaultSession: string;
  /** What others see of this user's clients. */
  readonly label: string;
  /** Where jobs of this user have been started. */
  readonly jobMemory: JobMemory;
  /** What is being waited for, shown while it takes long; undefined when the wait is over. */
  readonly progress: (text: string | undefined) => void;
  readonly warn: (line: string) => void;
  readonly trace: (line: string) => void;
}
