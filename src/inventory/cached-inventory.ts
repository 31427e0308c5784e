import { createHash } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Caller } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import { formatAge } from '../domain/duration.ts';
import type { Bastion, NearBastions } from '../domain/route.ts';
import { count } from '../domain/text.ts';
import type { Vm } from '../domain/vm.ts';
import { readCache, writeCache } from '../store/cache-file.ts';
import { readKept, writeKept } from '../store/kept-file.ts';
import type { Fleet, Inventory, VmQuery } from './inventory.ts';

export interface CacheSettings {
  /** Wall-clock time, because other processes compare with it. */
  readonly clock: Clock;
  /** Where the file goes. */
  readonly directory: string;
  /** What the answer depends on: source, endpoint, subscriptions, resource group. */
  readonly scope: readonly string[];
  /** How long an answer may be used, in milliseconds. */
  readonly ttl: number;
  /** Renews the cache in the background. */
  readonly renew: () => Promise<void>;
}

/** Answers from `$AZLIN_HOME/cache` if the answer there is recent enough, otherwise from `source`. */
export function cachedInventory(source: Inventory, settings: CacheSettings): Inventory {
  const { clock, directory, ttl, renew } = settings;
  const scope = createHash('sha256').update(JSON.stringify(settings.scope)).digest('hex').slice(0, 16);
  const path = join(directory, `${PREFIX}${scope}.json`);
  return {
    async listVms(query, caller) {
      const { warn, trace } = caller;
      const now = clock.now();
      const kept = query.fresh ? undefined : await readFleet(warn);
      // If the clock was set back, a kept answer seems to come from the future. That does not make it fresh.
      const age = kept === undefined ? Number.POSITIVE_INFINITY : Math.abs(now - kept.fetchedAt);
      if (kept && (await isGood(kept, age, query))) {
        trace(`inventory: ${count(kept.vms.length, 'VM')}, ${formatAge(age)} old, from the cache`);
        return { ...kept, isKept: true };
      }
      if (query.stale) {
        if (await claim(`${path}.renewing`, clock)) await renew();
        return { ...(kept ?? NOTHING), isKept: true };
      }
      // When the source was asked, by the clock that other processes share.
      const fleet = { ...(await source.listVms(query, caller)), fetchedAt: now };
      trace(`inventory: ${count(fleet.vms.length, 'VM')}, asked again in ${clock.now() - now} ms`);
      // A provisional answer must not replace a complete one that is still good.
      const isLess = fleet.provisional && (await hasWhole(warn));
      if (!isLess) await writeCache(path, packed(fleet), warn);
      await rm(`${path}.renewing`, { force: true }).catch(() => {});
      return fleet;
    },
  };

  async function readFleet(warn: Caller['warn']): Promise<Fleet | undefined> {
    const kept = await readCache(path, isPacked, warn);
    return kept && unpacked(kept);
  }

  async function hasWhole(warn: Caller['warn']): Promise<boolean> {
    const kept = await readFleet(warn);
    return kept !== undefined && isGood(kept, Math.abs(clock.now() - kept.fetchedAt), { fresh: false, whole: true });
  }

  async function isGood({ provisional, fetchedAt }: Fleet, age: number, { whole, stale }: VmQuery): Promise<boolean> {
    // What is missing may be available again at any time, but not every command should ask and wait for it.
    const isYoung = provisional ? !whole && !stale && age < Math.min(ttl, PROVISIONAL) : age < ttl;
    // A question asked before VMs were started or stopped gives an answer that is out of date, even if it came afterwards.
    return isYoung && fetchedAt > (await changedAt(directory, clock.now()));
  }
}

const NOTHING: Omit<Fleet, 'isKept'> = { vms: [], warnings: [], provisional: true, fetchedAt: 0 };
const PREFIX = 'inventory-';
const CHANGED = 'power-changed';
/** How long a provisional answer may be used, in milliseconds. */
const PROVISIONAL = 60_000;
/** How long a renewal may take before another one may start, in milliseconds. A shell asks for completions at every key. */
const RENEWAL = 30_000;

/** Claims some work. Returns false if another process claimed it recently. `marker` is the file that records the claim. */
export async function claim(marker: string, clock: Clock): Promise<boolean> {
  try {
    await mkdir(dirname(marker), { recursive: true, mode: 0o700 });
    const age = clock.now() - Number(await readKept(marker));
    if (age >= 0 && age < RENEWAL) return false;
    await rm(marker, { force: true });
  } catch {
    // There is no marker, or it cannot be read.
  }
  // If several processes get here at once, only one of them creates the file.
  return writeFile(marker, String(clock.now()), { mode: 0o600, flag: 'wx' }).then(
    () => true,
    () => false,
  );
}

/** When VMs were last started or stopped from here, in milliseconds since 1970. */
async function changedAt(directory: string, now: number): Promise<number> {
  const text = await readKept(join(directory, CHANGED)).catch(() => '');
  // Ignore a time in the future.
  return text === '' || Number(text) > now ? Number.NEGATIVE_INFINITY : Number(text);
}

/** Call this after VMs were started or stopped. Kept answers of every scope are out of date then. */
export async function forgetInventories(directory: string, clock: Clock): Promise<void> {
  await writeKept(join(directory, CHANGED), String(clock.now())).catch(() => {});
}

function isPacked(value: unknown): value is Packed {
  const fleet = value as Packed;
  return (
    typeof fleet?.fetchedAt === 'number' &&
    typeof fleet.provisional === 'boolean' &&
    Array.isArray(fleet.warnings) &&
    fleet.warnings.every((warning) => typeof warning === 'string') &&
    Array.isArray(fleet.bastions) &&
    fleet.bastions.every(({ own, peered }) => [...own, ...peered].every(isBastion)) &&
    Array.isArray(fleet.vms) &&
    fleet.vms.every(isVm)
  );
}

/** In the file, VMs of one network share an entry of `bastions`, whose index is `near`. */
type Packed = Omit<Fleet, 'vms'> & {
  readonly bastions: readonly NearBastions[];
  readonly vms: readonly (Omit<Vm, 'bastions'> & { readonly near?: number })[];
};

function packed(fleet: Fleet): Packed {
  const all = [...new Set(fleet.vms.flatMap(({ bastions }) => bastions ?? []))];
  const index = new Map(all.map((one, at) => [one, at]));
  const vms = fleet.vms.map(({ bastions, ...vm }) => {
    const near = bastions && index.get(bastions);
    return near === undefined ? vm : { ...vm, near };
  });
  return { ...fleet, bastions: all, vms };
}

function unpacked({ bastions: all, vms, ...fleet }: Packed): Fleet {
  if (all.length === 0) return { ...fleet, vms };
  return {
    ...fleet,
    vms: vms.map(({ near, ...vm }) => {
      const bastions = near === undefined ? undefined : all[near];
      return bastions ? { ...vm, bastions } : vm;
    }),
  };
}

const TEXTS = ['id', 'vmId', 'name', 'resourceGroup', 'subscriptionId', 'region', 'size', 'powerState', 'os'] as const;
const TEXTS_OR_NULL = ['publicIp', 'privateIp', 'adminUser'] as const;

function isVm(value: unknown): boolean {
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

function isBastion(value: unknown): value is Bastion {
  const bastion = value as Bastion | null;
  return (
    typeof bastion === 'object' &&
    bastion !== null &&
    (['id', 'name', 'sku', 'dnsName'] as const).every((field) => typeof bastion[field] === 'string')
  );
}
