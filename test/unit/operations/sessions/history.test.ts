import { expect, test } from '@jest/globals';
import { findHistory } from '../../../../src/operations/sessions/history.ts';
import type { HistoryEntry, RegistryEvent } from '../../../../src/registry/record.ts';

/** What happened, a second apart each. */
function past(...entries: readonly Partial<HistoryEntry>[]): RegistryEvent[] {
  return entries.map((entry, index) => ({
    sequence: index + 1,
    at: index * 1_000,
    kind: 'history',
    id: '',
    entry: { what: 'ran', hostname: 'vm', vm: 'v1', user: 'u', seenBy: 'a@laptop', key: `${index}`, ...entry },
  }));
}

async function told(events: RegistryEvent[], by?: string) {
  const request = { of: undefined, by, since: 0, all: true, limit: 100 };
  const { rows } = await findHistory(async ({ after }) => events.filter(({ sequence }) => sequence > after), request);
  return rows.map(({ hostname, what, who, program, exitCode, endedAt }) =>
    [hostname, what, who, program, exitCode, endedAt?.slice(17, 19) ?? null].filter((one) => one !== null).join(' '),
  );
}

test('a job belongs to its VM and its user: others can have one of the same name', async () => {
  const events = past(
    { run: 'deploy', program: 'one', who: 'a' },
    { run: 'deploy', program: 'two', who: 'a', hostname: 'other', vm: 'v2' },
    { run: 'deploy', program: 'three', who: 'b', user: 'root' },
    { what: 'ended', run: 'deploy', exitCode: 5, hostname: 'other', vm: 'v2' },
    { what: 'ended', run: 'deploy', exitCode: 6, user: 'root' },
  );
  expect(await told(events)).toEqual(['vm ran a one', 'other ran a two 5 03', 'vm ran b three 6 04']);
});

test('of several who saw an end the first counts, whoever is asked for', async () => {
  const events = past(
    { run: 'j', program: 'make', who: 'alice@laptop' },
    { what: 'ended', run: 'j', exitCode: 0 },
    { what: 'ended', run: 'j', exitCode: 0, who: 'alice@laptop', program: 'make' },
  );
  const whole = ['vm ran alice@laptop make 0 01'];
  expect(await told(events)).toEqual(whole);
  expect(await told(events, 'alice')).toEqual(whole);
  expect(await told(events, 'bob')).toEqual([]);
  // Its beginning is too long ago.
  expect(await told(events.slice(1), 'alice')).toEqual(['vm ended alice@laptop make 0 01']);
});
