import type { Caller } from '../../domain/caller.ts';
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
import type { HistoryNotes } from './history-notes.ts';

/** What the operations use to reach the fleet. It lives as long as the process; what belongs to one call is in its `Caller`. */
export interface FleetAccess {
  /** Stands still while the user answers a question. */
  readonly clock: Clock;
  /** The wall-clock time, in milliseconds since 1970. */
  readonly now: () => number;
  readonly inventory: Inventory;
  readonly power: VmPower;
  readonly survey: Survey;
  readonly resolver: Resolver;
  readonly transport: Transport;
  readonly endpoints: Endpoints;
  readonly hostKeys: FleetHostKeys;
  /** Where jobs of this user have been started. */
  readonly jobMemory: JobMemory;
  readonly history: HistoryNotes;
  readonly settings: FleetSettings;
}

export interface FleetHostKeys extends KnownHosts {
  /** The host keys that Azure reports for a VM. Rejects with an AppError. */
  ofAzure(endpoint: Endpoint, caller: Caller): Promise<readonly Buffer[]>;
}

export interface Endpoints {
  /** Throws an AppError for a VM that cannot be addressed. */
  of(vm: Vm, user?: string): Endpoint;
  /** Like `of`, for an address or a host name. */
  at(address: string, user?: string): Endpoint;
  /** The address that azlin uses for the VM. */
  addressOf(vm: Vm): string | null;
}

/** Durations are milliseconds. */
export interface FleetSettings {
  /** The call may turn out to need another process, which begins anew: until then nothing may be shown. */
  readonly mayMove: boolean;
  /** Whether the inventory may give outdated data about a VM even when it is asked afresh. */
  readonly lags: boolean;
  /** The settings in ssh's own files. */
  readonly sshConfig: SshConfig;
  /** For one short command on a VM. */
  readonly commandDeadline: number;
  /** Until a VM that was started answers over SSH. */
  readonly startDeadline: number;
  /** How long to retry a lost connection to a job. */
  readonly reconnectDeadline: number;
  /** Between SIGTERM and SIGKILL, for a command that azlin ends. */
  readonly killAfter: number;
  /** The session that a bare host means. */
  readonly defaultSession: string;
  /** How others see this user's clients. */
  readonly label: string;
}
