import { expect, test } from '@jest/globals';
import { fuzz } from '../support/fuzz.ts';
import { fuzzParsers } from '../support/fuzz-parsers.ts';

test('600 hostile answers: no crash, no hang; npm run fuzz has more', async () => {
  const { endings, bad } = await fuzz(600, 7);
  expect(bad).toEqual([]);
  expect([...endings.keys()]).toContain('unreachable');
  // They were not all turned away at the door. How the others end depends on how busy this machine is.
  const inside = ['exited', 'connection-lost', 'timed-out', 'vm-failed'].filter((code) => endings.has(code));
  expect(inside).not.toEqual([]);
}, 120_000);

test('5,000 files that people may have written: a value or an error of ours; npm run fuzz has more', async () => {
  const { bad } = await fuzzParsers(5_000, 11);
  expect(bad).toEqual([]);
}, 60_000);
