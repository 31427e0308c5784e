import { mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { startFleet } from '../support/fleet.ts';
import { freshHome, withAz } from '../support/fresh-home.ts';
import { warmAzlin as azlin } from '../support/warm-azlin.ts';

let fleet: DemoFleet;
beforeAll(async () => {
  const withoutTmux = mkdtempSync('/tmp/azlin-bin-');
  for (const name of ['sh', 'bash', 'cat', 'id', 'locale', 'sleep'])
    symlinkSync(`/usr/bin/${name}`, join(withoutTmux, name));
  fleet = await startFleet([
    { name: 'good', sessions: ['dev'] },
    {
      name: 'odd',
      sessions: [],
      bashrc: 'echo "Welcome to odd"',
      environment: { PATH: withoutTmux, LANG: 'C' },
      sshdConfig: ['MaxSessions 2'],
    },
    { name: 'closed', sessions: [], sshdConfig: ['AuthorizedKeysFile none'] },
    { name: 'stuck', sessions: [], bashrc: 'sleep 100' },
    { name: 'off', sessions: [], stopped: true },
  ]);
}, 60_000);
afterAll(() => fleet.close());

interface Row {
  readonly check: string;
  readonly status: string;
  readonly found: string;
  readonly advice: string | null;
  readonly code: string | null;
}

async function doctor(host: string, environment: Readonly<Record<string, string>> = {}) {
  const args = ['doctor', ...(host ? [host] : []), '--format', 'json'];
  const { stdout, stderr, exitCode } = await azlin(fleet, args, {
    environment: { ...freshHome(fleet), ...environment },
  });
  const rows = JSON.parse(stdout) as readonly Row[];
  return { exitCode, stderr, rows, of: (name: string) => rows.find(({ check }) => check === name) };
}

describe('azlin doctor', () => {
  test('a healthy VM: everything is found, nothing is to be done', async () => {
    const { exitCode, rows, of } = await doctor('good');
    expect({ exitCode, odd: rows.filter(({ status }) => status !== 'ok') }).toEqual({ exitCode: 0, odd: [] });
    expect(rows.map(({ check }) => check)).toEqual([
      'config',
      'ssh settings',
      'known hosts',
      'sign-in',
      'inventory',
      'vm',
      'address',
      'keys',
      'network',
      'ssh server',
      'host key',
      'authentication',
      'shell',
      'tmux',
      'locale',
      'lingering',
      'channels',
      'registry',
    ]);
    expect(of('inventory')?.found).toBe('5 VMs in scope (azure), 4 running');
    expect(of('address')?.found).toMatch(/^\S+@127\.\S+ port \d+ \(its public address\)$/);
    expect(of('ssh server')?.found).toMatch(/^OpenSSH_\S+/);
    expect(of('host key')?.found).toMatch(/^SHA256:\S+ \(ED25519\), pinned just now$/);
    expect(of('channels')?.found).toMatch(/^10 or more at once/);
  });

  test('for people: aligned, with what to do under what is wrong', async () => {
    const { stdout, exitCode } = await azlin(fleet, ['doctor', 'odd'], { environment: freshHome(fleet) });
    expect(exitCode).toBe(7);
    expect(stdout).toMatch(/^ok {4}config {10}\S/m);
    expect(stdout).toMatch(/^warn {2}shell .* prints: "Welcome to odd"\n {22}-> azlin ignores it/m);
    expect(stdout).toMatch(/^FAIL {2}tmux {12}tmux is not installed on "odd"\n {22}-> /m);
    expect(stdout).toMatch(/^warn {2}locale/m);
    expect(stdout).toMatch(/^warn {2}channels {8}2 at once.*\n {22}-> .*MaxSessions 10/m);
  });

  test('without a host: this side only', async () => {
    const { rows, exitCode } = await doctor('');
    expect({ exitCode, checks: rows.map(({ check }) => check) }).toEqual({
      exitCode: 0,
      checks: ['config', 'ssh settings', 'known hosts', 'sign-in', 'inventory', 'keys', 'registry'],
    });
  });

  test('what fails fails alone, and the rest is said to be unchecked', async () => {
    const stopped = await doctor('off');
    expect(stopped.of('vm')).toMatchObject({ status: 'failed', code: 'vm-not-running', advice: 'azlin start off' });
    expect(stopped.exitCode).toBe(7);
    const denied = await doctor('closed');
    expect(denied.rows.filter(({ status }) => status === 'failed')).toEqual([
      expect.objectContaining({ check: 'authentication', code: 'ssh-denied' }),
    ]);
    expect(denied.of('host key')?.status).toBe('ok');
    expect(denied.of('tmux')?.status).toBe('skipped');
    expect(denied.exitCode).toBe(5);
    const unknown = await doctor('goood');
    expect(unknown.of('vm')?.found).toMatch(/No VM is named "goood" \(Did you mean: good\)/);
  });

  test('a host key that has changed', async () => {
    const home = freshHome(fleet);
    writeFileSync(
      join(home.AZLIN_HOME, 'known_hosts'),
      'a0000000-0000-4000-8000-000000000001 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOIRSEgf2NBOKsRA5s08YQzrk0gOWvqV+8h/1AYae39v\n',
    );
    const { of, exitCode } = await doctor('good', home);
    expect(of('host key')).toMatchObject({
      status: 'failed',
      code: 'host-key-changed',
      advice: expect.stringContaining('azlin host-key forget good'),
    });
    expect({ exitCode, next: of('authentication')?.status }).toEqual({ exitCode: 6, next: 'skipped' });
  });

  test('a shell that does not come up', async () => {
    const { of, exitCode } = await doctor(
      'stuck',
      freshHome(fleet, '[ssh]\ncommand_deadline = "1s"\nconnect_timeout = "2s"\n'),
    );
    expect(of('shell')).toMatchObject({
      status: 'failed',
      found: expect.stringMatching(/no answer within 1 s/),
      advice: expect.stringContaining('.bashrc'),
    });
    expect(exitCode).toBe(7);
  });

  test('nobody signed in; no key at all', async () => {
    const signedOut = {
      ...freshHome(fleet, '[azure]\ncredential = "cli"\n'),
      ...withAz(fleet, "echo 'Please run az login' >&2; exit 1"),
    };
    const { of, exitCode } = await doctor('good', signedOut);
    expect(of('sign-in')).toMatchObject({ status: 'failed', code: 'not-signed-in' });
    expect({ exitCode, vm: of('vm')?.status, inventory: of('inventory')?.status }).toEqual({
      exitCode: 5,
      vm: 'skipped',
      inventory: 'skipped',
    });
    const keyless = await doctor('', { AZLIN_IDENTITY: '', HOME: '/nonexistent' });
    expect(keyless.of('keys')).toMatchObject({
      status: 'failed',
      advice: expect.stringContaining('ssh-keygen -t ed25519'),
    });
  });
});
