import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { CLI, startFleet } from '../support/fleet.ts';
import { freshHome } from '../support/fresh-home.ts';
import { openTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { warmAzlin as azlinOn } from '../support/warm-azlin.ts';

let fleet: DemoFleet;
beforeAll(async () => {
  fleet = await startFleet([
    { name: 'web-1', sessions: ['main'], tags: { role: 'web' } },
    { name: 'web-2', sessions: ['main'], tags: { role: 'web' } },
    { name: 'web-3', sessions: ['main'], tags: { role: 'idle' } },
    { name: 'web-4', sessions: [] },
    { name: 'db', sessions: ['main', 'ci-1', 'ci-2'] },
  ]);
  await Promise.all([
    azlin('stop', '--yes', 'web-4'),
    azlin('exec', '-q', '--job', 'build-1', 'web-1:main', 'echo one; echo of one >&2'),
    azlin('exec', '-q', '--job', 'build-2', 'web-2:main', 'echo two; exit 3'),
    azlin('exec', '-q', '--job', 'ci-a', 'db:ci-1', 'echo a'),
    azlin('exec', '-q', '--job', 'ci-b', 'db:ci-2', 'echo b; exit 5'),
  ]);
}, 90_000);
afterAll(() => fleet.close());

const azlin = (...args: string[]) => azlinOn(fleet, args);
const home = (vm: string) => fleet.machines.get(vm)?.home ?? '';
const folder = (vm: string, id: string) => {
  const jobs = join(home(vm), '.azlin/jobs');
  return join(jobs, readdirSync(jobs)[0] ?? '', id);
};
const records = async (...args: string[]) =>
  JSON.parse((await azlin(...args, '--json')).stdout) as Record<string, unknown>[];

describe('jobs of many', () => {
  test.each([
    ['a pattern', ['web-*:main'], ['build-1', 'build-2']],
    ['VMs by a pattern', ['web-*'], ['build-1', 'build-2']],
    ['a list', ['web-1,db:ci-1'], ['build-1', 'ci-a']],
    ['sessions by a pattern', ['db:ci-*'], ['ci-a', 'ci-b']],
    ['VMs by a tag', ['--tag', 'role=web'], ['build-1', 'build-2']],
    ['VMs by two patterns', ['--host', 'web-1', '--host', 'db'], ['build-1', 'ci-a', 'ci-b']],
  ])('azlin jobs lists those of %s', async (_what, words, expected) => {
    expect((await records('jobs', ...words)).map(({ id }) => id).sort()).toEqual(expected);
  });

  test('what a list leaves out is said', async () => {
    const { stderr } = await azlin('jobs', 'web-*');
    expect(stderr).toContain('left out, not running: web-4');
    expect((await azlin('jobs', 'nope-*')).exitCode).toBe(3);
    expect(await azlin('jobs', 'web-1', '--tag', 'role=web')).toMatchObject({ exitCode: 2 });
  });

  test('wait: the newest of each, and the worst exit code of all', async () => {
    const { exitCode, stdout, stderr } = await azlin('wait', 'web-*:main');
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
    expect(stderr).toMatch(/^"web-\*:main" means 2 jobs: build-1 on web-1:main, build-2 on web-2:main$/m);
    expect(stderr).toMatch(/^left out, not running: web-4$/m);
    expect(stderr).toMatch(/^left out, no job there: web-3:main$/m);
    expect(stderr).toMatch(/^1 of 2 done, 1 failed in /m);
    expect(stderr).toMatch(/^failed: web-2:main: exit 3$/m);
    expect((await azlin('wait', '--exit', 'any', 'web-*:main')).exitCode).toBe(0);
    expect((await azlin('wait', '--tag', 'role=web', '--session', 'main')).exitCode).toBe(3);
  });

  test('wait: a list of ids, two of one VM; an id that nobody has is an error before anything is waited for', async () => {
    const found = await records('wait', 'ci-a,ci-b');
    expect(found.map(({ target, jobId, exitCode }) => ({ target, jobId, exitCode }))).toEqual([
      { target: 'db:ci-1', jobId: 'ci-a', exitCode: 0 },
      { target: 'db:ci-2', jobId: 'ci-b', exitCode: 5 },
    ]);
    expect(await azlin('wait', 'ci-a,nosuch')).toMatchObject({
      exitCode: 255,
      stderr: expect.stringContaining('has a job "nosuch"'),
    });
    const file = join(home('db'), 'out.json');
    await azlin('wait', '--result', file, 'ci-a,ci-b');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ exitCode: 5, results: [{ jobId: 'ci-a' }, {}] });
  });

  test('wait and logs: two jobs of one session are told apart', async () => {
    await Promise.all(
      ['twin-1', 'twin-2'].map((id) =>
        azlin('exec', '-q', '--job', id, 'db:main', `for i in 1 2 3; do echo ${id}; done`),
      ),
    );
    const { stdout } = await azlin('logs', 'twin-1,twin-2');
    const lines = stdout.trimEnd().split('\n');
    expect(lines.sort()).toEqual(
      ['twin-1', 'twin-2'].flatMap((id) => Array.from({ length: 3 }, () => `${id} on db:main | ${id}`)),
    );
    const failed = await azlin('wait', 'ci-b,twin-1');
    expect(failed).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('ci-b on db:ci-2: exit 5') });
  });

  test('logs: each line with its name; a program gets records', async () => {
    const { exitCode, stdout } = await azlin('logs', 'web-*:main');
    expect({ exitCode, lines: stdout.split('\n').sort() }).toEqual({
      exitCode: 0,
      lines: ['', 'web-1:main | one', 'web-2:main | two'],
    });
    expect((await azlin('logs', '--stderr', 'web-*:main')).stdout).toBe('web-1:main | of one\n');
    expect(await records('logs', 'web-*:main')).toMatchObject([{ stdout: 'one\n' }, { stdout: 'two\n' }]);
  });

  test('logs --screen: each under its name', async () => {
    const { exitCode, stdout } = await azlin('logs', '--screen', 'db:ci-*');
    expect({ exitCode, names: stdout.match(/^==> .* <==$/gm) }).toEqual({
      exitCode: 0,
      names: ['==> db:ci-1 <==', '==> db:ci-2 <=='],
    });
    expect(await records('logs', '--screen', 'db:ci-*')).toMatchObject([{ target: 'db:ci-1' }, { target: 'db:ci-2' }]);
  });

  test('a deadline ends the wait, not the jobs; cancel ends those that run', async () => {
    await Promise.all(
      ['web-1', 'web-2'].map((vm) => azlin('exec', '--detach', '--job', `long-${vm}`, `${vm}:main`, 'sleep 300000')),
    );
    expect(await azlin('wait', '--deadline', '1s', 'web-*:main')).toMatchObject({ exitCode: 124 });
    expect(await azlin('wait', '--deadline', '1s', 'long-web-1')).toMatchObject({ exitCode: 124 });
    expect((await records('jobs', '--running')).length).toBe(2);
    const { exitCode, stdout, stderr } = await azlin('cancel', 'web-*:main');
    expect({ exitCode, lines: stdout.split('\n').sort() }).toEqual({
      exitCode: 0,
      lines: ['', 'Job long-web-1 on web-1: cancelled', 'Job long-web-2 on web-2: cancelled'],
    });
    expect(stderr).toContain('2 of 2 done');
    expect(await records('cancel', 'long-web-1,ci-a')).toMatchObject([{ hadEnded: true }, { hadEnded: true }]);
  }, 40_000);

  test('Ctrl-C leaves the jobs that are waited for running', async () => {
    await azlin('exec', '--detach', '--job', 'stays', 'web-1:main', 'until [ -e ~/enough ]; do sleep 0.1; done');
    const terminal = await openTerminal(fleet.environment, 100, 20);
    try {
      await terminal.type(`${process.execPath} ${CLI} wait web-1:main,build-2; echo "code $?"\n`);
      await terminal.shows(/^0 of 2 done, 1 failed, 1 running; longest: web-1:main/m);
      await terminal.press('C-c');
      await terminal.shows(/job stays is still running[\s\S]*^code 130$/m);
    } finally {
      await terminal.close();
    }
    expect((await records('jobs', 'web-1', '--running')).map(({ id }) => id)).toEqual(['stays']);
    writeFileSync(join(home('web-1'), 'enough'), '');
    expect((await azlin('wait', 'stays')).exitCode).toBe(0);
  }, 40_000);

  test('--vm is for ids', async () => {
    expect(await azlin('wait', '--vm', 'db', 'web-*')).toMatchObject({
      exitCode: 255,
      stderr: expect.stringContaining('--vm goes with the id'),
    });
    expect((await azlin('wait', '--vm', 'db', 'ci-a,ci-b')).exitCode).toBe(5);
    expect((await azlin('cancel')).stderr).toContain('Missing argument: azlin cancel <job>');
  });

  test('an alias means its targets', async () => {
    const environment = freshHome(fleet, '[aliases]\nboth = ["web-1:main", "web-2:main"]\none = "db:ci-2"\n');
    expect((await azlinOn(fleet, ['wait', 'both'], { environment })).exitCode).not.toBe(0);
    expect((await azlinOn(fleet, ['wait', 'one'], { environment })).exitCode).toBe(5);
  });
});

