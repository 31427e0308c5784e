import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { throughFlakyLink } from '../support/flaky-link.ts';
import { bash, CLI, type RunOptions, startFleet } from '../support/fleet.ts';
import { freshHome } from '../support/fresh-home.ts';
import { machineRun } from '../support/machine.ts';
import { openTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { warmAzlin as azlinOn } from '../support/warm-azlin.ts';

let fleet: DemoFleet;
/** Seconds nobody else on this machine sleeps for: whether it still runs can be seen. */
const LONG = `${300_000 + process.pid}`;
beforeAll(async () => {
  fleet = await startFleet([
    { name: 'vm', sessions: ['dev', 'other'] },
    { name: 'vm2', sessions: ['two'] },
    { name: 'vm3', sessions: ['three'] },
  ]);
  await exec('vm:dev', 'true');
}, 60_000);
const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  fleet.close();
});

const azlin = (...args: string[]) => azlinOn(fleet, args);
const exec = (...args: string[]) => azlin('exec', '--durable', ...args);
const machine = (...argv: string[]) => machineRun(fleet, 'vm', argv);
const home = () => fleet.machines.get('vm')?.home ?? '';
/** The folder of the VM among those that may share its home. */
const place = () => join(home(), '.azlin/jobs', readdirSync(join(home(), '.azlin/jobs'))[0] ?? '');
const folder = (id: string) => join(place(), id);
const runsStill = async (seconds = LONG) => (await machine('pgrep', '-f', `^sleep ${seconds}$`)).code === 0;
const jobs = async (...args: string[]) =>
  JSON.parse((await azlin('jobs', '--format', 'json', ...args)).stdout) as Record<string, unknown>[];
/** Between SIGTERM and SIGKILL is a second. */
const soon = () => freshHome(fleet, '[exec]\nkill_after = "1s"\n');
const job = async (id: string) => (await jobs('vm')).find((one) => one['id'] === id);

/** Starts the CLI and leaves it running. */
function background(args: readonly string[], environment: RunOptions['environment'] = {}) {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...fleet.environment, ...environment },
    stdio: 'pipe',
  });
  children.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, ended, stdout: () => stdout, stderr: () => stderr };
}

