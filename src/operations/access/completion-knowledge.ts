import type { Session } from '../../domain/session.ts';
import type { Vm } from '../../domain/vm.ts';
import { aliasesIn, type Memory } from '../../targets/survey-memory.ts';

/** What the caches know, however old it is. Neither Azure nor a VM is asked. */
export interface CachedKnowledge {
  readonly vms: readonly Vm[];
  /** By VM; without the VMs about which nothing is known. */
  readonly sessions: ReadonlyMap<Vm, readonly Session[]>;
  /** Ids of jobs, and identifiers of where they were started. */
  readonly jobs: readonly (readonly [id: string, identifier: string])[];
  /** Asks a VM, or all for undefined, for its sessions in a separate process, unless that was done recently. */
  readonly renewSessions: (vm: Vm | undefined) => Promise<void>;
}

/** What a VM said last, and when, in milliseconds since 1970. */
export interface RememberedAnswer {
  readonly askedAt: number;
  readonly sessions: readonly Session[];
}

/** The latest remembered sessions of each VM. */
export function rememberedSessions(vms: readonly Vm[], memory: Memory): ReadonlyMap<Vm, RememberedAnswer> {
  const byId = new Map(vms.map((vm) => [vm.vmId, vm]));
  const latest = new Map<Vm, RememberedAnswer>();
  for (const [key, { askedAt, answer }] of Object.entries(memory)) {
    const vm = aliasesIn(key)
      .map((alias) => byId.get(alias))
      .find((one) => one !== undefined);
    if (!vm || answer.probe !== 'ok' || (latest.get(vm)?.askedAt ?? 0) > askedAt) continue;
    latest.set(vm, { askedAt, sessions: answer.sessions });
  }
  return latest;
}
