import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { bash, startFleet } from '../support/fleet.ts';
import { type Lab, startLab } from '../support/lab.ts';
import { openTerminal, type RealTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { warmAzlin as azlin } from '../support/warm-azlin.ts';

let fleet: DemoFleet;
const scratch = mkdtempSync('/tmp/azlin-fleet-');
beforeAll(async () => {
  const web = (name: string, sessions: readonly string[]) => ({ name, sessions, tags: { role: 'web' } });
  fleet = await startFleet([
    web('web-1', ['main', 'ci-1']),
    web('web-2', ['main', 'ci-2']),
    web('web-3', ['main']),
    web('web-4', ['api']),
    { name: 'db', sessions: ['main'], resourceGroup: 'rg-data' },
    { ...web('web-9', []), stopped: true },
  ]);
}, 60_000);
afterAll(() => {
  fleet.close();
  rmSync(scratch, { recursive: true, force: true });
});

const run = (...args: readonly string[]) => azlin(fleet, args);
const home = (name: string) => fleet.machines.get(name)?.home ?? '';
const lines = (text: string) => text.split('\n').filter((line) => line !== '');
/** Which VM a command runs on. */
const WHO = 'basename "$(dirname "$HOME")"';
const isOn = (name: string) => `[ "$(${WHO})" = ${name} ]`;

describe('which targets are meant', () => {
  test.each([
    ['web-*:main', ['web-1', 'web-2', 'web-3']],
    ['WEB-[1-2]:main', ['web-1', 'web-2']],
    ['{db,web-3}:main', ['db', 'web-3']],
    ['*:main', ['db', 'web-1', 'web-2', 'web-3']],
    ['rg-data/*:main', ['db']],
    ['web-1:main,db:main,web-1:main', ['db', 'web-1']],
    ['web-3:main,api', ['web-3', 'web-4']],
    ['web-*:ci-*', ['web-1', 'web-2']],
  ])('%s', async (target, expected) => {
    const { stdout, exitCode } = await run('exec', target, WHO);
    expect(
      lines(stdout)
        .map((line) => line.split(' | ')[1])
        .sort(),
    ).toEqual(expected);
    expect(exitCode).toBe(0);
  });

  test.each([
    [
      ['--tag', 'role=web', '--session', 'main'],
      ['web-1', 'web-2', 'web-3'],
    ],
    [['--host', 'd*', '--session', 'main'], ['db']],
    [
      ['--all', '--session', 'ci-*'],
      ['web-1', 'web-2'],
    ],
    [
      ['--tag', 'role', '--host', 'web-[34]', '--session', '*'],
      ['web-3', 'web-4'],
    ],
  ])('%j', async (options, expected) => {
    const { stdout } = await run('exec', ...options, '--', WHO);
    expect(
      lines(stdout)
        .map((line) => line.split(' | ')[1])
        .sort(),
    ).toEqual(expected);
  });

  test('what was matched is said, and what was left out and why', async () => {
    const { stderr } = await run('exec', 'web-*:main', 'true');
    expect(stderr).toMatch(/^"web-\*:main" matches 4 VMs: web-\[1-4\]$/m);
    expect(stderr).toMatch(/^left out, not running: web-9; --start starts them$/m);
    expect(stderr).toMatch(/^left out, no such session: web-4; --create creates it$/m);
  });

  test('VMs alone mean the default session of each, which is made', async () => {
    const { stdout, stderr } = await run('exec', 'web-[1-2]', 'tmux display-message -p "#S"');
    expect(lines(stdout).sort()).toEqual(['web-1:azlin | azlin', 'web-2:azlin | azlin']);
    expect(stderr).toMatch(/means the session "azlin" on 2 VMs/);
  });

  test('--create makes the session where it is missing', async () => {
    const { stdout, exitCode } = await run('exec', '--create', 'web-[3-4]:made', WHO);
    expect([lines(stdout).length, exitCode]).toEqual([2, 0]);
  });

  test.each([
    [['nope-*:main', 'true'], 255, /No VM matches "nope-\*:main"; 6 VMs in scope/],
    [['*:nope', 'true'], 255, /Nothing matches "\*:nope": none of 5 VMs has a session "nope"/],
    [['*:nope-*', 'true'], 255, /Nothing matches "\*:nope-\*": no such session on db, web-\[1-4\]/],
    [['web-9,web-*x:main', 'true'], 255, /No VM matches "web-\*x:main"; nothing was done/],
    [['--tag', 'role=none', 'true'], 255, /No VM matches --tag role=none; 6 VMs in scope/],
    [['--tag', 'role=web', '*:main', 'true'], 255, /no identifier is expected, but "\*:main" looks like one/],
    [['me@web-*:ci-*', 'true'], 255, /as "me" here\nhint: use --user me instead of me@/],
    [['--session', 'main', 'web-1', 'true'], 255, /--session goes with --tag, --host or --all/],
    [['--all', '--host', 'x', 'true'], 255, /Give --all, or --tag and --host/],
    [['--fanout', '0', 'web-1:main', 'true'], 255, /Invalid number "0" for --fanout/],
    [['--canary', 'two', 'web-1:main', 'true'], 255, /Invalid number "two" for --canary/],
    [['--group', '--format', 'json', 'web-*:main', 'true'], 255, /Give --group or --format json/],
    [['--group', '--detach', 'web-*:main', 'true'], 255, /--detach leaves no output/],
  ])('%j is refused, and nothing runs', async (args, exitCode, message) => {
    const { stderr, stdout, ...rest } = await run('exec', ...args);
    expect([rest.exitCode, stdout]).toEqual([exitCode, '']);
    expect(stderr).toMatch(message);
  });

  test('a session that is named twice, and by its friendly name, is one; users are different targets', async () => {
    expect((await run('session', 'web-3:main', 'nice')).exitCode).toBe(0);
    const twice = await run(
      'exec',
      '--job',
      'once',
      'web-3:nice,web-3:main,web-3*:nice',
      `echo x >>${join(scratch, 'once')}`,
    );
    expect(twice.stderr).toMatch(/means 1 session: web-3:main/);
    expect(readFileSync(join(scratch, 'once'), 'utf8')).toBe('x\n');
    expect((await run('session', 'web-3:main', '--clear')).exitCode).toBe(0);
    const user = userInfo().username;
    const users = await run('exec', `${user}@web-1:main,nobody@web-1:main`, 'echo in');
    expect(users.stdout).toMatch(new RegExp(`^${user}@web-1:main +\\| in$`, 'm'));
    expect(users.stderr).toMatch(/^failed: nobody@web-1:main: /m);
  });

  test('a mistake in one of a list is found before anything runs', async () => {
    const mark = join(scratch, 'half');
    const { stderr, exitCode } = await run('exec', 'web-1:main,wbe-2:main', `touch ${mark}`);
    expect(stderr).toMatch(/No VM is named "wbe-2"/);
    expect([exitCode, existsSync(mark)]).toEqual([255, false]);
  });

  test('aliases stand for identifiers and groups, and are listed', async () => {
    const path = join(scratch, 'aliases.toml');
    writeFileSync(path, '[aliases]\nweb = ["web-1:main", "web-2:main"]\nall = ["web", "db:main"]\ndata = "db:main"\n');
    const on = (...args: readonly string[]) => azlin(fleet, args, { environment: { AZLIN_CONFIG: path } });
    expect(lines((await on('exec', 'all', WHO)).stdout)).toHaveLength(3);
    expect((await on('exec', 'data', WHO)).stdout).toBe('db\n');
    expect((await on('aliases')).stdout).toBe(
      'ALIAS  MEANS\nweb    web-1:main, web-2:main\nall    web, db:main\ndata   db:main\n',
    );
    const refused = await on('connect', 'web');
    expect(refused.stderr).toMatch(/The alias "web" means 2 identifiers, but azlin connect takes one/);
    expect(refused.exitCode).toBe(2);
    writeFileSync(path, '[aliases]\na = ["b"]\nb = "a"\n');
    expect((await on('aliases')).stderr).toMatch(/aliases\.toml:1: aliases: .*"a" refers to itself/);
  });
});

describe('output', () => {
  test('lines are whole, however they come', async () => {
    const script = `i=0; while [ $i -lt 300 ]; do printf 'begin-'; printf '%s' "$(${WHO})"; printf -- '-end\\n'; i=$((i + 1)); done; printf tail`;
    const { stdout } = await run('exec', '--shell', 'sh', 'web-*:main', script);
    const all = lines(stdout);
    expect(all).toHaveLength(903);
    for (const line of all) expect(line).toMatch(/^(web-\d):main \| (begin-\1-end|tail)$/);
  });

  test('streams stay apart; the reason of a failure is the last thing that was said', async () => {
    const { stdout, stderr, exitCode } = await run(
      'exec',
      'web-*:main',
      `echo out; echo oops >&2; ${isOn('web-2')} && exit 3; true`,
    );
    expect(stdout).not.toMatch(/oops/);
    expect(stderr).toMatch(/^web-1:main \| oops$/m);
    expect(stderr.trimEnd().split('\n').slice(-2)).toEqual([
      expect.stringMatching(/^2 of 3 done, 1 failed in /),
      'failed: web-2:main: exit 3: oops',
    ]);
    expect(exitCode).toBe(3);
  });

  test('--group gathers, and shows the others as a difference', async () => {
    const { stdout } = await run(
      'exec',
      '--group',
      'web-*:main',
      `echo one; echo two; ${isOn('web-2')} && echo more; true`,
    );
    expect(stdout).toBe('web-[1,3]:main (2)\none\ntwo\nweb-2:main (1): differs\n@@ line 2 @@\n two\n+more\n');
  });

  test('--format json and ndjson: a record a target, with what it said', async () => {
    const command = `printf out; printf '\\377' >&2; ${isOn('web-3')} && kill -9 $$; true`;
    const json = JSON.parse((await run('exec', '--format', 'json', 'web-*:main', command)).stdout);
    const ndjson = lines((await run('exec', '--format', 'ndjson', 'web-*:main', command)).stdout).map((line) =>
      JSON.parse(line),
    );
    for (const records of [json, ndjson.sort((a, b) => (a.target < b.target ? -1 : 1))])
      expect(records).toMatchObject([
        {
          target: 'web-1:main',
          hostname: 'web-1',
          session: 'main',
          outcome: 'exited',
          exitCode: 0,
          stdout: 'b3V0',
          stderr: '/w==',
          encoding: 'base64',
          reason: null,
        },
        { target: 'web-2:main', outcome: 'exited', exitCode: 0, attempts: 1 },
        { target: 'web-3:main', outcome: 'signaled', exitCode: 137, signal: 'KILL', reason: 'ended by SIGKILL' },
      ]);
  });

  test('--output-dir: a file for each target and stream, and nothing else', async () => {
    const directory = join(scratch, 'out');
    mkdirSync(directory);
    // Of an earlier run, when the VM still had the session.
    writeFileSync(join(directory, 'web-4+main.stdout'), 'stale');
    const { stdout } = await run('exec', '--output-dir', directory, 'web-*:main', `${WHO}; printf e >&2`);
    expect(stdout).toBe('');
    expect(readdirSync(directory).sort()).toEqual(
      ['web-1', 'web-2', 'web-3'].flatMap((name) => [`${name}+main.stderr`, `${name}+main.stdout`]),
    );
    expect(readFileSync(join(directory, 'web-2+main.stdout'), 'utf8')).toBe('web-2\n');
    const refused = await run('exec', '--output-dir', '/dev/null/x', 'web-*:main', 'true');
    expect(refused.stderr).toMatch(/Cannot write to --output-dir/);
  });

  test('--result tells of each target', async () => {
    const path = join(scratch, 'result.json');
    await run('exec', '--result', path, 'web-[1-2]:main', `${isOn('web-2')} && exit 5; true`);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({
      exitCode: 5,
      results: [
        { target: 'web-1:main', outcome: 'exited', exitCode: 0 },
        { target: 'web-2:main', outcome: 'exited', exitCode: 5, reason: 'exit 5' },
      ],
    });
  });

  test('an old result does not pass for a new one', async () => {
    const path = join(scratch, 'old.json');
    for (const [target, error] of [
      ['nope-*:main', 'vm-not-found'],
      ['*:nope', 'session-not-found'],
      ['web-1:main,wbe-2:main', 'vm-not-found'],
    ] as const) {
      writeFileSync(path, '{"exitCode":0}');
      await run('exec', '--result', path, target, 'true');
      expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({
        exitCode: 255,
        results: [],
        error: { code: error },
      });
    }
  });

  test('what cannot be written is said, also by --group', async () => {
    const full = await bash(fleet, "azlin exec --group 'web-[12]:main' 'echo a' >/dev/full");
    expect([full.exitCode, full.stderr]).toEqual([255, expect.stringMatching(/Cannot write the output: .*ENOSPC/)]);
  });

  test('one identifier stays one, whatever else is wished: no name before its lines', async () => {
    expect((await run('exec', '--retry', '2', 'web-1:main', 'printf plain')).stdout).toBe('plain');
  });

  test('scripts and standard input go to each', async () => {
    const script = await azlin(fleet, ['exec', 'web-*:main'], { input: `echo "script on $(${WHO})"\n` });
    expect(lines(script.stdout)).toHaveLength(3);
    const bytes = Buffer.alloc(300_000, 'x');
    const input = await azlin(fleet, ['exec', '--stdin', 'web-*:main', 'wc -c'], { input: bytes });
    expect(lines(input.stdout).map((line) => line.split(' | ')[1])).toEqual(['300000', '300000', '300000']);
  });

  test('a reader that has enough ends it, on every VM', async () => {
    const { stdout } = await bash(
      fleet,
      `azlin exec 'web-*:main' 'yes until-$PPID-here' | head -n 3; echo "code \${PIPESTATUS[0]}"`,
    );
    expect(lines(stdout)).toHaveLength(4);
    expect(stdout).toMatch(/code 141$/m);
    await until('the commands to end', () => processes('yes until-').length === 0);
  });

  test('so does a reader of errors', async () => {
    const line = `azlin exec 'web-[12]:main' 'yes errors-$PPID >&2' 2>&1 >/dev/null | head -n 3`;
    expect(lines((await bash(fleet, line)).stdout)).toHaveLength(3);
    await until('the commands to end', () => processes('yes errors-').length === 0);
  });
});

/** Command lines of this machine, on which all the VMs are. */
function processes(what: string): readonly string[] {
  const { stdout } = spawnSync('ps', ['-A', '-ww', '-o', 'args='], { encoding: 'utf8' });
  return lines(stdout).filter((line) => line.includes(what) && !line.includes('azlin.js'));
}

describe('control', () => {
  const log = (name: string) => join(scratch, name);
  const begun = (name: string) => (existsSync(log(name)) ? lines(readFileSync(log(name), 'utf8')) : []);

  test('--fanout: no more at once', async () => {
    // Each says when it begins and ends; appending a line is atomic.
    const command = `echo "+$(${WHO})" >>${log('fanout')}; sleep 0.3; echo "-$(${WHO})" >>${log('fanout')}`;
    await run('exec', '--fanout', '2', '*:main', command);
    let [now, most] = [0, 0];
    for (const line of begun('fanout')) {
      now += line.startsWith('+') ? 1 : -1;
      most = Math.max(most, now);
    }
    expect([begun('fanout').length, most]).toEqual([8, 2]);
  });

  test('--fail-fast: nothing more begins', async () => {
    const command = `${WHO} >>${log('fast')}; ${isOn('web-1')} && exit 7; true`;
    const { exitCode, stderr } = await run(
      'exec',
      '--fanout',
      '1',
      '--fail-fast',
      'web-1:main,web-2:main,web-3:main',
      command,
    );
    expect([exitCode, begun('fast')]).toEqual([7, ['web-1']]);
    expect(stderr).toMatch(/^1 failed, 2 skipped in .*$/m);
    expect(stderr).toMatch(/^failed: web-\[2-3\]:main \(2\): skipped: web-1:main failed, and --fail-fast was given$/m);
  });

  test('--canary: the others begin only if it succeeds', async () => {
    const command = (bad: string) => `${WHO} >>${log(`canary-${bad}`)}; ${isOn(bad)} && exit 1; true`;
    const failed = await run('exec', '--canary', '1', 'web-*:main', command('web-1'));
    expect([failed.exitCode, begun('canary-web-1')]).toEqual([1, ['web-1']]);
    expect(failed.stderr).toMatch(/skipped: the canary web-1:main failed/);
    const fine = await run('exec', '--canary', '1', 'web-*:main', command('web-3'));
    expect([fine.exitCode, begun('canary-web-3')[0], begun('canary-web-3').length]).toEqual([1, 'web-1', 3]);
  });

  test.each([
    ['worst', 9],
    ['any', 0],
    ['all', 1],
  ])('--exit %s: %i', async (policy, expected) => {
    const { exitCode } = await run(
      'exec',
      '--exit',
      policy,
      'web-*:main',
      `${isOn('web-2')} && exit 9; ${isOn('web-3')} && exit 4; true`,
    );
    expect(exitCode).toBe(expected);
  });

  test('--timeout is for each, --deadline for all of them', async () => {
    const each = await run('exec', '--timeout', '1s', 'web-*:main', `${isOn('web-2')} && sleep 60; true`);
    expect([each.exitCode, lines(each.stderr).at(-1)]).toEqual([124, 'failed: web-2:main: timed out after 1 s']);
    const command = 'sleep 60.77';
    const all = await run('exec', '--deadline', '2s', '--fanout', '2', 'web-1:main,web-2:main,web-3:main', command);
    expect(all.exitCode).toBe(124);
    // Lines that say the same are one, but a busy machine may end one later.
    expect(all.stderr).toMatch(
      /^failed: web-(\[1-2\]:main \(2\)|1:main: timed out after [\d.]+ s\nfailed: web-2:main): timed out after [\d.]+ s$/m,
    );
    expect(all.stderr).toMatch(/^failed: web-3:main: the deadline for all targets \(--deadline\) has passed$/m);
    await until('the commands to end', () => processes(command).length === 0);
  });

  test('--durable: a job each, found again by the same line', async () => {
    const args = ['exec', '--job', 'many-1', 'web-*:main', `echo "$(${WHO})" | tee -a ${log('jobs')}`];
    for (const attempt of [1, 2]) {
      const { stdout, stderr, exitCode } = await run(...args);
      expect([lines(stdout).length, exitCode]).toEqual([3, 0]);
      expect(/; 3 jobs already existed$/m.test(stderr)).toBe(attempt === 2);
    }
    expect(begun('jobs').sort()).toEqual(['web-1', 'web-2', 'web-3']);
    const detached = await run('exec', '--detach', '--job', 'many-2', 'web-[1-2]:main', 'true');
    expect(detached.stdout).toBe('JOB     TARGET\nmany-2  web-1:main\nmany-2  web-2:main\n');
  });

  test('exit codes of what is done to sessions: what was not begun is no interrupt', async () => {
    const sent = await run('send', '--fail-fast', '--fanout', '1', 'web-1:none,web-1:main', 'x');
    expect([sent.exitCode, sent.stderr]).toEqual([3, expect.stringMatching(/web-1:main: skipped/)]);
    expect((await run('exec', '--detach', '--canary', '1', 'web-1:none,web-1:main', 'true')).exitCode).toBe(255);
  });

  test('--deadline: a job that was there before goes on', async () => {
    expect((await run('exec', '--detach', '--job', 'long', 'web-1:main', 'sleep 30.125')).exitCode).toBe(0);
    const waited = await run('exec', '--job', 'long', '--deadline', '1s', 'web-1:main', 'sleep 30.125');
    expect([waited.exitCode, waited.stderr]).toEqual([124, expect.stringMatching(/failed: web-1:main: timed out$/m)]);
    expect(processes('sleep 30.125')).not.toHaveLength(0);
    expect((await run('cancel', 'long')).stdout).toMatch(/cancelled/);
  });

  test('azlin run: in the shells of many sessions', async () => {
    const { stdout, exitCode } = await run('run', 'web-[1-2]:main', 'cd /; azlin_mark=x');
    expect([stdout, exitCode]).toEqual(['', 0]);
    const then = await run('run', 'web-[1-2]:main', 'echo "$PWD $azlin_mark"');
    expect(lines(then.stdout).sort()).toEqual(['web-1:main | / x', 'web-2:main | / x']);
  });
});

describe('sessions and VMs', () => {
  test('send, session --ttl and --clear, disconnect', async () => {
    expect((await run('send', 'web-[1-2]:main', 'touch "$HOME/typed"', '--keys', 'Enter')).exitCode).toBe(0);
    await until('the lines to run', () => ['web-1', 'web-2'].every((name) => existsSync(join(home(name), 'typed'))));
    expect((await run('send', '--tag', 'role=web', '--session', 'main', '--', '-n', '')).exitCode).toBe(0);
    const ttl = await run('session', 'web-*:main', '--ttl', '8h', '--format', 'json');
    expect(
      JSON.parse(ttl.stdout).map(({ expiresAt }: { expiresAt: string }) => Date.parse(expiresAt) > Date.now()),
    ).toEqual([true, true, true]);
    expect((await run('session', 'web-*:main', '--ttl', 'none')).exitCode).toBe(0);
    expect((await run('session', 'web-*:main', 'name')).stderr).toMatch(/A friendly name is for one session/);
    expect((await run('disconnect', '*:main')).stdout).toBe(
      ['db', 'web-1', 'web-2', 'web-3'].map((name) => `${name}:main: nobody was attached\n`).join(''),
    );
    const nobody = await run('disconnect', '*:main', '--client', 'bob@laptop');
    expect([nobody.exitCode, nobody.stderr]).toEqual([
      3,
      expect.stringMatching(/No client with the label "bob@laptop"/),
    ]);
  });

  test('what ends sessions is asked about; where nobody can be asked it needs --yes', async () => {
    const refused = await run('disconnect', '--kill', '*:ci-*');
    expect([refused.exitCode, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/Confirmation needed to end 2 sessions, but this is not a terminal\nhint: use --yes/),
    ]);
    const terminal = await openTerminal(fleet.environment, 100);
    try {
      await terminal.type("azlin disconnect --kill '*:ci-*'");
      await terminal.press('Enter');
      await terminal.shows(/means 2 sessions: web-1:ci-1, web-2:ci-2[\s\S]*End 2 sessions\?/);
      await terminal.press('Enter');
      await terminal.shows(/Nothing was done/);
      await terminal.type("clear; azlin disconnect --kill '*:ci-*'");
      await terminal.press('Enter');
      await terminal.shows(/^\? End 2 sessions\?/m);
      await terminal.type('y');
      await terminal.press('Enter');
      await terminal.shows(/Ended web-1:ci-1[\s\S]*Ended web-2:ci-2/);
    } finally {
      await terminal.close();
    }
    expect((await run('exec', '*:ci-*', 'true')).stderr).toMatch(/no such session/);
  });

  test('start and stop mean those for which there is something to do', async () => {
    const started = await run('start', 'web-*');
    expect(started.stderr).toMatch(/^to start: web-9\nleft out, already running: web-\[1-4\]$/m);
    expect(started.stdout).toMatch(/^web-9: Running/);
    const asked = await run('stop', '--tag', 'role=web');
    expect([asked.exitCode, asked.stderr]).toEqual([
      2,
      expect.stringMatching(/to stop: web-\[1-4,9\][\s\S]*Confirmation needed[\s\S]*azlin stop --tag role=web --yes/),
    ]);
    expect((await run('stop', 'web-{9,4}', '--yes')).stdout).toBe('web-4: Deallocated\nweb-9: Deallocated\n');
    expect((await run('exec', 'web-[49]:main', 'true')).stderr).toMatch(
      /Nothing that matches "web-\[49\]:main" is running: web-\[4,9\]/,
    );
    expect((await run('start', 'web-4')).exitCode).toBe(0);
    expect((await run('stop')).stderr).toMatch(/Missing argument: azlin stop <vm\.\.>/);
  });
});

