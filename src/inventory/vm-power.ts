import type { Vm } from '../domain/vm.ts';

/** Starts and stops VMs. Every method rejects with an AppError. */
export interface VmPower {
  /** Settles when the VM runs; it may get another address by that. */
  start(vm: Vm, signal: AbortSignal): Promise<void>;
  /** Settles when the VM is stopped and no longer billed for (Azure: deallocated). */
  stop(vm: Vm, signal: AbortSignal): Promise<void>;
}
