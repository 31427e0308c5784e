import { spawn, spawnSync } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openRegistry } from '../../../src/app/registry/create-registry.ts';
import type { OwnRegistry } from '../../../src/registry/registry.ts';
import { sqlite } from '../../../src/registry/sql/sqlite-file.ts';
import type { RegistryOptions } from '../../../src/registry/types.ts';
import { until } from '../../support/until.ts';

/* A registry in a file: several processes, those that are killed, damage, full disks. */

const WRITER = fileURLToPath(new URL('../../support/registry-writer.ts', import.meta.url));
const FOR_EVER = { ttl: Number.POSITIVE_INFINITY, cleanUpEvery: Number.POSITIVE_INFINITY };
let directory: string;
let path: string;
const opened: OwnRegistry[] = [];
const warnings: string[] = [];
beforeEach(() => {
  directory = mkdtempSync('/tmp/azlin-lab-');
  path = join(directory, 'registry.db');
  warnings.length = 0;
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close().catch(() => {});
  rmSync(directory, { recursive: true, force: true });
});

async function registryAt(at = path, more: RegistryOptions = {}): Promise<OwnRegistry> {
  const one = await openRegistry({
    ...FOR_EVER,
    backend: 'disk',
    path: at,
    onWarning: (line) => warnings.push(line),
    ...more,
  });
  opened.push(one);
  return one;
}

/** Starts a process that writes; `acknowledged` grows with the last version of each record that it was told is written. */
function startWriter(name: string, count?: number) {
  const acknowledged = new Map<string, number>();
  const child = spawn(process.execPath, ['--import', 'tsx', WRITER, path, name, ...(count ? [`${count}`] : [])], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [id = '', version] = line.split(' ');
      acknowledged.set(id, Number(version));
    }
  });
  const over = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return { child, acknowledged, over, rest: () => rest };
}

test('only its owner can read it, and another process sees what is written', async () => {
  const registry = await registryAt();
  expect(statSync(path).mode & 0o777).toBe(0o600);
  for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o077).toBe(0);
  const events = registry.events()[Symbol.asyncIterator]();
  const first = events.next();
  const { acknowledged, over } = startWriter('other', 16);
  await over;
  expect((await first).value).toMatchObject({ kind: 'created', id: 'other-0' });
  await events.return?.();
  expect([...acknowledged]).toEqual([
    ['other-0', 8],
    ['other-1', 8],
  ]);
  expect(await registry.get('other-1')).toMatchObject({ version: 8, metadata: { by: 'other' } });
}, 30_000);

test('processes that are killed in the middle lose nothing that was acknowledged', async () => {
  const rounds = Number(process.env['AZLIN_REGISTRY_ROUNDS'] ?? '2');
  let sum = 0;
  for (let round = 0; round < rounds; round++) {
    const writers = [1, 2, 3, 4].map((one) => startWriter(`w${round}-${one}`));
    const enough = Number(process.env['AZLIN_REGISTRY_WRITES'] ?? '50');
    const isEnough = () => writers.every(({ acknowledged }) => acknowledged.size >= enough);
    await until('enough to be written', isEnough, 300_000);
    for (const { child } of writers) child.kill('SIGKILL');
    await Promise.all(writers.map(({ over }) => over));
    const registry = await registryAt();
    for (const { acknowledged } of writers)
      for (const [id, version] of acknowledged) {
        const found = await registry.get(id);
        sum += version;
        // More may have been written before it could be said.
        const isKept = found !== undefined && found.version >= version;
        expect({ id, version, isKept, found }).toEqual({ id, version, isKept: true, found });
      }
    await registry.close();
  }
  expect(warnings).toEqual([]);
  expect(sum).toBeGreaterThan(1_000);
}, 600_000);