describe('the same id', () => {
  test('is run once: a second azlin replays the output and gives the status', async () => {
    const line = 'echo ran >>~/once; echo out; echo err >&2; exit 4';
    const first = await azlin('exec', '--job', 'once', 'vm:dev', line);
    const second = await azlin('exec', '--job', 'once', 'vm:dev', line);
    expect(first).toMatchObject({ exitCode: 4, stdout: 'out\n', stderr: 'err\n' });
    expect(second).toMatchObject({ exitCode: 4, stdout: 'out\n' });
    expect(second.stderr).toBe('Job once already exists; nothing was started, and this is its output\nerr\n');
    expect(readFileSync(join(home(), 'once'), 'utf8')).toBe('ran\n');
  });

  test('one that ends in a line break is the same one', async () => {
    const both = [0, 1].map(() => azlin('exec', '--job', 'broken-line', 'vm:dev', 'echo out\n'));
    for (const { stdout, stderr } of await Promise.all(both))
      expect({ stdout, stderr }).toEqual({ stdout: 'out\n', stderr: expect.not.stringMatching(/another command/) });
  });

  test('one that was given up before it began is begun by whoever tries again, and no list has it until then', async () => {
    mkdirSync(join(folder('given-up'), 'begun'), { recursive: true });
    writeFileSync(join(folder('given-up'), 'state'), 'new\n');
    writeFileSync(join(folder('given-up'), 'begun/void'), '@somebody\n');
    expect(await job('given-up')).toBeUndefined();
    expect((await azlin('logs', 'vm/given-up')).exitCode).not.toBe(0);
    expect(await exec('--job', 'given-up', 'vm:dev', 'echo out')).toMatchObject({
      exitCode: 0,
      stdout: 'out\n',
      stderr: '',
    });
  });

  test('eight at once run it once, and all have its output', async () => {
    const line = 'echo ran >>~/eight; sleep 0.5; echo done; exit 3';
    const all = await Promise.all(
      Array.from({ length: 8 }, () => azlin('exec', '-q', '--job', 'eight', 'vm:dev', line)),
    );
    expect(all).toEqual(all.map(() => expect.objectContaining({ exitCode: 3, stdout: 'done\n', stderr: '' })));
    expect(readFileSync(join(home(), 'eight'), 'utf8')).toBe('ran\n');
  }, 60_000);

  test('after SIGKILL of azlin the same line gives the same result', async () => {
    const line = `for i in 1 2 3 4 5; do echo $i; echo e$i >&2; sleep 0.3; done; echo ran >>~/killed; exit 6`;
    const first = background(['exec', '--job', 'killed', 'vm:dev', line]);
    await until('its first output', () => first.stdout().includes('2\n'));
    first.child.kill('SIGKILL');
    const second = await azlin('exec', '-q', '--job', 'killed', 'vm:dev', line);
    expect(second).toMatchObject({ exitCode: 6, stdout: '1\n2\n3\n4\n5\n', stderr: 'e1\ne2\ne3\ne4\ne5\n' });
    expect(readFileSync(join(home(), 'killed'), 'utf8')).toBe('ran\n');
  });

  test('for another command is refused: nothing runs, and nothing of the other one is shown', async () => {
    await azlin('exec', '--job', 'elses', 'vm:dev', 'echo one >>~/elses');
    for (const how of [[], ['--detach']]) {
      const { exitCode, stdout, stderr } = await azlin(
        'exec',
        ...how,
        '--job',
        'elses',
        'vm:dev',
        'echo two >>~/elses',
      );
      expect({ exitCode, stdout, stderr }).toEqual({
        exitCode: 255,
        stdout: '',
        stderr: expect.stringMatching(
          /^error: Job elses on vm:dev runs another command; nothing was started\nhint: azlin logs elses /,
        ),
      });
    }
    expect(readFileSync(join(home(), 'elses'), 'utf8')).toBe('one\n');
  });

  test('whoever follows it and stops reading does it no harm', async () => {
    const line = 'echo 1; until [ -e ~/other ]; do sleep 0.1; done; seq 100000';
    await azlin('exec', '--detach', '--job', 'read', 'vm:dev', line);
    const { stdout } = await bash(
      fleet,
      `(sleep 1; touch "$VM_HOME/other") & azlin exec --job read vm:dev '${line}' | head -n 1; wait`,
      { environment: { VM_HOME: home() } },
    );
    expect(stdout).toMatch(/^1\n/);
    expect(await azlin('wait', 'read')).toMatchObject({ exitCode: 0 });
  });

  test('a job that was never begun will not begin, and the id is free again', async () => {
    mkdirSync(folder('never'));
    writeFileSync(join(folder('never'), 'state'), 'new\n');
    const first = await azlin('exec', '--job', 'never', 'vm:dev', 'echo ran');
    expect(first).toMatchObject({
      exitCode: 255,
      stdout: '',
      stderr: expect.stringContaining('nothing ran, and nothing will'),
    });
    expect(await azlin('exec', '--job', 'never', 'vm:dev', 'echo ran')).toMatchObject({ exitCode: 0, stdout: 'ran\n' });
  });

  test('a supervisor that comes too late runs nothing', async () => {
    await azlin('exec', '--job', 'late', 'vm:dev', 'echo ran >>~/late');
    const folderOfLate = folder('late');
    await until('its own supervisor to tidy up', () => !existsSync(join(folderOfLate, 'env')));
    const { code } = await machine(
      'sh',
      '-c',
      `cd ${folderOfLate} && echo new >state && mkfifo w o e && exec timeout 5 env -i PATH="$PATH" sh ${folderOfLate}/run supervise '' '' 5 '' separate`,
    );
    expect(code).toBe(0);
    expect(readFileSync(join(home(), 'late'), 'utf8')).toBe('ran\n');
    expect(readFileSync(join(folderOfLate, 'state'), 'utf8')).toBe('new\n');
  });

  test('a process that has the number of a dead supervisor is not taken for it', async () => {
    mkdirSync(folder('reused'));
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    writeFileSync(
      join(folder('reused'), 'state'),
      `new\nstarted ${process.pid} 1 ${boot}\nat 1\nrunning ${process.pid} 1 ${boot}\n`,
    );
    expect(await job('reused')).toMatchObject({ state: 'lost' });
    expect((await azlin('cancel', 'reused')).stdout).toContain('had already ended: lost');
  });

  test.each(['a/b', '..', 'x y', '-x', '$(id)'])('%s is no id', async (id) => {
    const { exitCode, stderr } = await azlin('exec', `--job=${id}`, 'vm:dev', 'true');
    expect({ exitCode, stderr }).toEqual({ exitCode: 255, stderr: expect.stringContaining(`Invalid job id "${id}"`) });
  });
});

describe('whatever a command does', () => {
  test('a list of processes, its own journal: all of its output comes, and its own exit code', async () => {
    const forge = 's=$(ls -d ~/.azlin/jobs/*/*/state); sed -n "s/^running.*/exited 0 0 0/p" $s';
    const line = `echo on; ps auxww | tee ~/ps; cat $(ls -td ~/.azlin/jobs/*/*/ | head -n 1)state; ${forge}; tr "\\000" " " </proc/[0-9]*/cmdline 2>/dev/null | wc -c >/dev/null; echo off; exit 42`;
    const { exitCode, stdout } = await exec('vm:dev', line);
    expect({ exitCode, start: stdout.slice(0, 3), end: stdout.slice(-4) }).toEqual({
      exitCode: 42,
      start: 'on\n',
      end: 'off\n',
    });
    expect(stdout).toContain(readFileSync(join(home(), 'ps'), 'utf8'));
    expect(stdout).toMatch(/^new\n(?:at \d+\n)?started \d+ \d+ \S+$/m);
  });

  test('it takes its own folder away: lost, without a byte too many, and its time still ends', async () => {
    const { exitCode, stdout, stderr } = await azlin(
      'exec',
      '--job',
      'rm',
      '--timeout',
      '5s',
      'vm:dev',
      // Not before it is followed: what nobody has open is gone for good.
      `until for t in $(pgrep tail); do ls -l /proc/$t/fd; done 2>/dev/null | grep -q /rm/out; do sleep 0.1; done; rm -rf ~/.azlin/jobs/*/rm; echo gone; sleep ${LONG}5`,
    );
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 255,
      stdout: 'gone\n',
      stderr: expect.stringContaining('It is unknown how job rm on vm:dev ended'),
    });
    await until('its time to end', async () => !(await runsStill(`${LONG}5`)));
  });

  test('a signal of the realtime kind', async () => {
    for (const [signal, code] of [
      ['35', 163],
      ['RTMIN+3', 165],
      ['RTMAX-1', 191],
      ['BUS', 135],
    ] as const)
      expect((await exec('vm:dev', `kill -${signal} $$`)).exitCode).toBe(code);
  });

  test('readers on the VM that are killed are replaced', async () => {
    const running = background([
      'exec',
      '--job',
      'readers',
      'vm:dev',
      'echo on; until [ -e ~/readers ]; do sleep 0.1; done; seq 1000; exit 3',
    ]);
    await until('its first output', () => running.stdout() === 'on\n');
    await machine('pkill', '-KILL', '-f', '^tail -s 0.1 .* -f out$');
    writeFileSync(join(home(), 'readers'), '');
    expect(await running.ended).toBe(3);
    expect(running.stdout()).toBe(`on\n${Array.from({ length: 1_000 }, (_, n) => n + 1).join('\n')}\n`);
  });
});

