import { createHash } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Caller } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import { formatAge } from '../domain/duration.ts';
import { count } from '../domain/text.ts';
import type { Vm } from '../domain/vm.ts';
import { readCache, writeCache } from '../store/cache-file.ts';
import { readKept, writeKept } from '../store/kept-file.ts';
import type { Fleet, Inventory, VmQuery } from './inventory.ts';

export interface CacheSettings {
  /** The time of the day: other processes compare with it. */
  readonly clock: Clock;
  /** Where the file goes. */
  readonly directory: string;
  /** What makes the answer differ: source, endpoint, subscriptions, resource group. */
  readonly scope: readonly string[];
  /** Milliseconds an answer may be used. */
  readonly ttl: number;
  /** Renews the cache without being waited for. */
  readonly renew: () => Promise<void>;
}

/** Answers from `$AZLIN_HOME/cache` while they are young enough, else from `source`. */
export function cachedInventory(source: Inventory, settings: CacheSettings): Inventory {
  const { clock, directory, ttl, renew } = settings;
  const scope = createHash('sha256').update(JSON.stringify(settings.scope)).digest('hex').slice(0, 16);
  const path = join(directory, `${PREFIX}${scope}.json`);
  return {
    async listVms(query, caller) {
      const { warn, trace } = caller;
      const now = clock.now();
      const kept = query.fresh ? undefined : await readCache(path, isFleet, warn);
      // After the clock was set back an answer seems to come from the future: that does not make it fresh.
      const age = kept === undefined ? Number.POSITIVE_INFINITY : Math.abs(now - kept.fetchedAt);
      if (kept && (await isGood(kept, age, query))) {
        trace(`inventory: ${count(kept.vms.length, 'VM')}, ${formatAge(age)} old, from the cache`);
        return { ...kept, isKept: true };
      }
      if (query.stale) {
        if (await claim(`${path}.renewing`, clock)) await renew();
        return { ...(kept ?? NOTHING), isKept: true };
      }
      // When it was asked, by a clock that other processes share.
      const fleet = { ...(await source.listVms(query, caller)), fetchedAt: now };
      trace(`inventory: ${count(fleet.vms.length, 'VM')}, asked again in ${clock.now() - now} ms`);
      // An answer with something missing does not take the place of a whole one that is still good.
      const isLess = fleet.provisional && (await hasWhole(warn));
      if (!isLess) await writeCache(path, fleet, warn);
      await rm(`${path}.renewing`, { force: true }).catch(() => {});
      return fleet;
    },
  };

  async function hasWhole(warn: Caller['warn']): Promise<boolean> {
    const kept = await readCache(path, isFleet, warn);
    return kept !== undefined && isGood(kept, Math.abs(clock.now() - kept.fetchedAt), { fresh: false, whole: true });
  }

  async function isGood({ provisional, fetchedAt }: Fleet, age: number, { whole, stale }: VmQuery): Promise<boolean> {
    // What is missing may be back any minute; but not every command should wait for it anew.
    const isYoung = provisional ? !whole && !stale && age < Math.min(ttl, PROVISIONAL) : age < ttl;
    // What was asked before VMs were started or stopped is no answer any more, even if it came afterwards.
    return isYoung && fetchedAt > (await changedAt(directory, clock.now()));
  }
}

const NOTHING: Omit<Fleet, 'isKept'> = { vms: [], warnings: [], provisional: true, fetchedAt: 0 };
const PREFIX = 'inventory-';
const CHANGED = 'power-changed';
/** Milliseconds that an answer with something missing may be used. */
const PROVISIONAL = 60_000;
/** Milliseconds that a renewal is given; a shell completes at every key. */
const RENEWAL = 30_000;

/** Whether nobody else has done the same lately. `marker`: the file that tells. */
export async function claim(marker: string, clock: Clock): Promise<boolean> {
  try {
    await mkdir(dirname(marker), { recursive: true, mode: 0o700 });
    const age = clock.now() - Number(await readKept(marker));
    if (age >= 0 && age < RENEWAL) return false;
    await rm(marker, { force: true });
  } catch {
    // There is no marker, or none that can be read.
  }
  // Of several that come this far at once, one makes it.
  return writeFile(marker, String(clock.now()), { mode: 0o600, flag: 'wx' }).then(
    () => true,
    () => false,
  );
}

/** When VMs were last started or stopped from here, in milliseconds since 1970. */
async function changedAt(directory: string, now: number): Promise<number> {
  const text = await readKept(join(directory, CHANGED)).catch(() => '');
  // A time that is to come is none.
  return text === '' || Number(text) > now ? Number.NEGATIVE_INFINITY : Number(text);
}

/** VMs have just been started or stopped: what is kept of any scope no longer holds. */
export async function forgetInventories(directory: string, clock: Clock): Promise<void> {
  await writeKept(join(directory, CHANGED), String(clock.now())).catch(() => {});
}

function isFleet(value: unknown): value is Fleet {
  const fleet = value as Fleet;
  return (
    typeof fleet?.fetchedAt === 'number' &&
    typeof fleet.provisional === 'boolean' &&
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
