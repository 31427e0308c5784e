import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openRegistry } from '../../../src/app/registry/create-registry.ts';
import { historyKeeper } from '../../../src/app/registry/history-keeper.ts';
import type { Clock } from '../../../src/domain/clock.ts';
import type { HistoryNote, RegistryPlace } from '../../../src/registry/history.ts';
import { sqlite } from '../../../src/registry/sql/sqlite-file.ts';
import { realClock } from '../../support/clock.ts';
import { until } from '../../support/until.ts';

/* What azlin's daemon writes into a registry in the background. */

let directory: string;
let place: RegistryPlace;
const log: string[] = [];
beforeEach(() => {
  directory = mkdtempSync('/tmp/azlin-lab-');
  place = { backend: 'disk', path: join(directory, 'registry.db'), url: undefined, keepEvents: 86_400_000 };
  log.length = 0;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** How often it was to be tried again. */
let tries = 0;
/** A clock whose waits of several seconds are over at once. */
const quick: Clock = {
  ...realClock,
  schedule(ms, run) {
    if (ms === 10_000) tries++;
    return realClock.schedule(Math.min(ms, 60), run);
  },
};
const keeper = (hasHome = () => true) =>
  historyKeeper({ clock: quick, seenBy: 'alice@laptop', log: (line) => log.push(line), hasHome });
const note = (session: string): HistoryNote => ({
  ...{ what: 'attached', hostname: 'vm', vm: 'v', user: 'u', session, isSeen: true },
});

async function told(): Promise<readonly string[]> {
  const registry = await openRegistry({ preset: 'single', path: place.path });
  try {
    const events = await registry.history();
    return events.map((one) => (one.kind === 'history' ? `${one.entry.what} ${one.entry.session ?? ''}`.trim() : ''));
  } finally {
    await registry.close();
  }
}

/** Makes the database refuse some rows, as it would what it cannot keep. */
function refuse(condition: string): () => void {
  const file = new (sqlite())(place.path);
  file.exec(
    `CREATE TRIGGER refused BEFORE INSERT ON azlin_events WHEN ${condition} BEGIN SELECT RAISE(ABORT, 'refused'); END`,
  );
  file.close();
  return () => {
    const again = new (sqlite())(place.path);
    again.exec('DROP TRIGGER refused');
    again.close();
  };
}

test('what is noted is written soon, and at once when somebody asks', async () => {
  const one = keeper();
  one.note(place, note('a'));
  expect(await one.trouble(place)).toBeUndefined();
  expect(await told()).toEqual(['attached a']);
  one.note(place, note('b'));
  await until('it to be written', async () => (await told()).length === 2);
  one.note(place, note('c'));
  await one.close();
  expect(await told()).toEqual(['attached a', 'attached b', 'attached c']);
  expect(log).toEqual([]);
});

test('a command has one end, whoever waits for it and whoever watches', async () => {
  const one = keeper();
  const end = (run: string, isSeen: boolean): HistoryNote => ({ ...note('a'), what: 'ended', run, isSeen });
  for (const each of [end('x', false), end('x', true), end('y', true), end('y', true), end('z', true), end('y', false)])
    one.note(place, each);
  expect(await one.trouble(place)).toBeUndefined();
  // Whoever has waited for it knows more.
  expect(await told()).toEqual(['ended a', 'ended a', 'ended a', 'ended a']);
  await one.close();
});

test('one that cannot be written for what it is does not hold up the others', async () => {
  const one = keeper();
  one.note(place, note('a'));
  await one.trouble(place);
  refuse("NEW.record_id LIKE '%bad%'");
  for (const name of ['b', 'bad', 'c']) one.note(place, note(name));
  await until('the others to be written', async () => (await told()).includes('attached c'));
  expect(await told()).toEqual(['attached a', 'attached b', 'missed', 'attached c']);
  expect(log).toEqual([
    expect.stringMatching(/^the history cannot be written: .*refused/),
    expect.stringMatching(/^an event of the history is lost: .*refused/),
  ]);
  expect(await one.trouble(place)).toBeUndefined();
  await one.close();
});

test('while nothing at all can be written nothing is given up', async () => {
  const one = keeper();
  one.note(place, note('a'));
  await one.trouble(place);
  const allow = refuse('1');
  for (const name of ['b', 'c']) one.note(place, note(name));
  expect(await one.trouble(place)).toMatchObject({ why: expect.stringContaining('refused'), waiting: 2 });
  one.note(place, note('d'));
  const before = tries;
  await until('some more tries', () => tries > before + 3);
  expect(await one.trouble(place)).toMatchObject({ waiting: 3 });
  expect(log).toHaveLength(1);
  allow();
  await until('everything to be written', async () => (await told()).length === 4);
  expect(await told()).toEqual(['attached a', 'attached b', 'attached c', 'attached d']);
  await one.close();
});

test('what still waits at the end is lost, and that is said', async () => {
  const one = keeper();
  one.note(place, note('a'));
  await one.trouble(place);
  refuse('1');
  for (const name of ['b', 'c']) one.note(place, note(name));
  await one.close();
  expect(log.at(-1)).toBe('2 events of the history could not be written, and are lost');
});

test('the directory of azlin is not made again for what is still to be written', async () => {
  const one = keeper(() => existsSync(directory));
  rmSync(directory, { recursive: true });
  one.note(place, note('a'));
  await one.close();
  expect(existsSync(directory)).toBe(false);
  expect(log.at(-1)).toBe('1 event of the history could not be written, and is lost');
});
