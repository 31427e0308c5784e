import { describe, expect, test } from '@jest/globals';
import { pausableClock, pause } from '../../../src/domain/clock.ts';
import { withDeadline } from '../../../src/domain/deadline.ts';
import { manualClock } from '../../support/clock.ts';

const expired = () => new Error('too late');

describe('withDeadline', () => {
  test('gives the result, and leaves no timer behind', async () => {
    const clock = manualClock();
    const { signal } = new AbortController();
    expect(await withDeadline({ clock, ms: 100, signal, expired }, async () => 'done')).toBe('done');
    expect(clock.pending()).toBe(0);
  });

  test('rejects when the time is up, although the work goes on, and tells the work', async () => {
    const clock = manualClock();
    let told: AbortSignal | undefined;
    const work = withDeadline({ clock, ms: 100, signal: new AbortController().signal, expired }, (signal) => {
      told = signal;
      return new Promise(() => {});
    });
    clock.advance(100);
    await expect(work).rejects.toThrow('too late');
    expect(told?.aborted).toBe(true);
  });

  test('rejects with the reason of the signal, at once', async () => {
    const clock = manualClock();
    const controller = new AbortController();
    const work = withDeadline({ clock, ms: 100, signal: controller.signal, expired }, () => new Promise(() => {}));
    controller.abort(new Error('interrupted'));
    await expect(work).rejects.toThrow('interrupted');
    expect(clock.pending()).toBe(0);
    await expect(withDeadline({ clock, ms: 100, signal: controller.signal, expired }, async () => 1)).rejects.toThrow(
      'interrupted',
    );
  });

  test('hands on the failure of the work', async () => {
    const clock = manualClock();
    const { signal } = new AbortController();
    await expect(
      withDeadline({ clock, ms: 100, signal, expired }, () => Promise.reject(new Error('broken'))),
    ).rejects.toThrow('broken');
    expect(clock.pending()).toBe(0);
  });
});

describe('pausableClock', () => {
  test('stands still while somebody types, and goes on from there', async () => {
    const base = manualClock(0);
    const clock = pausableClock(base);
    const rang: string[] = [];
    clock.schedule(100, () => rang.push('early'));
    const cancel = clock.schedule(100, () => rang.push('cancelled'));
    base.advance(60);
    let finish = () => {};
    const typing = clock.duringPause(() => new Promise<void>((resolve) => (finish = resolve)));
    clock.schedule(50, () => rang.push('late'));
    cancel();
    base.advance(10_000);
    expect([rang, clock.now()]).toEqual([[], 60]);
    finish();
    await typing;
    base.advance(39);
    expect(rang).toEqual([]);
    base.advance(1);
    expect([rang, clock.now()]).toEqual([['early'], 100]);
    base.advance(10);
    expect(rang).toEqual(['early', 'late']);
    expect(base.pending()).toBe(0);
  });
});

describe('pause', () => {
  test('ends in time or with the signal', async () => {
    const clock = manualClock();
    const controller = new AbortController();
    const waited = pause(clock, 50, controller.signal);
    clock.advance(50);
    await waited;
    const cut = pause(clock, 50, controller.signal);
    controller.abort(new Error('interrupted'));
    await expect(cut).rejects.toThrow('interrupted');
    expect(clock.pending()).toBe(0);
  });
});
