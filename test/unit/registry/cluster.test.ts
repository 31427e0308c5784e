import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { openRegistry } from '../../../src/app/registry/create-registry.ts';
import { pause } from '../../../src/domain/clock.ts';
import type { OwnRegistry } from '../../../src/registry/registry.ts';
import { postgresEngine } from '../../../src/registry/sql/postgres-engine.ts';
import type { RegistryOptions } from '../../../src/registry/types.ts';
import { realClock } from '../../support/clock.ts';
import { type Postgres, startPostgres } from '../../support/postgres.ts';
import { startProxy } from '../../support/proxy.ts';
import { until } from '../../support/until.ts';

/* A registry in PostgreSQL, with real servers. */

const opened: OwnRegistry[] = [];
const servers: Postgres[] = [];
let primary: Postgres;
beforeAll(async () => {
  primary = await startPostgres();
}, 60_000);
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close().catch(() => {});
  for (const one of servers.splice(0)) one.close();
});
// After the connections to it.
afterAll(() => primary.close());

async function registryAt(url: string, more: RegistryOptions = {}): Promise<OwnRegistry> {
  const one = await openRegistry({ preset: 'team', ttl: Number.POSITIVE_INFINITY, url, ...more });
  opened.push(one);
  return one;
}

test('several that open an empty database at once', async () => {
  primary.sql('CREATE DATABASE empty OWNER team');
  const url = primary.url().replace(/registry$/, 'empty');
  const all = await Promise.all(Array.from({ length: 5 }, () => registryAt(url)));
  await Promise.all(all.map((one, at) => one.create({ id: `s${at}` })));
  expect((await all[0]?.list())?.records).toHaveLength(5);
  expect(primary.sql('SELECT 1').trim()).toBe('1');
});

test('what is near by is what the others have written', async () => {
  const [one, two] = [await registryAt(primary.url()), await registryAt(primary.url())];
  const { id } = await one.create({ metadata: { n: 0 } });
  await until('both to listen', async () => (await two.get(id)) !== undefined);
  for (let number = 1; number <= 50; number++) {
    await one.update(id, () => ({ n: number }));
    // Its own writes it sees at once; those of others as soon as they are told.
    expect((await one.get(id))?.metadata).toEqual({ n: number });
    await until('the other one to see it', async () => (await two.get(id))?.metadata['n'] === number);
  }
  await one.delete(id);
  await until('it to be gone', async () => (await two.get(id)) === undefined);
});

test('what is wrong with the database is named, and the password is not', async () => {
  const failing = async (url: string) => {
    const error = await registryAt(url).then(
      () => undefined,
      (thrown: unknown) => thrown as { code: string; message: string; hint: string },
    );
    expect(`${error?.message} ${error?.hint}`).not.toContain('nobody may see');
    expect(`${error?.message} ${error?.hint}`).not.toContain('nobody%20may');
    return error;
  };
  expect(await failing(primary.url().replace(':a%20', ':b%20'))).toMatchObject({
    code: 'registry-failed',
    hint: 'the password is wrong',
  });
  expect(await failing(primary.url().replace(/registry$/, 'missing'))).toMatchObject({
    message: expect.stringContaining('"missing" does not exist'),
    hint: expect.stringContaining('createdb'),
  });
  primary.sql("CREATE USER guest PASSWORD 'a password that nobody may see'");
  const guest = primary
    .url()
    .replace('team:', 'guest:')
    .replace(/registry$/, 'postgres');
  expect(await failing(guest)).toMatchObject({
    message: expect.stringContaining('permission denied'),
    hint: expect.stringContaining('GRANT'),
  });
  expect(await failing('mysql://x/y')).toMatchObject({ code: 'config' });
  await registryAt(primary.url());
  primary.sql('CREATE DATABASE newer OWNER team');
  const newer = primary.url().replace(/registry$/, 'newer');
  await (await registryAt(newer)).close();
  const { Client } = (await import('pg')).default;
  const client = new Client(newer);
  await client.connect();
  await client.query('UPDATE azlin_schema SET version = 99');
  await client.end();
  expect(await failing(newer)).toMatchObject({ message: expect.stringContaining('newer azlin') });
});

test('a primary that says nothing any more: others go on, and nobody reads what is old', async () => {
  const proxy = await startProxy('127.0.0.1', primary.port);
  try {
    const far = primary.url().replace(`:${primary.port}`, `:${proxy.port}`);
    const [one, two] = [await registryAt(far), await registryAt(primary.url())];
    await two.create({ id: 'stale', metadata: { n: 0 } });
    await until('it to be near by', async () => (await one.get('stale')) !== undefined);
    // It dies in the middle of a transaction, with the turn.
    let isIn = () => {};
    let freeze = () => {};
    const frozen = new Promise<void>((resolve) => {
      freeze = resolve;
    });
    const inside = new Promise<void>((resolve) => {
      isIn = resolve;
    });
    const stuck = one
      .transaction(async (together) => {
        await together.get('stale');
        isIn();
        await frozen;
        return together.update('stale', () => ({ n: 'never' }));
      })
      .catch((error: unknown) => error);
    await inside;
    proxy.inject('stall');
    freeze();
    const since = Date.now();
    await two.update('stale', () => ({ n: 1 }));
    expect(Date.now() - since).toBeLessThan(9_000);
    // What it has kept near by is not taken for true.
    await until(
      'it to be noticed',
      async () => (await one.get('stale').catch(() => ({ metadata: { n: 1 } })))?.metadata['n'] === 1,
    );
    expect(await stuck).toMatchObject({ code: 'registry-failed' });
    expect((await two.get('stale'))?.metadata).toEqual({ n: 1 });
  } finally {
    proxy.close();
  }
}, 60_000);

