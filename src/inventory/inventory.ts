import type { Caller } from '../domain/caller.ts';
import type { Vm } from '../domain/vm.ts';

/** The VMs in scope, as one source saw them at one moment. */
export interface Fleet {
  readonly vms: readonly Vm[];
  /** What the source could not see. */
  readonly warnings: readonly string[];
  /** Whether what is missing may be found when asked again soon. Such an answer is kept only for a short time. */
  readonly provisional: boolean;
  /** When the source was asked, in milliseconds since 1970. */
  readonly fetchedAt: number;
  /** Whether this answer was kept from an earlier question, so that asking again may give a different one. */
  readonly isKept?: boolean;
}

export interface VmQuery {
  /** Skip any cache. */
  readonly fresh: boolean;
  /** Do not accept a kept answer that is provisional. */
  readonly whole?: boolean;
  /** Accept a kept answer of any age, which is then renewed in the background. For completion, which must not wait. */
  readonly stale?: boolean;
}

/** Where VMs come from. */
export interface Inventory {
  /** Every VM in scope, in no particular order. Rejects with an AppError. */
  listVms(query: VmQuery, caller: Caller): Promise<Fleet>;
}