describe('on a terminal', () => {
  let terminal: RealTerminal;
  beforeAll(async () => {
    terminal = await openTerminal(fleet.environment, 90, 20);
  });
  afterAll(() => terminal.close());
  const enter = async (line: string) => {
    // What the command before has left there is not taken for what this one says.
    await terminal.press('C-l');
    await terminal.shows(/^local\$\s*$/);
    await terminal.type(`clear; ${line}`);
    await terminal.press('Enter');
  };

  test('a line says how far it has come, and is gone afterwards', async () => {
    await enter(`azlin exec 'web-*:main' '${isOn('web-2')} && exec sleep 4; echo quick'`);
    await terminal.shows(/^2 of 3 done, 1 running; longest: web-2:main, \d s \(\d s\)$/m);
    const screen = await terminal.shows(/^3 of 3 done in/m);
    expect(screen).not.toMatch(/running; longest/);
    expect(screen).toMatch(/; longest: web-2:main, (?:[4-9]|\d\d)(\.\d)? s$/m);
  });

  test('names are coloured, lines of VMs cannot do anything to the screen', async () => {
    await enter(`azlin exec 'web-[12]:main' 'printf "\\033[2J\\033[Hgone\\033[31mred\\n"'`);
    await terminal.shows(
      /web-1:main \| gonered[\s\S]*web-2:main \| gonered|web-2:main \| gonered[\s\S]*web-1:main \| gonered/,
    );
    const raw = await terminal.tmux('capture-pane', '-e', '-p', '-t', '=term:');
    expect(raw).toContain('\u001b[36mweb-1:main | ');
    expect(raw).toContain('\u001b[31mred');
  });

  test('Ctrl-C ends all, and says what was running', async () => {
    await enter(`azlin exec 'web-*:main' '${isOn('web-1')} && exit 0; echo begun; exec sleep 500.5'; echo "code $?"`);
    // On a busy machine the one that ends may come last.
    await terminal.shows(/begun[\s\S]*begun[\s\S]*^1 of 3 done, 2 running/m);
    await terminal.press('C-c');
    const screen = await terminal.shows(/code 130/);
    expect(screen).toMatch(/Interrupting 2 commands; press Ctrl-C again to leave them running/);
    expect(screen).toMatch(/Interrupted while these were running: web-\[2-3\]:main/);
    expect(screen).toMatch(/^1 of 3 done/m);
    await until('the commands to end', () => processes('sleep 500.5').length === 0);
  });

  test('what does not listen to Ctrl-C is ended by the second one', async () => {
    await enter(`azlin exec 'web-[12]:main' 'trap "" INT; echo begun; while :; do sleep 500.25; done'; echo "code $?"`);
    await terminal.shows(/begun[\s\S]*begun/);
    await terminal.press('C-c');
    await terminal.shows(/press Ctrl-C again to leave them running/);
    await terminal.press('C-c');
    await terminal.shows(/code 130/);
    await until('the commands to end', () => processes('sleep 500.25').length === 0);
  });

  test('jobs go on when they are left', async () => {
    await enter(`azlin exec --job left 'web-[12]:main' 'trap "" INT; echo begun; sleep 3; echo over'; echo "code $?"`);
    await terminal.shows(/begun[\s\S]*begun/);
    await terminal.press('C-c');
    await terminal.shows(/press Ctrl-C again to leave them running/);
    await terminal.press('C-c');
    const screen = await terminal.shows(/code 130/);
    expect(screen).toMatch(/job left is still running/);
    expect((await run('wait', '--vm', 'web-2', 'left')).exitCode).toBe(0);
  });

  test('a list is sorted, and is watched in place', async () => {
    await enter("azlin list --host 'web-[12]' --sort session --no-sessions");
    await terminal.shows(/web-1/);
    await enter("azlin list --host 'web-[12]' --watch --interval 1s");
    await terminal.shows(/^azlin list: \d+ sessions on 2 VMs at \d\d:\d\d:\d\d; every 1 s, Ctrl-C to stop$/m);
    expect((await run('ssh', 'web-1', '--tmux-session', 'new-one', '--detach')).exitCode).toBe(0);
    await terminal.shows(/^web-1 +new-one +Running/m);
    expect(await terminal.leftOn()).toMatch(/^1 0/);
    await terminal.press('C-c');
    await terminal.shows(/new-one[\s\S]*^local\$/m);
    expect(await terminal.leftOn()).toBe('0 1 0 0');
    expect((await run('list', '--watch')).stderr).toMatch(/--watch needs a terminal/);
  });
});

