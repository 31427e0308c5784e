import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { knownHosts } from '../../../src/transport/known-hosts.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync('/tmp/azlin-known-');
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A key in wire format: its type, then anything. */
function aKey(type: string, rest: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, Buffer.from(type), Buffer.from(rest)]);
}
const one = aKey('ssh-ed25519', 'one');
const two = aKey('ssh-ed25519', 'two');
const open = (path: string) => knownHosts(path, 'accept-new', () => {});

describe('knownHosts', () => {
  test('makes folder and file for the user alone', async () => {
    const path = join(directory, 'new', 'known_hosts');
    await open(path).check({ alias: 'a', label: 'a', key: one });
    expect([statSync(path).mode & 0o777, statSync(join(directory, 'new')).mode & 0o777]).toEqual([0o600, 0o700]);
  });

  test('a file without a last line break keeps its last entry', async () => {
    const path = join(directory, 'known_hosts');
    await open(path).check({ alias: 'a', label: 'a', key: one });
    writeFileSync(path, readFileSync(path, 'utf8').trimEnd());
    await open(path).check({ alias: 'b', label: 'b', key: two });
    await open(path).check({ alias: 'a', label: 'a', key: one });
    expect(await open(path).knownTypes('b')).toEqual(['ssh-ed25519']);
  });

  test('many at once lose nothing', async () => {
    const path = join(directory, 'known_hosts');
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => open(path).check({ alias: `h${index}`, label: 'x', key: one })),
    );
    const kept = await Promise.all(Array.from({ length: 50 }, (_, index) => open(path).knownTypes(`h${index}`)));
    expect(kept.every((types) => types.length > 0)).toBe(true);
  });

  test('several keys of one host are all accepted, another one is not', async () => {
    const path = join(directory, 'known_hosts');
    writeFileSync(path, `a ssh-ed25519 ${one.toString('base64')}\nb,a ssh-ed25519 ${two.toString('base64')} comment\n`);
    await open(path).check({ alias: 'a', label: 'a', key: two });
    await expect(open(path).check({ alias: 'a', label: 'a', key: aKey('ssh-rsa', 'x') })).rejects.toMatchObject({
      code: 'host-key-changed',
    });
  });

  test('a place that cannot be written to is said, and nothing is trusted', async () => {
    const path = join(directory, 'file', 'known_hosts');
    writeFileSync(join(directory, 'file'), '');
    await expect(open(path).check({ alias: 'a', label: 'a', key: one })).rejects.toThrow(/Cannot (read|keep)/);
  });
});