describe('logs --since', () => {
  test('only what was written since then', async () => {
    await azlin('exec', '-q', '--job', 'aged', 'db:main', 'echo old; echo older >&2; echo new; echo newer >&2');
    const times = join(folder('db', 'aged'), 'times');
    expect(readFileSync(times, 'utf8')).toMatch(/^\d+ 8 12\n$/m);
    const now = Math.floor(Date.now() / 1_000);
    writeFileSync(times, `${now - 7_200} 4 6\n${now - 600} 8 12\n`);
    const since = async (time: string, ...more: string[]) =>
      (await azlin('logs', '--since', time, ...more, 'aged')).stdout;
    expect(await since('3h')).toBe('old\nnew\n');
    expect(await since('1h')).toBe('new\n');
    expect(await since('1h', '--stderr')).toBe('newer\n');
    expect(await since('1h', '--follow')).toBe('new\n');
    expect(await since('5m')).toBe('');
    expect((await azlin('logs', '--since', '1h', '--lines', '1', 'aged')).exitCode).toBe(2);
    expect((await azlin('logs', '--since', 'yesterday', 'aged')).stderr).toContain('"yesterday"');
  });

  test.each(['exec --durable', 'run'])(
    'azlin %s notes when its output grew',
    async (verb) => {
      const file = `on-${verb.length}`;
      const line = `echo on; until [ -e ~/${file} ]; do sleep 0.1; done; echo off`;
      const running = azlin(...verb.split(' '), 'db:main', line);
      const ofThis = async () =>
        (await records('jobs', 'db', '--all', '--running')).find(({ command }) => command === line);
      const id = await until('the job', async () => (await ofThis())?.['id'] as string | undefined);
      const times = join(folder('db', id), 'times');
      await until('its first output to be noted', () => /^\d+ 3 0$/m.test(readFileSync(times, 'utf8')));
      writeFileSync(join(home('db'), file), '');
      expect((await running).stdout).toBe('on\noff\n');
      expect(readFileSync(times, 'utf8')).toMatch(/^\d+ 7 0\n$/m);
    },
    40_000,
  );
});

