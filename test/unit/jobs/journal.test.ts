import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { journalFilter, parseEnd, parseEntry } from '../../../src/jobs/journal.ts';

describe('lines of the journal', () => {
  test.each([
    ['exited 3 39 4', { kind: 'exited', detail: '3', out: 39, err: 4 }],
    ['signaled TERM 0 0', { kind: 'signaled', detail: 'TERM', out: 0, err: 0 }],
    ['timed-out 6 0', { kind: 'timed-out', detail: '', out: 6, err: 0 }],
    ['signaled RTMIN+1 0 0', { kind: 'signaled', detail: 'RTMIN+1', out: 0, err: 0 }],
    ['cancelled 1 2', { kind: 'cancelled', detail: '', out: 1, err: 2 }],
    ['exited', undefined],
    ['exited 0 1', undefined],
    ['running 12', undefined],
  ])('%s', (line, end) => {
    expect(parseEnd(line)).toEqual(end);
    expect(parseEntry(line)).toEqual(end && { kind: 'end', end });
  });

  test('others', () => {
    expect(parseEntry('gone 3 4')).toEqual({ kind: 'gone', out: 3, err: 4 });
    expect(parseEntry('gone')).toEqual({ kind: 'gone', out: 0, err: 0 });
    expect(parseEntry('left')).toEqual({ kind: 'left' });
    expect(parseEntry('cut out')).toEqual({ kind: 'cut', stream: 'out' });
    expect(parseEntry('now 5 7')).toEqual({ kind: 'now', out: 5, err: 7 });
    expect(parseEntry('started 12 34 56')).toBeUndefined();
  });
});

describe('journalFilter', () => {
  const key = '@0123456789abcdef';
  const read = (chunks: readonly Buffer[]) => {
    const lines: string[] = [];
    const filter = journalFilter(key, (line) => lines.push(line));
    const output = Buffer.concat(chunks.flatMap((chunk) => filter(chunk)));
    return { output: output.toString('latin1'), lines };
  };
  const cutUp = (text: string, cuts: readonly number[]) => {
    const bytes = Buffer.from(text, 'latin1');
    const at = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
    return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
  };

  test('takes lines out wherever they stand and however the stream is cut up', () => {
    const part = fc.oneof(
      fc.constantFrom('@', '@0123', 'text\n', key.slice(0, -1), '\n', '\0', `${key}\n`),
      fc.string({ maxLength: 8 }),
    );
    fc.assert(
      fc.property(fc.array(part), fc.array(part), fc.array(part), fc.array(fc.nat()), (a, b, c, cuts) => {
        const [before, between, after] = [a, b, c].map((parts) => Buffer.from(parts.join('')).toString('latin1'));
        fc.pre(![before, between, after].some((text) => text?.includes(`${key} `)));
        const stream = `${before}${key} exited 0 1 2\n${between}${key} end 99\n${after}x`;
        expect(read(cutUp(stream, cuts))).toEqual({
          output: `${before}${between}${after}x`,
          lines: ['exited 0 1 2', 'end 99'],
        });
      }),
    );
  });

  test('holds nothing back that cannot become a line', () => {
    expect(read([Buffer.from('prompt? ')]).output).toBe('prompt? ');
    expect(read([Buffer.from('mail me @')]).output).toBe('mail me ');
  });
});
