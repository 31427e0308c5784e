import { describe, expect, test } from '@jest/globals';
import { inPlaces, slots } from '../../../src/domain/concurrency.ts';
import { manualClock } from '../../support/clock.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('a limited number of places', () => {
  test('who comes back twice takes one place', async () => {
    const { enter } = slots(2);
    const [first, second] = [await enter(), await enter()];
    first.lend();
    const third = await enter();
    void first.takeBack();
    void first.takeBack();
    second.leave();
    third.leave();
    await settle();
    first.leave();
    const all = await Promise.all([enter(), enter()]);
    expect(all).toHaveLength(2);
  });

  test('who has left needs none any more, asked for or not', async () => {
    const { enter } = slots(1);
    const first = await enter();
    first.lend();
    const second = await enter();
    void first.takeBack();
    first.leave();
    await first.takeBack();
    second.leave();
    (await enter()).leave();
    first.leave();
    const last = await enter();
    let isIn = false;
    void enter().then(() => {
      isIn = true;
    });
    await settle();
    expect(isIn).toBe(false);
    last.leave();
    await settle();
    expect(isIn).toBe(true);
  });

  test('what takes long is waited for beside the others', async () => {
    const clock = manualClock();
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const all = inPlaces({ limit: 1, clock }, [1, 2], (n) => {
      begun.push(n);
      return new Promise<number>((resolve) => ends.push(() => resolve(n)));
    });
    await settle();
    expect(begun).toEqual([1]);
    clock.advance(1_000);
    await settle();
    expect(begun).toEqual([1, 2]);
    for (const end of ends) end();
    expect(await all).toEqual([1, 2]);
  });
});