describe('the status of many', () => {
  test.each([
    ['a pattern, stopped ones too', ['web-*'], ['web-1', 'web-2', 'web-3', 'web-4']],
    ['a list', ['db,web-1'], ['db', 'web-1']],
    ['a tag', ['--tag', 'role=web'], ['web-1', 'web-2']],
    ['everything', [], ['db', 'web-1', 'web-2', 'web-3', 'web-4']],
  ])('%s', async (_what, words, expected) => {
    expect((await records('status', ...words)).map(({ hostname }) => hostname).sort()).toEqual(expected);
  });

  test('only the sessions that are meant; a VM that was named twice is there once', async () => {
    const names = async (words: string) =>
      (await records('status', words)).map(({ hostname, sessions }) => [
        hostname,
        (sessions as { session: string }[]).map(({ session }) => session),
      ]);
    expect(await names('db:ci-*')).toEqual([['db', ['ci-1', 'ci-2']]]);
    expect(await names('db:ci-1,db:main')).toEqual([['db', ['ci-1', 'main']]]);
    expect(await names('db:ci-1,db')).toEqual([['db', ['ci-1', 'ci-2', 'main']]]);
    const some = await azlin('status', '{db,web-1}:ci-*');
    expect(some).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('no such session: web-1') });
  });

  test('what does not exist is an error', async () => {
    expect(await azlin('status', 'nope-*')).toMatchObject({ exitCode: 3 });
    expect(await azlin('status', 'db,nope')).toMatchObject({ exitCode: 3 });
    expect(await azlin('status', 'db', '--all')).toMatchObject({ exitCode: 2 });
  });
});