describe('bad VMs among good ones', () => {
  let lab: Lab;
  const servers: ReturnType<typeof createServer>[] = [];
  beforeAll(async () => {
    lab = await startLab();
    await lab.start('good-1');
    await lab.start('good-2');
    await lab.start('deny', { authorizedKeys: '' });
    const bin = join(lab.directory, 'bin');
    mkdirSync(bin);
    for (const tool of readdirSync('/usr/bin')) if (tool !== 'tmux') symlinkSync(`/usr/bin/${tool}`, join(bin, tool));
    await lab.start('bare', { sessions: [], bashrc: `PATH=${bin}` });
    lab.name('refuse', { id: 'id-refuse', address: '127.21.9.1', port: 9 });
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(2222, '127.21.9.2', resolve));
    servers.push(silent);
    lab.name('a-hang', { id: 'id-hang', address: '127.21.9.2', port: 2222 });
  }, 60_000);
  afterAll(() => {
    for (const server of servers) server.close();
    lab.close();
  });

  const settings = '[ssh]\nconnect_timeout = "2s"\n';

  test('each is named with its reason', async () => {
    const environment = lab.environment(settings);
    const { stdout, stderr, exitCode } = await azlin({ environment }, ['exec', '*:dev', 'echo fine']);
    expect([lines(stdout).sort(), exitCode]).toEqual([['good-1:dev | fine', 'good-2:dev | fine'], 255]);
    const reasons = lines(stderr).filter((line) => line.startsWith('failed: '));
    expect(reasons.sort()).toEqual([
      expect.stringMatching(/^failed: a-hang:dev: .*2 s/),
      expect.stringMatching(/^failed: bare:dev: .*tmux/),
      expect.stringMatching(/^failed: deny:dev: .*(denied|refused|accept)/i),
      expect.stringMatching(/^failed: refuse:dev: .*refused/),
    ]);
    expect(stderr).toMatch(/^2 of 6 done, 4 failed in/m);
  });

  test('one at a time: the one that hangs comes first in line and holds up nobody', async () => {
    const environment = lab.environment(settings);
    const line = ['exec', '--fanout', '1', '--format', 'ndjson', 'a-hang:dev,good-1:dev,good-2:dev', 'true'];
    const { stdout } = await azlin({ environment }, line);
    expect(lines(stdout).map((one) => JSON.parse(one).hostname)).toEqual(['good-1', 'good-2', 'a-hang']);
    const listed = await azlin({ environment }, ['list', '--host', '{a-hang,good-*}', '--format', 'ndjson']);
    expect(lines(listed.stdout).map((one) => JSON.parse(one).probe)).toEqual(['ok', 'ok', 'timed-out']);
  });

  test('a pattern of sessions: a VM that could not be asked is a failure, not an omission', async () => {
    const environment = lab.environment(settings);
    const { stdout, stderr, exitCode } = await azlin({ environment }, ['exec', '*:de*', 'echo fine']);
    expect([lines(stdout).length, exitCode]).toEqual([2, 255]);
    for (const name of ['deny', 'a-hang', 'refuse'])
      expect(stderr).toMatch(new RegExp(`^failed: ${name}: "${name}" could not be asked`, 'm'));
    expect(stderr).toMatch(/^left out, no such session: bare/m);
  });

  test('--fail-fast and --deadline count those that cannot be asked', async () => {
    const environment = lab.environment(settings);
    const fast = await azlin({ environment }, ['exec', '--fail-fast', '*:de*', 'echo ran']);
    expect([fast.exitCode, fast.stdout]).toEqual([255, '']);
    expect(fast.stderr).toMatch(/skipped: .* could not be asked, and --fail-fast was given/);
    const late = await azlin({ environment }, ['exec', '--deadline', '1500ms', '{a-hang,good-*}:de*', 'echo ran']);
    expect(lines(late.stdout).sort()).toEqual([]);
    expect(late.exitCode).not.toBe(0);
  });

  test('a command whose link breaks before its word arrives may have run: it is not run again', async () => {
    const machine = await lab.start('cut', { bashrc: 'echo login >>~/logins' });
    const mark = join(lab.directory, 'cut-ran');
    const logins = join(machine.home, 'logins');
    await until('the shell of the session to have started', () => existsSync(logins));
    let sent = 0;
    let limit = 2_640;
    const proxy = createServer((client) => {
      sent = 0;
      const server = connect(machine.port, machine.address);
      client.pipe(server);
      server.on('data', (chunk: Buffer) => {
        sent += chunk.length;
        if (sent < limit) client.write(chunk);
        else setTimeout(() => client.destroy(), 500);
      });
      for (const socket of [client, server]) socket.on('error', () => {});
      client.on('close', () => server.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(2223, '127.21.9.3', resolve));
    servers.push(proxy);
    lab.name('cut', { id: 'id-of-cut', address: '127.21.9.3', port: 2223, user: machine.user });
    const environment = lab.environment(settings);
    let mayHaveRun = 0;
    for (limit = 2_300; limit < 2_900; limit += 40) {
      rmSync(mark, { force: true });
      rmSync(logins, { force: true });
      const { stdout } = await azlin({ environment }, [
        'exec',
        '--direct',
        '--retry',
        '2',
        '--format',
        'json',
        'cut:dev',
        `echo x >>${mark}`,
      ]);
      const [{ outcome, attempts }] = JSON.parse(stdout);
      const ran = existsSync(mark) ? lines(readFileSync(mark, 'utf8')).length : 0;
      expect({ limit, ran, outcome }).not.toMatchObject({ ran: 2 });
      if (ran === 1) expect({ limit, outcome }).toMatchObject({ outcome: expect.stringMatching(/exited|lost/) });
      // An attempt before it may have been cut off before anything was sent.
      const began = existsSync(logins) ? lines(readFileSync(logins, 'utf8')).length : 0;
      if (outcome === 'lost')
        expect({ limit, attempts, isOnce: began <= 1 }).toEqual({ limit, attempts, isOnce: true });
      if (outcome === 'lost' && ran === 1) mayHaveRun++;
    }
    // Else the cuts were somewhere else, and this has shown nothing.
    expect(mayHaveRun).toBeGreaterThan(0);
  }, 90_000);

  test('--retry: what could not be started is tried again, what has run is not', async () => {
    const late = await lab.start('late');
    const now = lab.environment(settings);
    const mark = join(lab.directory, 'ran');
    lab.stop('late');
    const running = azlin({ environment: now }, [
      'exec',
      '--retry',
      '8',
      'late:dev,good-1:dev',
      `echo x >>${mark}; exit 3`,
    ]);
    await until('the first attempt to be over', () => existsSync(mark));
    await lab.start('late', { address: late.address, sshdConfig: [`Port ${late.port}`] });
    const { stderr, exitCode } = await running;
    expect(exitCode).toBe(3);
    expect(readFileSync(mark, 'utf8')).toBe('x\nx\n');
    expect(stderr).toMatch(/^failed: late:dev: exit 3 \(\d attempts\)$/m);
    expect(stderr).toMatch(/^failed: good-1:dev: exit 3$/m);
  });
});
