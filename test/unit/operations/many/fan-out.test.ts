import { describe, expect, test } from '@jest/globals';
import type { Slot } from '../../../../src/domain/concurrency.ts';
import type { AppError } from '../../../../src/domain/errors.ts';
import { AppError as AppErrorClass } from '../../../../src/domain/errors.ts';
import { fanOut, type Limits, type Verdict } from '../../../../src/operations/many/fan-out.ts';
import { manualClock } from '../../../support/clock.ts';

const FREE: Limits = { fanout: 32, canary: 0, failFast: false, retries: 0 };

/** Work whose items are ended by hand. */
function workbench(items: readonly string[], limits: Partial<Limits> = {}) {
  const clock = manualClock();
  const stop = new AbortController();
  const open = new Map<string, { readonly end: (verdict: Verdict) => void; readonly slot: Slot }>();
  const begun: string[] = [];
  const results = fanOut<string, { name: string; verdict: Verdict; why?: string }>({
    items,
    limits: { ...FREE, ...limits },
    clock,
    signal: stop.signal,
    run: (name, slot, attempt) =>
      new Promise((resolve) => {
        begun.push(attempt === 1 ? name : `${name}#${attempt}`);
        open.set(name, { slot, end: (verdict) => resolve({ name, verdict }) });
      }),
    verdict: ({ verdict }) => verdict,
    skip: (name, why: AppError) => ({ name, verdict: 'failed', why: why.message }),
    settled: async () => {},
    nameOf: (name) => name,
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    clock,
    stop,
    begun,
    slotOf: (name: string) => open.get(name)?.slot,
    async end(name: string, verdict: Verdict = 'done') {
      open.get(name)?.end(verdict);
      await settle();
    },
    settle,
    async said() {
      return (await results).map(({ name, verdict, why }) =>
        why === undefined ? `${name} ${verdict}` : `${name}: ${why}`,
      );
    },
  };
}

describe('doing the same to many', () => {
  test('no more at once than allowed, results in the order of the items', async () => {
    const bench = workbench(['a', 'b', 'c'], { fanout: 2 });
    await bench.settle();
    expect(bench.begun).toEqual(['a', 'b']);
    await bench.end('b');
    expect(bench.begun).toEqual(['a', 'b', 'c']);
    await bench.end('c');
    await bench.end('a');
    expect(await bench.said()).toEqual(['a done', 'b done', 'c done']);
  });

  test('who only waits gives its place away, and waits for one before going on', async () => {
    const bench = workbench(['a', 'b', 'c'], { fanout: 1 });
    await bench.settle();
    bench.slotOf('a')?.lend();
    await bench.settle();
    expect(bench.begun).toEqual(['a', 'b']);
    let isBack = false;
    void bench
      .slotOf('a')
      ?.takeBack()
      .then(() => {
        isBack = true;
      });
    await bench.settle();
    expect(isBack).toBe(false);
    await bench.end('b');
    // Before the next one begins.
    expect([isBack, bench.begun]).toEqual([true, ['a', 'b']]);
    await bench.end('a');
    expect(bench.begun).toEqual(['a', 'b', 'c']);
  });

  test('--fail-fast: nothing more begins, what runs goes on', async () => {
    const bench = workbench(['a', 'b', 'c'], { fanout: 2, failFast: true });
    await bench.settle();
    await bench.end('a', 'failed');
    await bench.end('b');
    expect(bench.begun).toEqual(['a', 'b']);
    expect(await bench.said()).toEqual(['a failed', 'b done', 'c: skipped: a failed, and --fail-fast was given']);
  });

  test('--fail-fast with one at a time never begins the next before the last one is known', async () => {
    const bench = workbench(['a', 'b'], { fanout: 1, failFast: true });
    await bench.settle();
    bench.slotOf('a')?.lend();
    await bench.settle();
    expect(bench.begun).toEqual(['a']);
    await bench.end('a', 'again');
    expect((await bench.said())[1]).toMatch(/skipped/);
  });

  test('--canary: the others begin when so many have succeeded; what is absent is no success', async () => {
    const bench = workbench(['a', 'b', 'c', 'd'], { canary: 2 });
    await bench.settle();
    expect(bench.begun).toEqual(['a', 'b']);
    await bench.end('a', 'absent');
    await bench.end('b');
    expect(bench.begun).toEqual(['a', 'b', 'c']);
    await bench.end('c');
    expect(bench.begun).toEqual(['a', 'b', 'c', 'd']);
    await bench.end('d', 'failed');
    expect(await bench.said()).toEqual(['a absent', 'b done', 'c done', 'd failed']);
  });

  test('--canary: where one fails nothing else begins', async () => {
    const bench = workbench(['a', 'b', 'c'], { canary: 2 });
    await bench.settle();
    await bench.end('a', 'failed');
    await bench.end('b');
    expect(await bench.said()).toEqual(['a failed', 'b done', 'c: skipped: the canary a failed']);
    expect(bench.begun).toEqual(['a', 'b']);
  });

  test('--retry: only what could not begin, so often, each time after a longer wait', async () => {
    const bench = workbench(['a', 'b'], { retries: 2 });
    await bench.settle();
    await bench.end('b', 'failed');
    await bench.end('a', 'again');
    bench.clock.advance(700);
    await bench.settle();
    expect(bench.begun).toEqual(['a', 'b']);
    bench.clock.advance(600);
    await bench.settle();
    expect(bench.begun).toEqual(['a', 'b', 'a#2']);
    await bench.end('a', 'again');
    bench.clock.advance(1_400);
    await bench.settle();
    expect(bench.begun).toHaveLength(3);
    bench.clock.advance(1_200);
    await bench.settle();
    await bench.end('a', 'again');
    expect(await bench.said()).toEqual(['a again', 'b failed']);
    expect(bench.begun).toEqual(['a', 'b', 'a#2', 'a#3']);
  });

  test('while one waits for its next attempt, its place is another one’s', async () => {
    const bench = workbench(['a', 'b'], { fanout: 1, retries: 1 });
    await bench.settle();
    await bench.end('a', 'again');
    expect(bench.begun).toEqual(['a', 'b']);
  });

  test('an interrupt does not wait for places', async () => {
    const bench = workbench(['a', 'b', 'c'], { fanout: 1 });
    await bench.settle();
    bench.slotOf('a')?.lend();
    await bench.settle();
    void bench.slotOf('a')?.takeBack();
    bench.stop.abort(new AppErrorClass('interrupted', 'interrupted'));
    await bench.end('b');
    await bench.end('a');
    expect(await bench.said()).toEqual(['a done', 'b done', 'c: interrupted']);
  });

  test('an interrupt: nothing more begins, no attempt is made again', async () => {
    const bench = workbench(['a', 'b', 'c'], { fanout: 2, retries: 5 });
    await bench.settle();
    await bench.end('a', 'again');
    bench.stop.abort(new AppErrorClass('interrupted', 'interrupted'));
    await bench.settle();
    await bench.end('c');
    await bench.end('b');
    const said = await bench.said();
    expect(said[0]).toBe('a again');
    expect(bench.begun.filter((name) => name.includes('#'))).toEqual([]);
  });
});
