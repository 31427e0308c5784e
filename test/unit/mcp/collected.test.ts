import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { begun, collector } from '../../../src/mcp/collected.ts';

/** Cuts bytes into pieces, as they come from a stream. */
function pieces(bytes: Buffer, sizes: readonly number[]): readonly Buffer[] {
  const cut: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    cut.push(bytes.subarray(at, at + size));
    at += size;
  }
  return [...cut, bytes.subarray(at)];
}

const TEXT = fc.string({ unit: 'grapheme', maxLength: 300 });
const SIZES = fc.array(fc.nat(40), { maxLength: 30 });

describe('output that is collected', () => {
  test('is all of it if there is room, however it comes, and goes on where it stopped', () => {
    fc.assert(
      fc.property(TEXT, SIZES, fc.nat(1_000), fc.nat(), (text, sizes, start, where) => {
        const bytes = Buffer.from(text);
        const at = bytes.length === 0 ? 0 : where % (bytes.length + 1);
        const first = collector(start, 100_000);
        for (const piece of pieces(bytes.subarray(0, at), sizes)) first.add(piece);
        const one = first.result(false);
        expect(one.omitted).toBeNull();
        // Nothing twice and nothing lost, also in the middle of a character.
        const second = collector(one.end, 100_000);
        second.add(bytes.subarray(one.end - start));
        const two = second.result(true);
        expect(one.text + two.text).toBe(text);
        expect(two.end).toBe(start + bytes.length);
      }),
    );
  });

  test('is its beginning and its end if it is too long, and says what is between', () => {
    fc.assert(
      fc.property(TEXT, fc.integer({ min: 8, max: 60 }), SIZES, fc.nat(1_000), (text, limit, sizes, start) => {
        const bytes = Buffer.from(text);
        const one = collector(start, limit);
        for (const piece of pieces(bytes, sizes)) one.add(piece);
        const { text: shown, end, omitted } = one.result(true);
        expect(end).toBe(start + bytes.length);
        if (omitted === null) return expect(shown).toBe(text);
        const [head = '', tail = ''] = shown.split(/\n\[\d+ bytes left out here\]\n/);
        expect(head).toBe(bytes.subarray(0, omitted.from - start).toString());
        expect(tail).toBe(bytes.subarray(omitted.to - start).toString());
        expect(Buffer.byteLength(head) + Buffer.byteLength(tail)).toBeLessThanOrEqual(limit);
        // Whole characters on both sides.
        expect(text.startsWith(head) && text.endsWith(tail)).toBe(true);
      }),
      { examples: [['ä'.repeat(200), 9, [1, 2, 3], 7]] },
    );
  });

  test('does not grow with what is read', () => {
    const one = collector(0, 10_000);
    const chunk = Buffer.alloc(1_000_000, 'x');
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    // What one collection has found is let go of by the next one at the latest.
    const kept = () => {
      collect();
      collect();
      return process.memoryUsage().arrayBuffers;
    };
    const before = kept();
    for (let times = 0; times < 300; times++) one.add(chunk);
    expect(kept() - before).toBeLessThan(5_000_000);
    expect(one.result(true)).toMatchObject({ end: 300_000_000, omitted: { from: 5_000, to: 299_995_000 } });
  });

  test.each([
    ['', 0],
    ['a', 0],
    ['ä', 0],
    ['\xc3', 1],
    ['a\xe2\x82', 2],
    ['a\xe2\x82\xac', 0],
    ['\xf0\x9f\x98', 3],
    // No text at all: nothing is held back for ever.
    ['\x80\x80\x80\x80\x80', 0],
    ['\xff', 1],
  ])('%j ends with %d bytes of a character', (text, count) => {
    expect(begun(Buffer.from(text, text === 'ä' ? 'utf8' : 'latin1'))).toBe(count);
  });
});
