/*
 * The registry of sessions: what a create, an update, a read, a list and a delete take, for each backend, beside a query of the same database without azlin.
 * Usage: npm run bench:registry [-- RECORDS [RECORDS_IN_POSTGRESQL]]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createRegistry } from '../src/app/registry/create-registry.ts';
import type { Registry } from '../src/registry/types.ts';
import { startPostgres } from '../test/support/postgres.ts';

const [, , many = '10000', manyInPostgres = '100000'] = process.argv;
/** How many of each are timed. */
const SAMPLES = 2_000;
const directory = mkdtempSync('/tmp/azlin-lab-');
const postgres = await startPostgres();
const LIFE = { ttl: Number.POSITIVE_INFINITY, cleanUpEvery: Number.POSITIVE_INFINITY };
const backends: readonly (readonly [string, number, () => Promise<Registry>])[] = [
  ['memory', Number(many), () => createRegistry({ ...LIFE })],
  ['disk', Number(many), () => createRegistry({ ...LIFE, backend: 'disk', path: join(directory, 'registry.db') })],
  ['cluster', Number(manyInPostgres), () => createRegistry({ ...LIFE, backend: 'cluster', url: postgres.url() })],
];

try {
  console.log(`medians and 99th percentiles; a record has about 300 bytes of metadata\n`);
  console.log(
    'BACKEND  RECORDS  CREATE           UPDATE           GET              DELETE           LIST 10,000  BYTES A RECORD',
  );
  for (const [name, count, open] of backends) {
    const registry = await open();
    const metadata = (at: number) => ({
      ...{ user_id: `user-${at % 50}`, client_ip: '203.0.113.10', request_count: at, last_tool: 'ssh_execute' },
      note: 'x'.repeat(180),
    });
    const ids = Array.from({ length: count }, (_, at) => `session-${at}`);
    const made = await timed(ids, (id, at) => registry.create({ id, metadata: metadata(at) }));
    const some = ids.filter((_, at) => at % Math.max(1, Math.floor(count / SAMPLES)) === 0);
    const updated = await timed(some, (id, at) => registry.update(id, () => metadata(at + 1)));
    for (const id of some) await registry.get(id);
    const read = await timed(some, (id) => registry.get(id));
    const since = performance.now();
    let listed = 0;
    for (let after: string | undefined, isMore = true; isMore && listed < 10_000; ) {
      const page = await registry.list({ limit: 1_000, after });
      listed += page.records.length;
      after = page.next;
      isMore = after !== undefined;
    }
    const list = performance.now() - since;
    const { bytesPerRecord } = await registry.stats();
    const deleted = await timed(some, (id) => registry.delete(id));
    const cells = [made, updated, read, deleted].map((one) => one.padEnd(15)).join('  ');
    console.log(
      `${name.padEnd(7)}  ${`${count}`.padEnd(7)}  ${cells}  ${`${list.toFixed(0)} ms`.padEnd(11)}  ${bytesPerRecord}`,
    );
    await registry.close();
  }
} finally {
  postgres.close();
  rmSync(directory, { recursive: true, force: true });
}

/** Does it for each, one after the other: `0.12 / 0.9 ms`. */
async function timed(ids: readonly string[], work: (id: string, at: number) => Promise<unknown>): Promise<string> {
  const took: number[] = [];
  for (const [at, id] of ids.entries()) {
    const since = performance.now();
    await work(id, at);
    took.push(performance.now() - since);
  }
  took.sort((a, b) => a - b);
  const part = (share: number) => took[Math.floor(took.length * share)] ?? 0;
  const shown = (ms: number) => (ms < 1 ? `${Math.round(ms * 1_000)} µs` : `${ms.toFixed(1)} ms`);
  return `${shown(part(0.5))} / ${shown(part(0.99))}`;
}
