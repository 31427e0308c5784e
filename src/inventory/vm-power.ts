import type { Caller } from '../domain/caller.ts';
import type { Vm } from '../domain/vm.ts';

/** A VM and what the user calls it. */
export interface NamedVm {
  readonly vm: Vm;
  /** Its name, or `rg/name` where that is not unique. */
  readonly hostname: string;
}

/** What azlin can do to a VM. */
export type PowerVerb = 'start' | 'stop' | 'restart';

/** The state of a VM afterwards. */
export function stateAfter(verb: PowerVerb): 'Running' | 'Deallocated' {
  return verb === 'stop' ? 'Deallocated' : 'Running';
}

/** Starts, stops and restarts VMs. Every method rejects with an AppError. */
export interface VmPower {
  /** Settles when the VM is running. It may have another address then. */
  start(named: NamedVm, caller: Caller): Promise<void>;
  /** Settles when the VM is stopped and no longer billed (deallocated, in Azure). */
  stop(named: NamedVm, caller: Caller): Promise<void>;
  /** Settles when the VM has restarted: what ran on it has ended, and its address stays. */
  restart(named: NamedVm, caller: Caller): Promise<void>;
  /** The VM as it is now, from the most reliable source. */
  look(named: NamedVm, caller: Caller): Promise<Vm>;
}
