import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { watchSilence } from '../../../src/transport/silence.ts';
import { manualClock } from '../../support/clock.ts';

function watched(ms = 10, times = 3) {
  const clock = manualClock(0);
  const stream = new PassThrough();
  let silences = 0;
  const stop = watchSilence({ stream, clock, ms, times }, () => {
    silences++;
  });
  return { clock, stream, stop, silences: () => silences };
}

describe('a silent stream', () => {
  test('is told after three times the interval, counted from the last byte, and once', () => {
    const { clock, stream, silences } = watched();
    clock.advance(7);
    stream.emit('data', Buffer.from('x'));
    for (const [step, expected] of [
      [10, 0],
      [10, 0],
      [9, 0],
      [1, 1],
      [50, 1],
    ] as const) {
      clock.advance(step);
      expect(silences()).toBe(expected);
    }
  });

  test('any byte starts it anew', () => {
    const { clock, stream, silences } = watched();
    for (let round = 0; round < 20; round++) {
      clock.advance(13);
      stream.emit('data', Buffer.from('x'));
    }
    expect(silences()).toBe(0);
    clock.advance(10);
    clock.advance(10);
    clock.advance(10);
    expect(silences()).toBe(1);
  });

  test('who was asleep gets the time that is left', () => {
    const { clock, silences } = watched();
    clock.advance(3_600_000);
    expect(silences()).toBe(0);
    clock.advance(10);
    expect(silences()).toBe(0);
    clock.advance(10);
    expect(silences()).toBe(1);
  });

  test('0 watches nothing; stopping leaves no timer behind', () => {
    expect(watched(0).clock.pending()).toBe(0);
    const { clock, stream, stop } = watched();
    stop();
    expect([clock.pending(), stream.listenerCount('data')]).toEqual([0, 0]);
  });
});
