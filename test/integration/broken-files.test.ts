import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { azlin, bash, CLI, startFleet } from '../support/fleet.ts';

/* What stands where files of azlin should be, and what a machine has too little of. */

let fleet: DemoFleet;
let home: string;
beforeAll(async () => {
  fleet = await startFleet([{ name: 'vm', sessions: ['dev'] }]);
}, 60_000);
beforeEach(() => {
  home = mkdtempSync(join(fleet.directory, 'home-'));
});
afterAll(() => fleet.close());

const on = (line: string) => azlin(fleet, line.split(' '), { environment: { AZLIN_HOME: home } });
const OTHERS: readonly (readonly [string, (path: string) => void])[] = [
  ['a FIFO', (path) => void execFileSync('mkfifo', [path])],
  ['a directory', (path) => mkdirSync(path)],
  ['a link', (path) => symlinkSync('/etc/passwd', path)],
  ['a link to a device', (path) => symlinkSync('/dev/zero', path)],
];

describe.each(OTHERS)('%s', (what, put) => {
  test('in the place of each file of the cache: a warning or nothing, and the command works', async () => {
    expect(await on('list')).toMatchObject({ exitCode: 0, stderr: '' });
    const cache = join(home, 'cache');
    const names = readdirSync(cache).filter((name) => statSync(join(cache, name)).isFile());
    expect(names.length).toBeGreaterThan(1);
    for (const name of [...names, 'power-changed']) {
      rmSync(join(cache, name), { force: true });
      put(join(cache, name));
    }
    const { exitCode, stdout, stderr } = await on('list');
    expect({ exitCode, has: /^vm +dev /m.test(stdout) }).toEqual({ exitCode: 0, has: true });
    expect(stderr).toContain('cannot read the cache');
    expect((await on('exec vm:dev echo ok')).stdout).toBe('ok\n');
  });

  if (what !== 'a link')
    test('in the place of known_hosts: refused by name, at once', async () => {
      put(join(home, 'known_hosts'));
      const { exitCode, stderr } = await on('exec vm:dev echo ok');
      expect({ exitCode, names: stderr.includes(join(home, 'known_hosts')) }).toEqual({ exitCode: 255, names: true });
    });
});

test('--result is for the user alone, whatever the umask, also where it was there before', async () => {
  const path = join(home, 'result.json');
  const run = (umask: string) =>
    bash(fleet, `umask ${umask}; exec "$NODE" "$CLI" exec --result "$OUT" vm:dev true`, {
      environment: { NODE: process.execPath, CLI, OUT: path, AZLIN_HOME: home },
    });
  const made = async (umask: string) => {
    expect((await run(umask)).exitCode).toBe(0);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ outcome: 'exited' });
    return statSync(path).mode & 0o777;
  };
  for (const umask of ['000', '077', '277']) {
    rmSync(path, { force: true });
    expect(await made(umask)).toBe(0o600);
  }
  writeFileSync(path, '', { mode: 0o644 });
  expect(await made('022')).toBe(0o600);
});

test.each([
  ['ulimit -n 20', /spawn az EMFILE/],
  ['ulimit -v 3000000', /Out of memory/],
])('%s: a plain reason, exit code 255 and a result', async (limit, reason) => {
  const path = join(home, 'result.json');
  const { exitCode, stdout, stderr } = await bash(
    fleet,
    `${limit}; exec "$NODE" "$CLI" exec --result "$OUT" vm:dev echo ok`,
    { environment: { NODE: process.execPath, CLI, OUT: path, AZLIN_HOME: home } },
  );
  expect({ exitCode, stdout }).toEqual({ exitCode: 255, stdout: '' });
  expect(stderr).toMatch(/^error: This machine is out of resources: .*\nhint: ulimit -a/m);
  expect(stderr).toMatch(reason);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ outcome: 'not-started', exitCode: 255 });
});

describe('compiled code', () => {
  const folder = () => {
    const code = join(home, 'cache/code');
    const [version = ''] = existsSync(code) ? readdirSync(code) : [];
    return join(code, version);
  };
  const parts = () => readdirSync(folder(), { recursive: true, withFileTypes: true }).filter((one) => one.isFile());

  test('is kept for the next call; what the disk has damaged is compiled again', async () => {
    mkdirSync(join(home, 'cache'), { mode: 0o700 });
    expect((await on('config list')).exitCode).toBe(0);
    expect(parts().length).toBeGreaterThan(0);
    for (const { parentPath, name } of parts()) {
      const path = join(parentPath, name);
      const bytes = readFileSync(path);
      for (let at = 40; at < bytes.length; at += 997) bytes[at] = 255 - (bytes[at] ?? 0);
      writeFileSync(path, bytes);
    }
    for (let time = 0; time < 2; time++) expect(await on('config list -q')).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('is not kept where others can write', async () => {
    mkdirSync(join(home, 'cache'));
    chmodSync(join(home, 'cache'), 0o777);
    expect((await on('config list')).exitCode).toBe(0);
    expect(existsSync(join(home, 'cache/code'))).toBe(false);
  });
});