describe('a broken link', () => {
  test('costs no byte, repeats none, and the command runs once', async () => {
    const { breaks, ...result } = await throughFlakyLink({ breaks: 12, lines: 40_000, seed: 3 });
    expect(result).toEqual({ exitCode: 7, stdout: true, stderr: true, runs: 1, messages: '' });
    expect(Object.values(breaks).reduce((sum, one) => sum + one, 0)).toBe(12);
  }, 120_000);

  test('while it is being started: it is asked for again, and runs once', async () => {
    const doubtful = await startFleet([
      { name: 'cut', sessions: ['dev'], bashrc: '[ ! -e ~/cut ] || { rm ~/cut; kill -9 "$PPID"; }' },
    ]);
    try {
      const place = doubtful.machines.get('cut')?.home ?? '';
      await azlinOn(doubtful, ['exec', '--durable', 'cut:dev', 'true']);
      for (const args of [[], ['--job', 'named']]) {
        writeFileSync(join(place, 'cut'), '');
        const ended = await azlinOn(doubtful, [
          'exec',
          '--durable',
          ...args,
          'cut:dev',
          'echo ran >>~/doubt; echo out; exit 3',
        ]);
        expect(ended).toMatchObject({
          exitCode: 3,
          stdout: 'out\n',
          // It was not there before.
          stderr: expect.stringMatching(/^[^\n]*asking again whether job \w+ was started\n$/),
        });
      }
      expect(readFileSync(join(place, 'doubt'), 'utf8')).toBe('ran\nran\n');
    } finally {
      doubtful.close();
    }
  });

  test('before it began: it is begun anew, and runs once', async () => {
    const torn = await startFleet([{ name: 'torn', sessions: ['dev'], bashrc: 'PATH=$HOME/bin:$PATH' }]);
    try {
      const place = torn.machines.get('torn')?.home ?? '';
      mkdirSync(join(place, 'bin'));
      const tmux = `#!/bin/sh
        case $* in *run-shell*)
          [ ! -e ~/cut ] || { rm ~/cut; read -r _ _ _ sshd _ </proc/$PPID/stat; kill -9 "$sshd" "$PPID"; exit; } ;;
        esac
        exec /usr/bin/tmux "$@"`;
      writeFileSync(join(place, 'bin/tmux'), tmux, { mode: 0o755 });
      writeFileSync(join(place, 'cut'), '');
      const ended = await azlinOn(torn, ['exec', '--durable', 'torn:dev', 'echo ran >>~/doubt; echo out; exit 3']);
      expect(ended).toMatchObject({ exitCode: 3, stdout: 'out\n', stderr: expect.stringContaining('asking again') });
      expect(existsSync(join(place, 'cut'))).toBe(false);
      expect(readFileSync(join(place, 'doubt'), 'utf8')).toBe('ran\n');
    } finally {
      torn.close();
    }
  });

  test('that does not come back is said after its time, with the way to ask again', async () => {
    const own = freshHome(fleet, '[exec]\nreconnect_deadline = "1s"\n');
    const result = join(fleet.directory, 'lost.json');
    await azlinOn(fleet, ['exec', 'vm2:two', 'true'], { environment: own });
    const running = background(['exec', '--durable', '--result', result, 'vm2:two', `echo on; sleep ${LONG}`], own);
    await until('its first output', () => running.stdout() === 'on\n');
    fleet.machines.get('vm2')?.stop();
    expect(await running.ended).toBe(255);
    expect(running.stderr()).toMatch(
      /warning: .*job \w+ is still running there; reconnecting[\s\S]*error: Job \w+ was started on vm2:two, but its state cannot be read: Cannot connect[\s\S]*hint: azlin wait \w+/,
    );
    expect(JSON.parse(readFileSync(result, 'utf8'))).toMatchObject({
      outcome: 'lost',
      exitCode: 255,
      jobId: expect.any(String),
    });
  });
});

