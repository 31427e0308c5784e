import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { progressLine } from '../../../../src/cli/output/progress.ts';
import { manualClock } from '../../../support/clock.ts';
import { until } from '../../../support/until.ts';

/** What a terminal of 40 columns shows on its line, in the end. */
function terminal() {
  const stream = Object.assign(new PassThrough(), { columns: 40 });
  let written = '';
  stream.on('data', (chunk: Buffer) => {
    written += chunk.toString();
  });
  const clock = manualClock();
  const line = progressLine({ clock, terminal: stream, dim: (text) => text });
  const shown = () => written.split('\r\u001b[K').at(-1);
  return { clock, line, shown, written: () => written };
}

describe('the progress line', () => {
  test('says nothing in the first second, then what and for how long, and is gone afterwards', () => {
    const { clock, line, shown, written } = terminal();
    line.show('Listing');
    clock.advance(999);
    expect(written()).toBe('');
    clock.advance(1);
    expect(shown()).toBe('Listing (1 s)');
    line.show('Listing more');
    clock.advance(1_000);
    expect(shown()).toBe('Listing more (2 s)');
    line.show(undefined);
    expect(shown()).toBe('');
    expect(clock.pending()).toBe(0);
  });

  test('a short wait leaves nothing', () => {
    const { clock, line, written } = terminal();
    line.show('Listing');
    clock.advance(500);
    line.show(undefined);
    clock.advance(5_000);
    expect(written()).toBe('');
  });

  test('what holds it up comes after it, and goes', () => {
    const { clock, line, shown } = terminal();
    line.show('Listing');
    line.aside('limited');
    clock.advance(1_000);
    expect(shown()).toBe('Listing: limited (1 s)');
    line.aside(undefined);
    clock.advance(1_000);
    expect(shown()).toBe('Listing (2 s)');
  });

  test('is cut to the cells of the terminal', async () => {
    const { clock, line, shown, written } = terminal();
    line.show('東'.repeat(20));
    clock.advance(1_000);
    await until('the line', () => written() !== '');
    expect(shown()).toBe(`${'東'.repeat(19)}…`);
    line.show(undefined);
  });

  test('makes room, and comes back', () => {
    const { clock, line, shown } = terminal();
    line.show('Listing');
    clock.advance(1_000);
    let beside: string | undefined = 'not written';
    line.over(() => {
      beside = shown();
    });
    expect(beside).toBe('');
    expect(shown()).toBe('Listing (1 s)');
    clock.advance(1_000);
    expect(shown()).toBe('Listing (2 s)');
  });

  test('fits the terminal, and names from Azure cannot move the cursor', () => {
    const { clock, line, shown } = terminal();
    line.show(`Starting ${'x'.repeat(60)}`);
    clock.advance(1_000);
    expect(shown()).toHaveLength(39);
    line.show('a\u001b[2Jb\nc');
    clock.advance(1_000);
    expect(shown()).toBe('abc (2 s)');
  });
});
