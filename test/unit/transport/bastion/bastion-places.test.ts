import { expect, test } from '@jest/globals';
import { type Bastion, isThrough } from '../../../../src/domain/route.ts';
import { bastionPlaces } from '../../../../src/transport/bastion/bastion-places.ts';
import { aCaller } from '../../../support/caller.ts';
import { manualClock } from '../../../support/clock.ts';

const bastion = (id: string): Bastion => ({
  ...{ id, name: 'bas', sku: 'Standard', dnsName: 'b', hasTunnels: true, hasIpConnect: false, tenant: null },
});
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('whoever is too many waits, is told so, and gets a place for which one is closed', async () => {
  const clock = manualClock();
  const closed: string[] = [];
  const places = bastionPlaces(clock, (id) => closed.push(id) > 0);
  const said: (string | undefined)[] = [];
  const caller = aCaller({ aside: (text) => said.push(text) });
  const frees = await Promise.all(Array.from({ length: 40 }, () => places.take(bastion('/A'), caller)));
  expect(said).toEqual([]);
  const [first, second] = [places.take(bastion('/a'), caller), places.take(bastion('/a'), caller)];
  await settled();
  expect(said).toEqual(Array(2).fill('waiting for a place at Bastion bas: 40 connections are in use'));
  // However long it takes until a closed one is gone, no more are closed than are needed.
  for (let look = 0; look < 5; look++) {
    clock.advance(100);
    await settled();
  }
  expect(closed).toHaveLength(2);
  // Another Bastion has places of its own.
  await places.take(bastion('/b'), caller);
  frees[0]?.();
  frees[0]?.();
  clock.advance(100);
  await Promise.race([first, second]);
  frees[1]?.();
  clock.advance(100);
  await Promise.all([first, second]);
  expect(said.slice(2)).toEqual([undefined, undefined]);
});

test('who gives up waits no longer', async () => {
  const clock = manualClock();
  const places = bastionPlaces(clock, () => false);
  const giveUp = new AbortController();
  await Promise.all(Array.from({ length: 40 }, () => places.take(bastion('/a'), aCaller())));
  const waiting = places.take(bastion('/a'), aCaller({ signal: giveUp.signal }));
  giveUp.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
});

test('a Bastion is the same by its id, whatever the case', () => {
  const through = (one: Bastion | string) =>
    isThrough({ kind: 'bastion', bastion: one, vmId: undefined }, '/subscriptions/A');
  expect([through('/Subscriptions/a'), through(bastion('/subscriptions/a')), through('/b')]).toEqual([
    true,
    true,
    false,
  ]);
});