describe('outcomes', () => {
  test('lost: the supervisor on the VM was killed', async () => {
    const running = background(['exec', '--job', 'orphan', 'vm:dev', `echo on; sleep ${LONG}1`]);
    await until('its first output', () => running.stdout() === 'on\n');
    await machine('sh', '-c', `kill -9 "$(sed -n 's/^started \\([0-9]*\\) .*/\\1/p' ${folder('orphan')}/state)"`);
    expect(await running.ended).toBe(255);
    expect(running.stderr()).toContain('It is unknown how job orphan on vm:dev ended');
    expect(await job('orphan')).toMatchObject({ state: 'lost', exitCode: null });
    expect(await runsStill(`${LONG}1`)).toBe(true);
    expect((await azlin('cancel', 'orphan')).stdout).toBe('Job orphan on vm: lost\n');
    expect(await runsStill(`${LONG}1`)).toBe(false);
    expect((await azlin('cancel', 'orphan')).stdout).toBe('Job orphan on vm had already ended: lost\n');
  });

  test('a timeout holds although the supervisor was killed', async () => {
    const line = `echo on; sleep ${LONG}`;
    const running = background(['exec', '--job', 'headless', '--timeout', '4s', 'vm:dev', line]);
    await until('its first output', () => running.stdout() === 'on\n');
    await machine('sh', '-c', `kill -9 "$(sed -n 's/^started \\([0-9]*\\) .*/\\1/p' ${folder('headless')}/state)"`);
    expect(await running.ended).toBe(255);
    await until('it to be ended', async () => !(await runsStill()));
  });

  test('cancelled: asked once to end, and given the time', async () => {
    const line = `trap "echo asked; sleep 2 && echo done; exit" TERM; echo on; sleep ${LONG} & wait; wait`;
    const running = background(['exec', '--job', 'tidy', 'vm:dev', line]);
    await until('its first output', () => running.stdout() === 'on\n');
    expect((await azlin('cancel', 'tidy')).stdout).toBe('Job tidy on vm: cancelled\n');
    expect(await running.ended).toBe(143);
    expect(running.stdout()).toBe('on\nasked\ndone\n');
  });

  test('cancelled: exit code 143', async () => {
    const result = join(fleet.directory, 'cancelled.json');
    const line = `trap "" TERM; echo on; sleep ${LONG} & wait; sleep ${LONG}`;
    const running = background(['exec', '--job', 'stubborn', '--result', result, 'vm:dev', line], soon());
    await until('its first output', () => running.stdout() === 'on\n');
    expect((await azlin('cancel', 'stubborn')).stdout).toBe('Job stubborn on vm: cancelled\n');
    expect(await running.ended).toBe(143);
    expect(JSON.parse(readFileSync(result, 'utf8'))).toMatchObject({
      outcome: 'cancelled',
      exitCode: 143,
      signal: null,
    });
    expect(await runsStill()).toBe(false);
    expect((await azlin('cancel', 'stubborn')).stdout).toBe('Job stubborn on vm had already ended: cancelled\n');
  });

  test('not-started: the home directory on the VM cannot be written', async () => {
    const environment = { HOME: '/proc' };
    const readOnly = await startFleet([{ name: 'ro', sessions: ['dev'], environment }]);
    try {
      const result = join(fleet.directory, 'ro.json');
      const { exitCode, stderr } = await azlinOn(readOnly, [
        'exec',
        '--durable',
        '--result',
        result,
        'ro:dev',
        'touch /tmp/ran',
      ]);
      expect(exitCode).toBe(255);
      expect(stderr).toMatch(
        /error: "ro" cannot run this: mkdir: cannot create directory ‘\/proc\/.azlin’: No such file[^\n]*\nhint: nothing was started/,
      );
      expect(JSON.parse(readFileSync(result, 'utf8'))).toMatchObject({
        outcome: 'not-started',
        error: { code: 'vm-failed' },
      });
      expect((await azlinOn(readOnly, ['exec', '--direct', 'ro:dev', 'echo works'])).stdout).toBe('works\n');
    } finally {
      readOnly.close();
    }
  });

  test('not-started: the disk of the VM is full; a disk that fills later cuts the output, and that is said', async () => {
    const small = await startFleet([{ name: 'small', sessions: ['dev'] }]);
    const place = join(small.machines.get('small')?.home ?? '', '.azlin');
    mkdirSync(place);
    const mounted = await machine('mount', '-t', 'tmpfs', '-o', 'size=200k', 'tmpfs', place);
    try {
      if (mounted.code !== 0) return void process.stderr.write('Not checked: no file system can be mounted here\n');
      const filled = await azlinOn(small, [
        'exec',
        '--job',
        'fill',
        'small:dev',
        'seq 100000 || echo "seq $?"; echo end >&2',
      ]);
      expect(filled.exitCode).toBe(255);
      expect(filled.stderr).toMatch(/The output of job fill on small:dev \(.*\) could not be kept there/);
      expect(filled.stdout.startsWith('1\n2\n3\n')).toBe(true);
      const { exitCode, stderr } = await azlinOn(small, ['exec', '--durable', 'small:dev', 'touch ~/ran']);
      expect({ exitCode, stderr }).toEqual({
        exitCode: 255,
        stderr: expect.stringMatching(/"small" cannot run this: .*(No space left|I\/O error)/),
      });
      const script = await azlinOn(small, ['exec', '--durable', 'small:dev'], { input: 'touch ~/ran\n'.repeat(5_000) });
      expect(script).toMatchObject({
        exitCode: 255,
        stderr: expect.stringMatching(/cannot run this: .*(No space left|I\/O error)/),
      });
      expect(existsSync(join(small.machines.get('small')?.home ?? '', 'ran'))).toBe(false);
      const [vm = ''] = readdirSync(join(place, 'jobs'));
      expect(readdirSync(join(place, 'jobs', vm)).filter((name) => !name.startsWith('.'))).toEqual(['fill']);
    } finally {
      await machine('umount', '-l', place);
      small.close();
    }
  }, 60_000);
});

