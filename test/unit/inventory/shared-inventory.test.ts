import { describe, expect, test } from '@jest/globals';
import type { Fleet } from '../../../src/inventory/inventory.ts';
import { sharedInventory } from '../../../src/inventory/shared-inventory.ts';
import { aCaller } from '../../support/caller.ts';
import { manualClock } from '../../support/clock.ts';

const caller = aCaller();

function source() {
  const clock = manualClock();
  const open: {
    readonly answer: (fields?: Partial<Fleet>) => void;
    readonly fail: (error: Error) => void;
    readonly signal: AbortSignal;
  }[] = [];
  const inventory = sharedInventory(
    {
      listVms: (_query, { signal: own }) =>
        new Promise((resolve, reject) => {
          const answer = (fields: Partial<Fleet> = {}) =>
            resolve({ vms: [], warnings: [], provisional: false, fetchedAt: open.length, ...fields });
          open.push({ answer, fail: reject, signal: own });
        }),
    },
    clock,
  );
  return { clock, open, inventory };
}
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('one answer for all who ask at once', () => {
  test('a fresh one is never older than the question', async () => {
    const { open, inventory } = source();
    const first = inventory.listVms({ fresh: true }, caller);
    const later = [1, 2, 3].map(() => inventory.listVms({ fresh: true }, caller));
    await settle();
    expect(open).toHaveLength(1);
    open[0]?.answer();
    await first;
    await settle();
    expect(open).toHaveLength(2);
    open[1]?.answer({ fetchedAt: 77 });
    expect((await Promise.all(later)).map(({ fetchedAt }) => fetchedAt)).toEqual([77, 77, 77]);
  });

  test('any other is as good as the last one of the last seconds, unless something is missing there', async () => {
    const { clock, open, inventory } = source();
    const ask = (whole: boolean) => inventory.listVms({ fresh: false, whole }, caller);
    const first = ask(false);
    open[0]?.answer({ provisional: true });
    await first;
    await ask(false);
    expect(open).toHaveLength(1);
    const second = ask(true);
    open[1]?.answer();
    await second;
    clock.advance(6_000);
    void ask(false);
    await settle();
    expect(open).toHaveLength(3);
  });

  test('it goes on while anybody waits, and is given up when nobody does', async () => {
    const { open, inventory } = source();
    const [one, other] = [new AbortController(), new AbortController()];
    const waiting = [
      inventory.listVms({ fresh: true }, aCaller({ signal: one.signal })),
      inventory.listVms({ fresh: true }, aCaller({ signal: other.signal })),
    ];
    one.abort(new Error('enough'));
    await expect(waiting[0]).rejects.toThrow('enough');
    expect(open[0]?.signal.aborted).toBe(true);
    await settle();
    open[0]?.fail(new Error('given up'));
    await settle();
    open[1]?.answer({ fetchedAt: 5 });
    expect((await waiting[1])?.fetchedAt).toBe(5);
  });

  test('a failure is for those who asked then', async () => {
    const { open, inventory } = source();
    const first = inventory.listVms({ fresh: true }, caller);
    open[0]?.fail(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await settle();
    const second = inventory.listVms({ fresh: true }, caller);
    open[1]?.answer();
    await second;
  });
});
