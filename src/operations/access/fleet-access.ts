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

/** What the operations reach the fleet with, for as long as the process lives. What belongs to one call is its `Caller`. */
export interface FleetAccess {
  /** Stands still while somebody types. */
  readonly clock: Clock;
  /** The time of the day, in milliseconds since 1970. */
  readonly now: () => number;
  readonly inventory: Inventory;
  readonly power: VmPower;
  readonly survey: Survey;
  readonly resolver: Resolver;
  readonly transport: Transport;
  readonly endpoints: Endpoints;
  readonly hostKeys: KnownHosts;
  /** Where jobs of this user have been started. */
  readonly jobMemory: JobMemory;
  readonly settings: FleetSettings;
}

export interface Endpoints {
  /** Throws an AppError for a VM that cannot be addressed. */
  of(vm: Vm, user?: string): Endpoint;
  /** As `of`, for an address or a host name. */
  at(address: string, user?: string): Endpoint;
  /** The address that azlin uses for the VM. */
  addressOf(vm: Vm): string | null;
}

/** Durations are milliseconds. */
export interface FleetSettings {
  /** Whether the inventory may tell of a VM what no longer holds, even when it is asked afresh. */
  readonly lags: boolean;
  /** What ssh is told in its own files. */
  readonly sshConfig: SshConfig;
  /** For one short command on a VM. */
  readonly commandDeadline: number;
  /** Until a VM that was started answers over SSH. */
  readonly startDeadline: number;
  /** How long to retry a lost connection to a job. */
  readonly reconnectDeadline: number;
  /** For a command that is to end: between SIGTERM and SIGKILL. */
  readonly killAfter: number;
  /** The session that a bare host means. */
  readonly defaultSession: string;
  /** What others see of this user's clients. */
  readonly label: string;
}