describe('what ends with azlin, and what does not', () => {
  test('a direct command ends when azlin is killed, whatever it makes of SIGTERM', async () => {
    const line = `trap "" TERM; echo on; sleep ${LONG} & wait; sleep ${LONG}`;
    const running = background(['exec', '--direct', 'vm:dev', line], soon());
    await until('its first output', () => running.stdout() === 'on\n');
    running.child.kill('SIGKILL');
    await until('it to be gone', async () => !(await runsStill()));
  });

  test.each(['--direct', '--durable'])('--timeout holds when azlin is gone (%s)', async (mode) => {
    const line = `(trap "" TERM HUP; echo $(date +%s) >~/began; sleep ${LONG}) & wait; sleep ${LONG}`;
    const running = background(['exec', mode, '--timeout', '2s', 'vm:dev', `echo on; ${line}`], soon());
    await until('its first output', () => running.stdout() === 'on\n');
    running.child.kill('SIGKILL');
    await until('it to be gone', async () => !(await runsStill()));
  });

  test('a job goes on; --on-disconnect cancel ends it soon after azlin was killed, not while azlin is there', async () => {
    const own = freshHome(fleet, '[exec]\ndisconnect_grace = "2s"\n');
    const keeps = background(['exec', '--job', 'keeps', 'vm:dev', `echo on; sleep ${LONG}2`], own);
    const line = `echo on; sleep 6; echo still; sleep ${LONG}`;
    const ends = background(['exec', '--job', 'ends', '--on-disconnect', 'cancel', 'vm:dev', line], own);
    await until('their first output', () => keeps.stdout() === 'on\n' && ends.stdout() === 'on\nstill\n');
    keeps.child.kill('SIGKILL');
    ends.child.kill('SIGKILL');
    await until('it to be cancelled', async () => (await job('ends'))?.['state'] === 'cancelled');
    expect(await runsStill()).toBe(false);
    expect(await job('keeps')).toMatchObject({ state: 'running' });
    await azlin('cancel', 'keeps');
    expect(await runsStill(`${LONG}2`)).toBe(false);
  });

  test('SIGTERM: a job that takes its time to end has been told all the same', async () => {
    const own = freshHome(fleet, '[exec]\nkill_after = "20s"\n');
    const line = `trap "" TERM; echo on; sleep ${LONG} & wait`;
    const slow = background(['exec', '--job', 'slow-end', '--on-disconnect', 'cancel', 'vm:dev', line], own);
    await until('its first output', () => slow.stdout() === 'on\n');
    slow.child.kill('SIGTERM');
    expect(await slow.ended).toBe(143);
    expect(slow.stderr()).not.toContain('could not be told');
    await machine('pkill', '-KILL', '-f', `^sleep ${LONG}`);
  });

  test('SIGTERM: a job goes on, or is cancelled with --on-disconnect cancel; either is said', async () => {
    const stays = background(['exec', '--job', 'stays', 'vm:dev', `echo on; sleep ${LONG}3`]);
    const goes = background(['exec', '--job', 'goes', '--on-disconnect', 'cancel', 'vm:dev', `echo on; sleep ${LONG}`]);
    await until('their first output', () => stays.stdout() === 'on\n' && goes.stdout() === 'on\n');
    stays.child.kill('SIGTERM');
    goes.child.kill('SIGTERM');
    expect([await stays.ended, await goes.ended]).toEqual([143, 143]);
    expect(stays.stderr()).toMatch(/Left job stays on vm:dev; it is still running\nhint: azlin logs --follow stays/);
    expect(goes.stderr()).toContain('job goes on vm:dev was cancelled');
    await until('it to be cancelled', async () => (await job('goes'))?.['state'] === 'cancelled');
    expect(await job('stays')).toMatchObject({ state: 'running' });
    await azlin('cancel', 'stays');
  });

  test('Ctrl-C: the first is for the command, the second leaves a job running and says how to come back', async () => {
    const terminal = await openTerminal({ ...fleet.environment, AZLIN_DURABLE: 'always' });
    try {
      await terminal.type(
        `azlin exec --job press vm:dev "trap 'echo caught' INT; echo ready; while :; do sleep 0.1; done"; echo "code $?"\n`,
      );
      await terminal.shows(/^ready$/m);
      await terminal.press('C-c');
      await terminal.shows(/caught$/m);
      await terminal.press('C-c');
      await terminal.shows(/Left job press on vm:dev; it is still running\n.*azlin logs --follow press[\s\S]*code 130/);
      expect(await job('press')).toMatchObject({ state: 'running' });
    } finally {
      await terminal.close();
      await azlin('cancel', 'press');
    }
  });

  test('a command that keeps its output open in a group of its own does not hold up a timeout', async () => {
    for (const mode of ['--durable', '--direct']) {
      const { exitCode, stdout } = await azlin(
        'exec',
        mode,
        '--timeout',
        '500ms',
        'vm:dev',
        `setsid sleep ${LONG} & echo on`,
      );
      expect({ mode, exitCode, stdout }).toEqual({ mode, exitCode: 124, stdout: 'on\n' });
      await machine('pkill', '-f', `^sleep ${LONG}`);
    }
  }, 60_000);

  test('a command that ends its own session ends as it wants to', async () => {
    await azlin('ssh', 'vm', '--tmux-session', 'own', '--detach');
    expect(await exec('vm:own', 'tmux kill-session; sleep 0.3; echo still; exit 5')).toMatchObject({
      exitCode: 5,
      stdout: 'still\n',
    });
    const alone = await startFleet([{ name: 'alone', sessions: ['only'] }]);
    try {
      const last = await azlinOn(alone, [
        'exec',
        '--durable',
        'alone:only',
        'tmux kill-server; sleep 0.5; echo still; exit 6',
      ]);
      expect(last).toMatchObject({ exitCode: 6, stdout: 'still\n' });
    } finally {
      alone.close();
    }
  });
});

