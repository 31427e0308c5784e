import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { appendChained, verifyChained } from '../../../src/store/chained-log.ts';
import { realClock } from '../../support/clock.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync('/tmp/azlin-lab-');
  path = join(directory, 'log.jsonl');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const append = (record: object) => appendChained({ path, clock: realClock }, record);
const lines = () => readFileSync(path, 'utf8').trimEnd().split('\n');

describe('a chained log', () => {
  test('has every line of many writers, in one chain, for its owner only', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, number) => append({ number, text: 'ä\n"' })));
    expect(await verifyChained(path)).toEqual({
      lines: 20,
      last: expect.stringMatching(/^[0-9a-f]{64}$/),
      broken: null,
    });
    const numbers = lines().map((line) => (JSON.parse(line) as { number: number }).number);
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, number) => number));
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('a line longer than what is read at once is found all the same', async () => {
    await append({ long: 'x'.repeat(300_000) });
    await append({ number: 2 });
    expect(await verifyChained(path)).toMatchObject({ lines: 2, broken: null });
  });

  const spoils: readonly (readonly [string, (all: string[]) => string[], RegExp])[] = [
    ['changed', (all) => all.map((line) => line.replace('"number":2', '"number":9')), /it was changed/],
    [
      'given a second value',
      (all) => all.map((line) => line.replace('{"number":2', '{"number":9,"number":2')),
      /it was changed/,
    ],
    ['removed', (all) => all.filter((_, at) => at !== 2), /a line before it is missing/],
    ['inserted', (all) => [...all.slice(0, 2), all[1] ?? '', ...all.slice(2)], /a line before it is missing/],
    ['garbled', (all) => all.map((line, at) => (at === 2 ? line.slice(0, 20) : line)), /not a line of this log/],
  ];
  test.each(spoils)('a line that was %s is found', async (_, spoil, why) => {
    for (let number = 0; number < 5; number++) await append({ number });
    writeFileSync(path, `${spoil(lines()).join('\n')}\n`);
    expect(await verifyChained(path)).toMatchObject({ broken: { line: 3, why: expect.stringMatching(why) } });
    // What comes later does not hide it.
    await append({ number: 9 });
    expect((await verifyChained(path)).broken?.line).toBe(3);
  });

  test('a line that was cut off stays, and is found', async () => {
    await append({ number: 1 });
    appendFileSync(path, '{"number":2,"pr');
    await append({ number: 3 });
    expect(lines()).toHaveLength(3);
    expect(await verifyChained(path)).toMatchObject({ lines: 1, broken: { line: 2 } });
  });

  test('it does not follow a link', async () => {
    symlinkSync(join(directory, 'elsewhere'), path);
    await expect(append({})).rejects.toMatchObject({ code: 'config', message: expect.stringContaining(path) });
  });
});