test('a user who may not make tables works with those that there are; a password with odd characters is not shown', async () => {
  await registryAt(primary.url());
  primary.sql("CREATE USER worker PASSWORD 'a password that nobody may see'");
  const admin = primary.url().replace('team:', 'worker:');
  const { Client } = (await import('pg')).default;
  const owner = new Client(primary.url());
  await owner.connect();
  await owner.query('GRANT ALL ON ALL TABLES IN SCHEMA public TO worker');
  const worker = await registryAt(admin);
  expect(await worker.create()).toMatchObject({ version: 1 });
  expect(await worker.examine()).toEqual([
    { status: 'ok', found: expect.stringMatching(/^postgres:\/\/\S+, PostgreSQL \d+\.\d+$/) },
    { status: 'ok', found: 'worker has all rights that are needed' },
    { status: 'warning', found: expect.stringContaining('no standby'), advice: expect.any(String) },
  ]);
  await owner.query('REVOKE DELETE ON azlin_records FROM worker');
  await owner.end();
  expect((await worker.examine())[1]).toMatchObject({
    status: 'failed',
    found: 'worker lacks rights: DELETE on azlin_records',
  });
  for (const url of [
    'postgres://u:p/secret1@host/db',
    'postgres://u:p@secret2@host/db',
    'postgres://u:100%secret3@host/db',
  ]) {
    const error = (await registryAt(url).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code: 'config' });
    expect(error.message).not.toMatch(/secret/);
  }
});

test('the time is that of the database, whatever clock a server has', async () => {
  let ahead = 3_600_000;
  const engine = await postgresEngine({ url: primary.url(), clock: { ...realClock, now: () => Date.now() + ahead } });
  try {
    const error = () => Math.abs(engine.now() - Date.now());
    expect(error()).toBeLessThan(2_000);
    engine.news.on(() => {});
    ahead = -86_400_000;
    await until('it to be noticed that the clock was set', () => error() < 2_000);
  } finally {
    await engine.close();
  }
});

test('one whose database is gone is closed soon, although something was to be written', async () => {
  const server = await startPostgres();
  servers.push(server);
  const one = await registryAt(server.url());
  const { id } = await one.create();
  await one.get(id);
  server.kill();
  const late = pause(realClock, 6_000, new AbortController().signal).then(() => 'late');
  expect(await Promise.race([one.close().then(() => 'closed'), late])).toBe('closed');
}, 20_000);

test('nothing is left open by one that is closed in the middle of its work', async () => {
  primary.sql('CREATE DATABASE closing OWNER team');
  const url = primary.url().replace(/registry$/, 'closing');
  const one = await registryAt(url);
  one
    .events()
    [Symbol.asyncIterator]()
    .next()
    .catch(() => {});
  const work = Array.from({ length: 20 }, () => one.create().catch(() => {}));
  await one.close();
  await Promise.all(work);
  await until(
    'its connections to be gone',
    () => primary.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'closing'").trim() === '0',
  );
});

test('nothing that was acknowledged is lost when the primary dies, and the standby goes on within seconds', async () => {
  const first = await startPostgres();
  const standby = await first.startStandby();
  servers.push(first, standby);
  await until('the standby to follow', () =>
    /sync/.test(first.sql("SELECT sync_state FROM pg_stat_replication WHERE sync_state = 'sync'")),
  );
  const url = first.url(standby);
  const [one, two] = [await registryAt(url), await registryAt(url)];
  const heard: number[] = [];
  const stop = new AbortController();
  const following = (async () => {
    for await (const { sequence } of two.events({ after: 0, signal: stop.signal })) heard.push(sequence);
  })();
  const acknowledged: string[] = [];
  let isOver = false;
  let longest = 0;
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let number = 0; !isOver; number++) {
      const id = `w${writer}-${number}`;
      const since = Date.now();
      // The last one before the end may have been done, which the error says.
      const isDone = await one.create({ id }).then(
        () => true,
        (error: { mayHaveRun?: boolean; message: string }) => {
          expect(error).toMatchObject({ mayHaveRun: true, message: expect.stringContaining('it may have been done') });
          return false;
        },
      );
      longest = Math.max(longest, Date.now() - since);
      if (isDone) acknowledged.push(id);
    }
  });
  await until('some to be written', () => acknowledged.length > 200);
  first.kill();
  const before = acknowledged.length;
  standby.sql('ALTER SYSTEM RESET synchronous_standby_names');
  standby.promote();
  await until('more to be written', () => acknowledged.length > before + 200, 30_000);
  isOver = true;
  await Promise.all(writers);
  expect(longest).toBeLessThan(10_000);
  for (const id of acknowledged) expect({ id, there: await two.get(id).then(Boolean) }).toEqual({ id, there: true });
  const last = Number(standby.sql('SELECT 1').trim()) && (await two.stats()).total;
  await until('all events to be heard', () => heard.length >= last);
  stop.abort();
  await following;
  expect(heard).toEqual(Array.from({ length: heard.length }, (_, at) => at + 1));
}, 120_000);