describe('jobs, logs, wait, cancel', () => {
  test('--detach prints the id and returns; the others know it', async () => {
    const line =
      'for i in 1 2 3; do echo $i; echo e$i >&2; done; until [ -e ~/seen-running ]; do sleep 0.1; done; exit 9';
    const { exitCode, stdout } = await azlin('exec', '--detach', 'vm:dev', line);
    const id = stdout.trim();
    expect({ exitCode, id }).toEqual({ exitCode: 0, id: expect.stringMatching(/^[a-z0-9]{10}$/) });
    expect(await job(id)).toMatchObject({
      hostname: 'vm',
      session: 'dev',
      state: 'running',
      exitCode: null,
      endedAt: null,
    });
    writeFileSync(join(home(), 'seen-running'), '');
    const followed = await azlin('logs', '--follow', id);
    expect(followed).toMatchObject({ exitCode: 0, stdout: '1\n2\n3\n' });
    expect(await azlin('wait', id)).toMatchObject({ exitCode: 9, stdout: '', stderr: '' });
    expect(await azlin('logs', id)).toMatchObject({
      stdout: '1\n2\n3\n',
      stderr: `It also wrote 9 bytes to stderr: azlin logs --stderr ${id}\n`,
    });
    expect((await azlin('logs', '--stderr', id)).stdout).toBe('e1\ne2\ne3\n');
    expect((await azlin('logs', '--lines', '1', id)).stdout).toBe('3\n');
    expect((await azlin('logs', '-n', '0', id)).stdout).toBe('');
    expect(await job(id)).toMatchObject({
      command: line,
      state: 'exited',
      exitCode: 9,
      startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      endedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      stdoutBytes: 6,
      stderrBytes: 9,
    });
  });

  test('an identifier means the newest job of that session', async () => {
    await exec('vm:other', 'echo first');
    await exec('vm:dev', 'echo elsewhere');
    await until('another second', async () => (await machine('sh', '-c', 'sleep 1.1')).code === 0);
    await exec('vm:other', 'echo second');
    expect((await azlin('logs', 'vm:other')).stdout).toBe('second\n');
    expect((await azlin('logs', 'other')).stdout).toBe('second\n');
    expect((await jobs('vm:other')).map(({ command }) => command)).toEqual(['echo second', 'echo first']);
  });

  test('a table for people', async () => {
    await azlin('exec', '-q', '--job', 'table', 'vm:dev', 'exit 2');
    const { stdout } = await azlin('jobs', 'vm');
    expect(stdout).toMatch(/^JOB +STATE +AGE +WHERE +COMMAND\n/);
    expect(stdout).toMatch(/^table +exit 2 +\d+ s +vm:dev +exit 2$/m);
  });

  test('those of azlin run only with --all; those that run, the newest few', async () => {
    await azlin('exec', '-q', '--job', 'ended', 'vm3:three', 'true');
    await azlin('run', 'vm3:three', 'echo of run');
    await until('another second', async () => (await machine('sh', '-c', 'sleep 1.1')).code === 0);
    await azlin('exec', '--detach', '--job', 'going', 'vm3:three', 'until [ -e ~/gone ]; do sleep 0.1; done');
    const commands = async (...args: string[]) => (await jobs('vm3', ...args)).map(({ command }) => command);
    expect(await commands()).toEqual([expect.stringMatching(/^until /), 'true']);
    expect(await commands('--all')).toContain('echo of run');
    expect((await jobs('vm3', '--running')).map(({ id }) => id)).toEqual(['going']);
    expect((await jobs('vm3', '--limit', '1')).map(({ id }) => id)).toEqual(['going']);
    for (const wrong of ['0', '-1', 'many'])
      expect((await azlin('jobs', `--limit=${wrong}`)).stderr).toContain(`Invalid number "${wrong}" for --limit`);
    writeFileSync(join(fleet.machines.get('vm3')?.home ?? '', 'gone'), '');
    expect((await azlin('wait', 'going')).exitCode).toBe(0);
  });

  test('the beginning of an id is enough where one job has it; a whole id is that job', async () => {
    for (const id of ['abc', 'abc-1', 'abc-2']) await azlin('exec', '--job', id, 'vm:dev', `echo ${id}; exit 4`);
    const environment = freshHome(fleet);
    for (const [how, options] of Object.entries({ remembered: {}, asked: { environment } })) {
      const on = (...args: string[]) => azlinOn(fleet, args, options);
      expect({ how, logs: (await on('logs', 'abc')).stdout }).toEqual({ how, logs: 'abc\n' });
      expect({ how, logs: (await on('logs', 'abc-2')).stdout }).toEqual({ how, logs: 'abc-2\n' });
      expect((await on('wait', '--vm', 'vm', 'abc-1')).exitCode).toBe(4);
      const { exitCode, stderr } = await on('logs', 'abc-');
      expect({ how, exitCode, stderr }).toEqual({
        how,
        exitCode: 4,
        stderr: expect.stringMatching(
          /error: Ambiguous job "abc-"\nThe beginning of 2 jobs:\n {2}abc-[12] on vm\n {2}abc-[12] on vm\nhint: give more of the id\n$/,
        ),
      });
    }
    await azlin('exec', '--job', 'unlike', 'vm:dev', 'echo unlike');
    expect((await azlin('logs', 'unl')).stdout).toBe('unlike\n');
  }, 60_000);

  test('wait and cancel take an identifier as logs does', async () => {
    await azlin('exec', '--detach', '--job', 'newest', 'vm:other', `sleep ${LONG}`);
    expect((await azlin('cancel', 'vm:other')).stdout).toBe('Job newest on vm: cancelled\n');
    expect((await azlin('wait', 'vm:other')).exitCode).toBe(143);
  });

  test('--watch keeps the list up to date until Ctrl-C', async () => {
    const terminal = await openTerminal(fleet.environment, 90, 20);
    try {
      await terminal.type(`${process.execPath} ${CLI} jobs vm3:three --watch --interval 1s; echo "code $?"\n`);
      await terminal.shows(/^JOB +STATE +AGE +WHERE +COMMAND$/m);
      await azlin('exec', '--job', 'appears', 'vm3:three', 'exit 6');
      await terminal.shows(/^appears +exit 6 /m);
      await terminal.press('C-c');
      await terminal.shows(/^code 0$/m);
      expect(await terminal.leftOn()).toBe('0 1 0 0');
    } finally {
      await terminal.close();
    }
  }, 40_000);

  test('without memory of it the fleet is asked; where two have it, the VM must be named', async () => {
    const both = await startFleet([
      { name: 'one', sessions: ['a'] },
      { name: 'two', sessions: ['b'] },
    ]);
    try {
      await azlinOn(both, ['exec', '--job', 'same', 'one:a', 'exit 1']);
      await azlinOn(both, ['exec', '--job', 'same', 'two:b', 'exit 2']);
      await azlinOn(both, ['exec', '--job', 'mine', 'one:a', 'exit 3']);
      const environment = freshHome(both);
      const elsewhere = (...args: string[]) => azlinOn(both, args, { environment });
      expect((await elsewhere('wait', 'mine')).exitCode).toBe(3);
      const { exitCode, stderr } = await elsewhere('cancel', 'same');
      expect({ exitCode, stderr }).toEqual({
        exitCode: 4,
        stderr: expect.stringMatching(
          /Ambiguous job "same"\nFound on 2 VMs:\n {2}\w+\n {2}\w+\nhint: name the VM: --vm /,
        ),
      });
      expect((await elsewhere('wait', '--vm', 'two', 'same')).exitCode).toBe(2);
      const missing = await elsewhere('logs', 'nosuch');
      expect(missing).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('has a job "nosuch"') });
    } finally {
      both.close();
    }
  });

  test('kept for a week, 200 of them; running ones for ever', async () => {
    const running = (await azlin('exec', '--detach', 'vm:dev', `sleep ${LONG}4`)).stdout.trim();
    const there = place();
    const old = (name: string, seconds: number, end: string) => {
      mkdirSync(join(there, name));
      const at = Math.floor(Date.now() / 1_000) - seconds;
      writeFileSync(join(there, name, 'state'), `new\nstarted 1 1 1\nat ${at}\n${end.replace('AT', `${at}`)}`);
      utimesSync(join(there, name), at, at);
    };
    const ended = 'exited 0 0 0\nend AT\n';
    old('week', 8 * 86_400, ended);
    old('lost', 8 * 86_400, '');
    old('days', 6 * 86_400, ended);
    writeFileSync(join(there, '.swept'), '0\n');
    await exec('vm:dev', 'true');
    await until('old ones to be gone', () => !existsSync(join(there, 'week')) && !existsSync(join(there, 'lost')));
    expect(existsSync(join(there, 'days'))).toBe(true);
    for (let n = 0; n < 220; n++) old(`many-${n}`, 3_600 + n, ended);
    utimesSync(folder(running), 1, 1);
    await exec('vm:dev', 'true');
    await until(
      'the oldest to be gone',
      () => !existsSync(join(there, 'many-219')) && !existsSync(join(there, 'days')),
    );
    await until('no more than 200', () => readdirSync(there).filter((name) => !name.startsWith('.')).length <= 201);
    expect(existsSync(join(there, 'many-0'))).toBe(true);
    expect(await job(running)).toMatchObject({ state: 'running' });
    await azlin('cancel', running);
  });
});

