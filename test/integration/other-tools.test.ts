import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { startFleet } from '../support/fleet.ts';
import { hasTool } from '../support/tools.ts';
import { warmAzlin as azlinOn } from '../support/warm-azlin.ts';

/** A VM whose tools are those of busybox: another sh, an awk that cannot tell signals, a tail that looks once a second. */
const isThere = hasTool('busybox');
let fleet: DemoFleet | undefined;
let tools = '';
beforeAll(async () => {
  if (!isThere) return;
  tools = mkdtempSync('/tmp/azlin-busybox-');
  const bin = join(tools, 'bin');
  mkdirSync(bin);
  const find = (name: string) => execFileSync('sh', ['-c', 'command -v "$1"', 'sh', name], { encoding: 'utf8' }).trim();
  for (const name of execFileSync('busybox', ['--list'], { encoding: 'utf8' }).split('\n'))
    if (/^\w+$/.test(name)) symlinkSync(find('busybox'), join(bin, name));
  for (const name of ['tmux', 'bash']) symlinkSync(find(name), join(bin, name));
  fleet = await startFleet([{ name: 'alpine', sessions: ['dev'], environment: { PATH: bin } }]);
}, 60_000);
afterAll(() => {
  fleet?.close();
  if (tools !== '') rmSync(tools, { recursive: true, force: true });
});

const azlin = (...args: string[]) => azlinOn(fleet as DemoFleet, args);

(isThere ? describe : describe.skip).each(['--direct', '--durable'])('with the tools of busybox (%s)', (mode) => {
  const exec = (...args: string[]) => azlin('exec', mode, ...args);

  test('they are what runs there', async () => {
    expect((await exec('alpine:dev', 'readlink "$(command -v awk)"')).stdout).toMatch(/busybox/);
  });

  test('streams, exit codes, signals', async () => {
    const line = 'echo out; echo err >&2; exit 3';
    expect(await exec('alpine:dev', line)).toMatchObject({ exitCode: 3, stdout: 'out\n', stderr: 'err\n' });
    expect((await exec('alpine:dev', 'exit 0')).exitCode).toBe(0);
    expect((await exec('alpine:dev', 'exit 255')).exitCode).toBe(255);
    expect((await exec('alpine:dev', 'kill -TERM $$')).exitCode).toBe(143);
    expect((await exec('alpine:dev', 'kill -KILL $$')).exitCode).toBe(137);
    const { stdout } = await exec('alpine:dev', 'seq 100000');
    expect(stdout).toBe(`${Array.from({ length: 100_000 }, (_, n) => n + 1).join('\n')}\n`);
  });

  test('scripts, variables, a timeout', async () => {
    const script = await azlinOn(fleet as DemoFleet, ['exec', mode, '--env', "A=it's", 'alpine:dev'], {
      input: 'echo "$A"',
    });
    expect(script.stdout).toBe("it's\n");
    const late = await exec('--timeout', '1s', 'alpine:dev', 'trap "" TERM; echo on; sleep 40 & wait; sleep 40');
    expect(late).toMatchObject({ exitCode: 124, stdout: 'on\n' });
  });
});

(isThere ? describe : describe.skip)('jobs with the tools of busybox', () => {
  test('jobs, logs, wait, cancel, run', async () => {
    expect((await azlin('exec', '--detach', '--job', 'v1', 'alpine:dev', 'seq 5; sleep 50')).stdout).toBe('v1\n');
    expect((await azlin('logs', '--lines', '2', 'v1')).stdout).toMatch(/5\n$/);
    expect((await azlin('cancel', 'v1')).stdout).toBe('Job v1 on alpine: cancelled\n');
    expect((await azlin('wait', 'v1')).exitCode).toBe(143);
    expect((await azlin('jobs', 'alpine')).stdout).toMatch(/^v1 +cancelled +\d+ s +alpine:dev /m);
    expect(await azlin('run', 'alpine:dev', 'echo live; false')).toMatchObject({ exitCode: 1, stdout: 'live\n' });
  });
});
