import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { azlin, bash, startFleet } from '../support/fleet.ts';

let fleet: DemoFleet;
let place = '';
beforeAll(async () => {
  fleet = await startFleet([{ name: 'vm', sessions: ['dev'] }]);
  place = mkdtempSync(join(fleet.directory, 'texts-'));
}, 60_000);
afterAll(() => fleet.close());

/** A file of these bytes. */
function file(name: string, bytes: string): string {
  const path = join(place, name);
  writeFileSync(path, Buffer.from(bytes, 'latin1'));
  return path;
}
const MARK = '\xef\xbb\xbf';

describe.each(['--direct', '--durable'])('exec %s', (mode) => {
  test('a script with a byte order mark runs', async () => {
    const script = file('marked.sh', `${MARK}#!/bin/sh\necho on\n`);
    expect(await bash(fleet, `azlin exec ${mode} vm:dev <${script}`)).toMatchObject({
      exitCode: 0,
      stdout: 'on\n',
      stderr: '',
    });
  });

  test('a script from Windows runs as it is, and why it fails is said', async () => {
    const script = file('windows.sh', 'echo on\r\n');
    const { stdout, stderr } = await bash(fleet, `azlin exec ${mode} vm:dev <${script}`);
    expect({ stdout, stderr }).toEqual({
      stdout: 'on\r\n',
      stderr: expect.stringMatching(/^warning: The script has Windows line endings \(CRLF\).*tr -d '\\r'/),
    });
    // Others do not mind.
    expect((await bash(fleet, `azlin exec ${mode} --shell awk vm:dev <${script}`)).stderr).not.toContain('CRLF');
  });

  test('--env-file keeps bytes', async () => {
    const variables = file('variables', `${MARK}A=caf\xe9 it's\nB=\xc3\xa9\r\n`);
    const { stdout } = await azlin(fleet, [
      'exec',
      mode,
      '--env-file',
      variables,
      'vm:dev',
      'printf %s "$A$B" | od -An -tx1',
    ]);
    expect(stdout.trim()).toBe('63 61 66 e9 20 69 74 27 73 c3 a9');
  });
});

test('a value that no variable can hold is refused by its name', async () => {
  const variables = file('nul', 'A=one\0two\n');
  expect(await azlin(fleet, ['exec', '--env-file', variables, 'vm:dev', 'true'])).toMatchObject({
    exitCode: 255,
    stderr: expect.stringMatching(/^error: The value of A contains a NUL byte/),
  });
});

test('the value of a variable is in no message of azlin, whoever repeats it', async () => {
  const variables = file('secrets', 'PASSWORD=correct-horse\n');
  const line = ['exec', '--env-file', variables, '--cwd', '/nowhere/correct-horse', 'vm:dev', 'true'];
  for (const more of [[], ['--verbose'], ['--format', 'json']]) {
    const { stdout, stderr, exitCode } = await azlin(fleet, [...line.slice(0, 1), ...more, ...line.slice(1)]);
    expect({ exitCode, said: stdout + stderr }).toEqual({
      exitCode: 255,
      said: expect.stringContaining('/nowhere/***'),
    });
    expect(stdout + stderr).not.toContain('correct-horse');
  }
});

test('an argument that is not UTF-8 is refused; one that is any UTF-8 is not', async () => {
  expect(await bash(fleet, `azlin exec vm:dev echo $'caf\\xe9'`)).toMatchObject({
    exitCode: 255,
    stdout: '',
    stderr:
      'error: An argument is not valid UTF-8: caf\\xe9\nhint: a script on standard input or --env-file can hold any bytes\n',
  });
  expect(await bash(fleet, `azlin list --host $'\\xff'`)).toMatchObject({ exitCode: 2 });
  expect(await azlin(fleet, ['exec', 'vm:dev', 'echo', 'café 東京 \ufffd'])).toMatchObject({
    stdout: 'café 東京 \ufffd\n',
  });
});

test('settings and inventories with a byte order mark', async () => {
  const settings = file('config.toml', `${MARK}[ssh]\nport = 1234\n`);
  expect((await azlin(fleet, ['config', 'get', 'ssh.port'], { environment: { AZLIN_CONFIG: settings } })).stdout).toBe(
    '1234\n',
  );
  for (const inventory of [
    file('fleet.json', `${MARK}{"vms":[{"name":"box","address":"127.0.0.9"}]}`),
    file('fleet.toml', `${MARK}[[vms]]\nname = "box"\naddress = "127.0.0.9"\n`),
  ]) {
    const environment = { AZLIN_HOME: mkdtempSync(join(place, 'home-')), AZLIN_INVENTORY: inventory };
    expect((await azlin(fleet, ['list', '--no-sessions', '--quiet'], { environment })).stdout).toMatch(/^box /m);
  }
});
