import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../domain/clock.ts';
import type { Vm } from '../domain/vm.ts';
import { readCache, writeCache } from './cache-file.ts';
import type { Fleet, Inventory } from './inventory.ts';

export interface CacheSettings {
  readonly clock: Clock;
  /** Where the file goes. */
  readonly directory: string;
  /** What makes the answer differ: subscriptions, resource group, endpoint. */
  readonly scope: readonly string[];
  /** Milliseconds an answer may be used. */
  readonly ttl: number;
  readonly warn: (line: string) => void;
  readonly trace: (line: string) => void;
}

/** Answers from `$AZLIN_HOME/cache` while they are young enough, else from `source`. */
export function cachedInventory(source: Inventory, settings: CacheSettings): Inventory {
  const scope = createHash('sha256').update(JSON.stringify(settings.scope)).digest('hex').slice(0, 16);
  const path = join(settings.directory, `inventory-${scope}.json`);
  return {
    async listVms(query, signal) {
      const now = settings.clock.now();
      const kept = query.fresh ? undefined : await readCache(path, isFleet, settings.warn);
      // A clock that went back makes an answer look as if it came from the future; that is no youth.
      const age = kept === undefined ? Number.POSITIVE_INFINITY : Math.abs(now - kept.fetchedAt);
      if (kept && age < settings.ttl) {
        settings.trace(`inventory: ${kept.vms.length} VMs from the cache, ${Math.round(age / 1_000)} s old`);
        return kept;
      }
      const fleet = await source.listVms(query, signal);
      settings.trace(`inventory: ${fleet.vms.length} VMs, asked afresh in ${settings.clock.now() - now} ms`);
      // An answer that is known to be incomplete must not hide VMs from the next run.
      if (fleet.warnings.length === 0) await writeCache(path, fleet, settings.warn);
      return fleet;
    },
  };
}

function isFleet(value: unknown): value is Fleet {
  const fleet = value as Fleet;
  return (
    typeof fleet?.fetchedAt === 'number' &&
    Array.isArray(fleet.warnings) &&
    fleet.warnings.every((warning) => typeof warning === 'string') &&
    Array.isArray(fleet.vms) &&
    fleet.vms.every(isVm)
  );
}

const TEXTS = ['id', 'vmId', 'name', 'resourceGroup', 'subscriptionId', 'region', 'size', 'powerState', 'os'] as const;
const TEXTS_OR_NULL = ['publicIp', 'privateIp', 'adminUser'] as const;

function isVm(value: unknown): value is Vm {
  const vm = value as Vm | null;
  return (
    typeof vm === 'object' &&
    vm !== null &&
    TEXTS.every((field) => typeof vm[field] === 'string') &&
    TEXTS_OR_NULL.every((field) => vm[field] === null || typeof vm[field] === 'string') &&
    typeof vm.tags === 'object' &&
    vm.tags !== null &&
    Object.values(vm.tags).every((tag) => typeof tag === 'string')
  );
}
