import type { Caller } from '../domain/caller.ts';
import type { Vm } from '../domain/vm.ts';

/** The VMs in scope, as one source saw them at one moment. */
export interface Fleet {
  readonly vms: readonly Vm[];
  /** What the source could not see. */
  readonly warnings: readonly string[];
  /** Whether what is missing may be there when asked again soon: such an answer is kept for a short time only. */
  readonly provisional: boolean;
  /** When it was asked, in milliseconds since 1970. */
  readonly fetchedAt: number;
  /** Whether it was asked for an earlier question, so that asking afresh may give another. */
  readonly isKept?: boolean;
}

export interface VmQuery {
  /** Skip any cache. */
  readonly fresh: boolean;
  /** An answer that was kept must have nothing missing that could be there by now. */
  readonly whole?: boolean;
  /** An old answer will do, however old; it is renewed behind. For completion, which must not wait. */
  readonly stale?: boolean;
}

/** Where VMs come from. */
export interface Inventory {
  /** Every VM in scope, in no particular order. Rejects with an AppError. */
  listVms(query: VmQuery, caller: Caller): Promise<Fleet>;
}
