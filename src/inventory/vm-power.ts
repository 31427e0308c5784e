import type { Caller } from '../domain/caller.ts';
import type { Vm } from '../domain/vm.ts';

/** A VM and what the user calls it. */
export interface NamedVm {
  readonly vm: Vm;
  /** Its name, or `rg/name` where that is not unique. */
  readonly hostname: string;
}

/** Starts and stops VMs. Every method rejects with an AppError. */
export interface VmPower {
  /** Settles when the VM runs; it may get another address by that. */
  start(named: NamedVm, caller: Caller): Promise<void>;
  /** Settles when the VM is stopped and no longer billed for (Azure: deallocated). */
  stop(named: NamedVm, caller: Caller): Promise<void>;
  /** The VM as it is now, from the one who knows best. */
  look(named: NamedVm, caller: Caller): Promise<Vm>;
}