test('a file that is damaged is set aside, and what can be read of it is kept', async () => {
  const before = await registryAt();
  const ids = Array.from({ length: 300 }, (_, at) => `s-${at}`);
  for (const id of ids) await before.create({ id, metadata: { fill: 'x'.repeat(300) } });
  await before.close();
  // Some pages in the middle.
  const file = await open(path, 'r+');
  const { size } = await file.stat();
  for (const part of [0.3, 0.5])
    await file.write(Buffer.alloc(4_096, 0xff), 0, 4_096, Math.floor((size * part) / 4_096) * 4_096);
  await file.close();
  const after = await registryAt();
  const { records } = await after.list({ limit: 1_000 });
  expect(records.length).toBeGreaterThan(150);
  expect(records.length).toBeLessThanOrEqual(300);
  expect(warnings).toEqual([
    expect.stringMatching(
      /^the registry \S+ was damaged: \d+ records and \d+ events could be saved; the old file is \S+\.damaged-\S+ \(.+\)$/,
    ),
  ]);
  expect(readdirSync(directory).some((name) => name.includes('.damaged-'))).toBe(true);
  // It goes on, with sequences that nobody has seen.
  await after.create({ id: 'new' });
  const { recent } = await after.health();
  expect(recent[0]).toMatchObject({ kind: 'created', id: 'new' });
});

test('damage beside a large gap of row numbers hides only what is in it', async () => {
  await (await registryAt()).close();
  const file = new (sqlite())(path);
  const insert = file.prepare(
    'INSERT INTO azlin_records (rowid, id, version, metadata, created_at, updated_at, accessed_at, reconnect_count, next_call) VALUES ($1, $2, 1, $3, $1, 0, 0, 0, 0)',
  );
  const numbers = [
    ...Array.from({ length: 60 }, (_, at) => at + 1),
    ...Array.from({ length: 60 }, (_, at) => at + 40_001),
  ];
  for (const number of numbers)
    insert.all({ $1: number, $2: `s-${number}`, $3: JSON.stringify({ fill: 'x'.repeat(300) }) });
  file.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  file.close();
  // The page of the table that has the last row before the gap, or the first one after it.
  const bytes = readFileSync(path);
  const LEAF_OF_TABLE = 0x0d;
  const damaged = Array.from({ length: bytes.length / 4_096 }, (_, page) => page * 4_096).find(
    (at) => bytes[at] === LEAF_OF_TABLE && bytes.subarray(at, at + 4_096).includes('s-40001'),
  );
  expect(damaged).toBeGreaterThan(0);
  bytes.fill(0xff, damaged, Number(damaged) + 4_096);
  writeFileSync(path, bytes);
  const { records } = await (await registryAt()).list({ limit: 1_000 });
  const ids = records.map(({ id }) => id);
  expect(ids).toEqual(expect.arrayContaining(['s-1', 's-40', 's-40030', 's-40060']));
  expect(ids.length).toBeLessThan(120);
  expect(warnings).toHaveLength(1);
});

test('damage that is only seen by a closer look', async () => {
  const one = await registryAt();
  for (let at = 0; at < 50; at++) await one.create({ id: `s-${at}`, metadata: { fill: 'x'.repeat(300) } });
  expect(await one.examine()).toMatchObject([{ status: 'ok' }, { status: 'ok', found: 'integrity check passed' }]);
  await one.close();
  // An index does not have what the table has.
  const bytes = readFileSync(path);
  const LEAF_OF_INDEX = 0x0a;
  for (let page = 0; page < bytes.length; page += 4_096) {
    const at = bytes.subarray(page, page + 4_096).indexOf('s-7');
    if (bytes[page] === LEAF_OF_INDEX && at > 0) bytes.write('s-x', page + at);
  }
  writeFileSync(path, bytes);
  const other = await registryAt();
  expect((await other.examine())[1]).toMatchObject({ status: 'failed', advice: expect.stringContaining(path) });
});

test.each([
  [
    'something else',
    (at: string) => writeFileSync(at, 'this is no database at all, but a text that somebody has put there'),
  ],
  ['half of it', (at: string) => truncateSync(at, 5_000)],
])('%s in its place is set aside', async (_, spoil) => {
  const before = await registryAt();
  await before.create({ id: 'x' });
  await before.close();
  spoil(path);
  const after = await registryAt();
  await after.create({ id: 'y' });
  expect((await after.list()).records.map(({ id }) => id)).toContain('y');
  expect(warnings).toHaveLength(1);
});