test('--forward-agent: a job has the agent of whoever follows it', async () => {
  const socket = join(fleet.directory, 'agent');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  try {
    await until('the agent', () => existsSync(socket));
    const environment = { SSH_AUTH_SOCK: socket };
    await bash(fleet, `ssh-add -q ${fleet.identity}`, { environment });
    const line = 'ssh-add -l; echo on; until [ -e ~/agent-again ]; do sleep 0.1; done; ssh-add -l';
    const args = ['exec', '-q', '--forward-agent', '--job', 'agent', 'vm:dev', line];
    const first = background(args, environment);
    await until('its first output', () => first.stdout().endsWith('on\n'));
    first.child.kill('SIGKILL');
    const second = background(args, environment);
    await until('its output again', () => second.stdout().endsWith('on\n'));
    writeFileSync(join(home(), 'agent-again'), '');
    expect(await second.ended).toBe(0);
    expect(second.stdout()).toMatch(/^256 SHA256:.*\non\n256 SHA256:.*\n$/);
  } finally {
    agent.kill();
  }
});

describe('scripts', () => {
  const script = (args: readonly string[], input: string) => azlinOn(fleet, ['exec', ...args], { input });

  test.each(['--direct', '--durable'])('--cwd, --env, --shell, --errexit, --user (%s)', async (mode) => {
    const me = fleet.machines.get('vm')?.user ?? '';
    const variables = ['--env', 'A=it\'s "x" $y', '--env', 'B=two\nlines', '--env', 'PASSED'];
    const environment = { PASSED: 'on' };
    const line = 'pwd; printf "%s|" "$A" "$B" "$PASSED"';
    const run = await azlinOn(fleet, ['exec', mode, '--user', me, '--cwd', '/usr/lib', ...variables, 'vm:dev', line], {
      environment,
    });
    expect(run.stdout).toBe('/usr/lib\nit\'s "x" $y|two\nlines|on|');
    expect((await azlin('exec', mode, '--cwd', '~', 'vm:dev', 'pwd')).stdout).toBe(`${home()}\n`);
    expect(await script([mode, '--shell', 'sh', '--errexit', 'vm:dev'], 'echo $0\nfalse\necho no\n')).toMatchObject({
      exitCode: 1,
      stdout: 'sh\n',
    });
    expect((await script([mode, '--shell', 'awk -f', 'vm:dev'], 'x')).stderr).toContain('There is no shell "awk -f"');
    expect((await script([mode, '--shell', 'sed', 'vm:dev'], 'x')).exitCode).toBe(1);
    expect((await script([mode, '--shell', 'cat', 'vm:dev'], 'as it is\n\n')).stdout).toBe('as it is\n\n');
    expect((await azlin('exec', mode, '--cwd', '/nosuch', 'vm:dev', 'true')).stderr).toContain(
      'There is no directory "/nosuch" on "vm"',
    );
  });

  test.each(['--direct', '--durable'])(
    'a value of --env stands in no list of processes, no file and no line (%s)',
    async (mode) => {
      const secret = `s3cr3t-${process.pid}-${mode}`;
      const line = 'echo on; until [ -e ~/seen ]; do sleep 0.1; done; printf %s "$TOKEN" | tr a-z A-Z';
      const running = background(['exec', '--verbose', mode, '--env', `TOKEN=${secret}`, 'vm:dev', line]);
      await until('its first output', () => running.stdout() === 'on\n');
      const seen = await bash(
        fleet,
        `grep -aFl -- '${secret.slice(0, 6)}''${secret.slice(6)}' /proc/[0-9]*/cmdline; grep -rF '${secret.slice(0, 6)}''${secret.slice(6)}' ${home()}`,
      );
      writeFileSync(join(home(), 'seen'), '');
      await running.ended;
      expect(seen.stdout).toBe('');
      expect(running.stdout()).toBe(`on\n${secret.toUpperCase()}`);
      expect(running.stderr()).not.toContain(secret);
      await machine('rm', join(home(), 'seen'));
    },
  );

  test('input that is not whole does not run, and what nobody takes does not stay', async () => {
    const uploads = () => readdirSync(place()).filter((name) => name.startsWith('.in-'));
    const slow = background(['exec', '--durable', '--stdin', 'vm:dev', 'tee ~/half-input']);
    slow.child.stdin.write('the first half\n');
    await until('it to arrive', () => uploads().length === 1);
    slow.child.kill('SIGKILL');
    await until('it to be thrown away', () => uploads().length === 0);
    expect(existsSync(join(home(), 'half-input'))).toBe(false);
    await azlinOn(fleet, ['exec', '--durable', '--stdin', 'vm:nosuch', 'cat'], { input: 'secret' });
    await azlin('exec', '-q', '--job', 'has-input', 'vm:dev', 'true');
    await azlinOn(fleet, ['exec', '--job', 'has-input', '--stdin', 'vm:dev', 'cat'], { input: 'secret' });
    await until('nothing to be left', () => uploads().length === 0);
  });

  test('files of jobs are for their user alone', async () => {
    await azlin('exec', '--job', 'mode', 'vm:dev', 'umask; echo x');
    const { stdout } = await machine('sh', '-c', `stat -c %a ~/.azlin/jobs ${folder('mode')} ${folder('mode')}/out`);
    expect(stdout).toBe('700\n700\n600\n');
    expect((await azlin('logs', 'mode')).stdout).toMatch(/^0022\nx/);
  });
});
