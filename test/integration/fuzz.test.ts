import { expect, test } from '@jest/globals';
import { fuzz } from '../support/fuzz.ts';
import { fuzzParsers } from '../support/fuzz-parsers.ts';

test('600 hostile answers: no crash, no hang; npm run fuzz has more', async () => {
  const { endings, bad, longest } = await fuzz(600, 7);
  expect(bad).toEqual([]);
  expect(longest).toBeLessThan(6_000);
  // They were not all turned away at the door.
  expect(Object.fromEntries(endings)).toMatchObject({ exited: expect.any(Number), unreachable: expect.any(Number) });
  // How a connection ends that is cut off later depends on how busy this machine is.
  const later = ['connection-lost', 'timed-out', 'vm-failed'].filter((code) => endings.has(code));
  expect(later).not.toEqual([]);
}, 120_000);

test('5,000 files that people may have written: a value or an error of ours; npm run fuzz has more', async () => {
  const { bad, longest } = await fuzzParsers(5_000, 11);
  expect(bad).toEqual([]);
  expect(longest).toBeLessThan(2_000);
}, 60_000);