test('a full disk is an error, and loses nothing that was acknowledged', async () => {
  const disk = join(directory, 'disk');
  const script = `mkdir -p '${disk}' && mount -t tmpfs -o size=2m none '${disk}' && exec '${process.execPath}' --import tsx '${WRITER}' '${disk}/registry.db' full; echo "exit $?"; df '${disk}' | tail -1 >&2`;
  const ran = spawnSync('unshare', ['-m', 'sh', '-c', script.replace('exec ', '')], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  const lines = ran.stdout.trim().split('\n');
  expect(lines.at(-1)).toBe('exit 1');
  expect(ran.stderr).toMatch(/Cannot write to the registry: .*full/);
  expect(lines.length).toBeGreaterThan(20);
}, 90_000);

test('one that is set aside under somebody who uses it is not used any more', async () => {
  const one = await registryAt();
  for (let number = 0; number < 300; number++)
    await one.create({ id: `s-${number}`, metadata: { fill: 'x'.repeat(300) } });
  // What is in the file, not only in the journal.
  const raw = new (await import('@photostructure/sqlite')).DatabaseSync(path);
  raw.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  raw.close();
  const file = await open(path, 'r+');
  const { size } = await file.stat();
  await file.write(Buffer.alloc(4_096, 0xff), 0, 4_096, Math.floor((size * 0.5) / 4_096) * 4_096);
  await file.close();
  const two = await registryAt();
  expect(warnings).toHaveLength(1);
  await one.create({ id: 'by-one' });
  await two.create({ id: 'by-two' });
  expect(await two.get('by-one')).toBeDefined();
  expect(await one.get('by-two')).toBeDefined();
  await expect(two.create({ id: 'by-one' })).rejects.toMatchObject({ code: 'usage' });
});

test('several processes that begin at once', async () => {
  const writers = Array.from({ length: 6 }, (_, at) => startWriter(`w${at}`, 8));
  await Promise.all(writers.map(({ over }) => over));
  expect(writers.map(({ acknowledged }) => [...acknowledged.values()])).toEqual(Array.from({ length: 6 }, () => [8]));
}, 60_000);

test('a link, a folder and a file that others can read', async () => {
  symlinkSync('/dev/null', path);
  await expect(registryAt()).rejects.toMatchObject({ code: 'registry-failed' });
  await expect(registryAt(directory)).rejects.toMatchObject({ code: 'registry-failed' });
  await expect(registryAt('')).rejects.toMatchObject({ code: 'usage' });
  await expect(registryAt(':memory:')).rejects.toMatchObject({ code: 'usage' });
  const open = join(directory, 'open.db');
  writeFileSync(open, '', { mode: 0o666 });
  await registryAt(open);
  expect(statSync(open).mode & 0o077).toBe(0);
});

test('options that make no sense', async () => {
  for (const options of [
    { ttl: 1e300 },
    { ttl: 0.2 },
    { rate: null },
    { rate: { calls: 0.5, per: 1 } },
    { rate: { calls: 1, per: Number.POSITIVE_INFINITY } },
    { cleanUpEvery: 0 },
    { keepEvents: 'long' },
    { preset: 'none' },
  ])
    await expect(openRegistry(options as never)).rejects.toMatchObject({ code: 'usage' });
});

test('a database of a newer azlin, and a place where none can be', async () => {
  const before = await registryAt();
  await before.close();
  const { DatabaseSync } = await import('@photostructure/sqlite');
  const raw = new DatabaseSync(path);
  raw.exec('UPDATE azlin_schema SET version = 99');
  raw.close();
  await expect(registryAt()).rejects.toMatchObject({
    code: 'registry-failed',
    message: expect.stringContaining('newer azlin'),
  });
  await expect(registryAt(join(directory, 'registry.db', 'x'))).rejects.toMatchObject({ code: expect.any(String) });
  await expect(openRegistry({ backend: 'disk' })).rejects.toMatchObject({ code: 'usage' });
});
