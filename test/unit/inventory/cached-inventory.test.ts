import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { cachedInventory, forgetInventories } from '../../../src/inventory/cached-inventory.ts';
import type { Fleet, VmQuery } from '../../../src/inventory/inventory.ts';
import { aCaller } from '../../support/caller.ts';
import { manualClock } from '../../support/clock.ts';
import { aVm } from '../../support/vm.ts';

const caller = aCaller();
const TTL = 300_000;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'azlin-cache-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function cached(
  fleet: Partial<Fleet> = {},
  scope: readonly string[] = ['a'],
  meanwhile: () => Promise<void> = async () => {},
) {
  const clock = manualClock(Date.now());
  const counts = { asked: 0, renewed: 0 };
  const source = {
    listVms: async () => {
      counts.asked++;
      await meanwhile();
      return { vms: [aVm('vm')], warnings: [], provisional: false, fetchedAt: clock.now(), ...fleet };
    },
  };
  const renew = async () => {
    counts.renewed++;
  };
  const inventory = cachedInventory(source, { clock, directory, scope, ttl: TTL, renew });
  const list = async (query: Partial<VmQuery> = {}) =>
    (await inventory.listVms({ fresh: false, ...query }, caller)).vms.length;
  const vms = async () => (await inventory.listVms({ fresh: false }, caller)).vms;
  return { clock, counts, list, vms };
}

describe('cachedInventory', () => {
  test('an answer is good for its time, and not for longer', async () => {
    const { clock, counts, list } = cached();
    await list();
    clock.advance(TTL - 1);
    await list();
    expect(counts.asked).toBe(1);
    clock.advance(1);
    await list();
    expect(counts.asked).toBe(2);
    await list({ fresh: true });
    expect(counts.asked).toBe(3);
  });

  test('a clock that went back makes nothing young', async () => {
    const { clock, counts, list } = cached();
    await list();
    clock.advance(-TTL * 2);
    await list();
    expect(counts.asked).toBe(2);
  });

  test('what is incomplete for now is good for a minute, and never for who wants it whole', async () => {
    const { clock, counts, list } = cached({ provisional: true });
    await list();
    await list();
    expect(counts.asked).toBe(1);
    await list({ whole: true });
    expect(counts.asked).toBe(2);
    clock.advance(60_000);
    await list();
    expect(counts.asked).toBe(3);
  });

  test('what is incomplete for now does not take the place of a whole answer that is still good', async () => {
    const whole = cached();
    await whole.list();
    const less = cached({ provisional: true, vms: [] });
    expect(await less.list({ fresh: true })).toBe(0);
    expect(await less.list()).toBe(1);
    less.clock.advance(TTL);
    await less.list();
    expect([await less.list(), less.counts.asked]).toEqual([0, 2]);
  });

  test('what stays incomplete is kept, and whole enough', async () => {
    const { counts, list } = cached({ warnings: ['something is closed'] });
    await list();
    await list({ whole: true });
    expect(counts.asked).toBe(1);
  });

  test('stale: any answer at once, renewed behind, by one of many', async () => {
    const { clock, counts, list } = cached();
    expect(await list({ stale: true })).toBe(0);
    expect(counts).toEqual({ asked: 0, renewed: 1 });
    await list();
    expect(await list({ stale: true })).toBe(1);
    expect(counts).toEqual({ asked: 1, renewed: 1 });
    clock.advance(TTL);
    expect(await list({ stale: true })).toBe(1);
    expect(await list({ stale: true })).toBe(1);
    expect(counts).toEqual({ asked: 1, renewed: 2 });
    await list({ fresh: true });
    expect(readdirSync(directory).filter((name) => name.endsWith('.renewing'))).toEqual([]);
  });

  test('a renewal that never came back is not waited for for ever', async () => {
    const { clock, counts, list } = cached();
    await list({ stale: true });
    clock.advance(31_000);
    await list({ stale: true });
    expect(counts.renewed).toBe(2);
  });

  test('of many at once one renews', async () => {
    const { counts, list } = cached();
    await Promise.all(Array.from({ length: 10 }, () => list({ stale: true })));
    expect(counts.renewed).toBe(1);
  });

  test('VMs of one network share their Bastions in the file, and have them again', async () => {
    const hub = {
      id: '/b',
      name: 'hub',
      sku: 'Standard',
      dnsName: 'b',
      hasTunnels: true,
      hasIpConnect: false,
      tenant: null,
    };
    const near = { own: [], peered: [hub] };
    const fleet = [aVm('a', { bastions: near }), aVm('b'), aVm('c', { bastions: near })];
    const { counts, vms } = cached({ vms: fleet });
    expect([await vms(), await vms(), counts.asked]).toEqual([fleet, fleet, 1]);
    const [file = ''] = readdirSync(directory);
    expect(readFileSync(join(directory, file), 'utf8').match(/"hub"/g)).toHaveLength(1);
  });

  test('each scope has its own', async () => {
    const [a, b] = [cached({}, ['a']), cached({ vms: [] }, ['b'])];
    expect([await a.list(), await b.list(), await a.list(), await b.list()]).toEqual([1, 0, 1, 0]);
  });

  test('a change of power drops what was asked before it, also what comes afterwards', async () => {
    const { clock, counts, list } = cached();
    await list();
    clock.advance(1);
    await forgetInventories(directory, clock);
    await list();
    expect(counts.asked).toBe(2);
    clock.advance(1);
    await list();
    expect(counts.asked).toBe(3);
    await list();
    expect(counts.asked).toBe(3);
  });

  test('what was asked before the change and comes after it, and a change that is to come', async () => {
    const { clock, counts, list } = cached({}, ['a'], async () => {
      clock.advance(10);
      if (counts.asked === 1) await forgetInventories(directory, clock);
    });
    await list();
    await list();
    expect(counts.asked).toBe(2);
    await forgetInventories(directory, { ...clock, now: () => clock.now() + 3_600_000 });
    await list();
    expect(counts.asked).toBe(2);
  });

  test('a change does not take from completion what it knows', async () => {
    const { clock, counts, list } = cached();
    await list();
    clock.advance(1);
    await forgetInventories(directory, clock);
    expect(await list({ stale: true })).toBe(1);
    expect(counts).toEqual({ asked: 1, renewed: 1 });
  });
});
