import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { azlin as azlinOn, bash as bashOn, type RunOptions, startFleet } from './fleet.ts';
import { freshHome } from './fresh-home.ts';
import { machineRun } from './machine.ts';
import { openTerminal } from './terminal.ts';
import { until } from './until.ts';

/** What `exec` promises, whether its command ends with the connection (`never`) or is a job (`always`), and however its VM is reached. */
export function execContract(mode: 'never' | 'always', way: Readonly<Record<string, string>> = {}): void {
  let fleet: DemoFleet;
  /** Seconds that nobody else on this machine sleeps for, so that the tests can see whether this sleep still runs. */
  const LONG = `${100_000 + process.pid}`;
  beforeAll(async () => {
    fleet = await startFleet([{ name: 'vm', sessions: ['dev', 'develop', 'de', 'späß', 'a b'] }]);
  }, 60_000);
  afterAll(() => fleet.close());

  const withMode = (options: RunOptions = {}) => ({
    ...options,
    environment: { AZLIN_DURABLE: mode, ...way, ...options.environment },
  });
  const azlin = (on: DemoFleet, args: readonly string[], options?: RunOptions) => azlinOn(on, args, withMode(options));
  const bash = (on: DemoFleet, line: string, options?: RunOptions) => bashOn(on, line, withMode(options));
  const exec = (...args: string[]) => azlin(fleet, ['exec', ...args]);
  const machine = (...argv: string[]) => machineRun(fleet, 'vm', argv);
  const machineHome = () => fleet.machines.get('vm')?.home ?? '';

  describe('outcome', () => {
    test('a command that dies by a signal gives 128 + n', async () => {
      for (const [signal, code] of [
        ['TERM', 143],
        ['KILL', 137],
        ['SEGV', 139],
        ['HUP', 129],
      ] as const)
        expect((await exec('vm:dev', `kill -${signal} $$`)).exitCode).toBe(code);
    });

    test('--result tells what became of the command', async () => {
      const path = join(fleet.directory, 'result.json');
      const result = () => JSON.parse(readFileSync(path, 'utf8'));
      await exec('--result', path, 'vm:dev', 'exit 3');
      expect(result()).toEqual({
        outcome: 'exited',
        exitCode: 3,
        signal: null,
        target: 'vm:dev',
        durationMs: expect.any(Number),
        jobId: mode === 'always' ? expect.stringMatching(/^[a-z0-9]{10}$/) : null,
        found: false,
      });
      await exec('--result', path, 'vm:dev', 'kill -TERM $$');
      expect(result()).toMatchObject({ outcome: 'signaled', exitCode: 143, signal: 'TERM' });
      await exec('--result', path, '--timeout', '300ms', 'vm:dev', 'sleep 60');
      expect(result()).toMatchObject({ outcome: 'timed-out', exitCode: 124, signal: null });
      await exec('--result', path, 'vm:nosuch', 'true');
      expect(result()).toMatchObject({ outcome: 'not-started', exitCode: 255, error: { code: 'session-not-found' } });
    });

    test('a --result that cannot be written is said before the command runs', async () => {
      const { exitCode, stderr } = await exec('--result', '/nonexistent/r.json', 'vm:dev', 'touch ~/ran');
      expect({ exitCode, stderr }).toEqual({ exitCode: 255, stderr: expect.stringContaining('/nonexistent/r.json') });
      expect((await machine('sh', '-c', 'test -e ~/ran')).code).toBe(1);
    });
  });

  describe('--timeout', () => {
    const execSoon = (...args: string[]) =>
      azlin(fleet, ['exec', ...args], { environment: freshHome(fleet, '[exec]\nkill_after = "1s"\n') });

    test('gives the command five seconds to end, or exec.kill_after', async () => {
      const line = `trap "echo asked; sleep 2 && echo done; exit" TERM; sleep ${LONG} & wait; wait`;
      const [five, one] = await Promise.all([
        exec('--timeout', '300ms', 'vm:dev', line),
        execSoon('--timeout', '300ms', 'vm:dev', line),
      ]);
      expect(five).toMatchObject({ exitCode: 124, stdout: 'asked\ndone\n' });
      expect(one).toMatchObject({ exitCode: 124, stdout: 'asked\n' });
    });

    test('ends the whole process group, also what ignores TERM', async () => {
      const line = `trap "" TERM; echo $$ > ~/pid; (trap "" TERM; sleep ${LONG}) & wait; sleep ${LONG}`;
      const { exitCode } = await execSoon('--timeout', '500ms', 'vm:dev', line);
      expect(exitCode).toBe(124);
      expect((await machine('sh', '-c', 'kill -0 "$(cat ~/pid)"')).code).not.toBe(0);
      expect((await machine('pgrep', '-f', `^sleep ${LONG}`)).code).toBe(1);
    });

    test('leaves nothing in /tmp', async () => {
      const markers = async () => (await machine('sh', '-c', `ls -d /tmp/azlin-${'?'.repeat(32)}`)).stdout.split('\n');
      const before = await markers();
      await execSoon('--timeout', '300ms', 'vm:dev', `trap "" TERM; sleep ${LONG} & wait; sleep ${LONG}`);
      // Other tests may have markers of their own for a moment.
      await until('nothing to be left', async () => (await markers()).every((marker) => before.includes(marker)));
    });

    test('does not touch a command that ends in time, nor what it left behind', async () => {
      const { exitCode, stdout } = await exec('--timeout', '5s', 'vm:dev', 'echo done; exit 7');
      expect({ exitCode, stdout }).toEqual({ exitCode: 7, stdout: 'done\n' });
    });

    test('also ends what keeps the output open after the command has ended', async () => {
      const { exitCode, stdout } = await exec('--timeout', '300ms', 'vm:dev', `sleep ${LONG} & echo started`);
      expect({ exitCode, stdout }).toEqual({ exitCode: 124, stdout: 'started\n' });
      await until('it to be gone', async () => (await machine('pgrep', '-f', `^sleep ${LONG}`)).code === 1);
    });

    test('an exit code of 124 of its own is no timeout', async () => {
      const path = join(fleet.directory, 'own.json');
      const { exitCode } = await exec('--timeout', '3s', '--result', path, 'vm:dev', 'sleep 1.8; exit 124');
      expect({ exitCode, outcome: JSON.parse(readFileSync(path, 'utf8')).outcome }).toEqual({
        exitCode: 124,
        outcome: 'exited',
      });
    });

    test('a duration that is none is said', async () => {
      const { exitCode, stderr } = await exec('--timeout', 'soon', 'vm:dev', 'true');
      expect({ exitCode, stderr }).toEqual({
        exitCode: 255,
        stderr: expect.stringContaining('Invalid duration "soon"'),
      });
    });
  });

  describe('bytes', () => {
    test('500 MB of output arrive intact', async () => {
      const block = 'b = Buffer.alloc(1 << 20); for (i = 0; i < b.length; i++) b[i] = (i * 31 + (i >> 8)) & 255';
      const all = 'next = (n) => n && process.stdout.write(b, () => next(n - 1)); next(500)';
      const program = `${process.execPath} -e '${block}; ${all}'`;
      const { stdout } = await bash(
        fleet,
        `${program} | sha256sum; azlin exec vm:dev "${program}" | sha256sum; echo "\${PIPESTATUS[0]}"`,
      );
      const [truth, came, code] = stdout.split('\n');
      expect({ came, code }).toEqual({ came: truth, code: '0' });
    }, 120_000);

    test('nothing, only stderr, no line break at the end, and pieces of lines', async () => {
      expect(await exec('vm:dev', 'true')).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
      expect(await exec('vm:dev', 'printf only >&2; exit 1')).toMatchObject({
        exitCode: 1,
        stdout: '',
        stderr: 'only',
      });
      const pieces = 'for i in 1 2 3; do printf "$i,"; sleep 0.2; printf "e$i," >&2; done';
      expect(await exec('vm:dev', pieces)).toMatchObject({ exitCode: 0, stdout: '1,2,3,', stderr: 'e1,e2,e3,' });
    });

    test('a script may open /dev/stdout and /dev/stderr anew', async () => {
      const line = 'echo a; echo b >/dev/stdout; echo c >/dev/stderr; echo d; echo e >>/dev/stderr';
      expect(await exec('vm:dev', line)).toMatchObject({ stdout: 'a\nb\nd\n', stderr: 'c\ne\n' });
    });

    test('what a child in the background writes comes too, and is waited for', async () => {
      const { exitCode, stdout } = await exec('vm:dev', '(sleep 0.7; echo late) & echo up; exit 3');
      expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: 'up\nlate\n' });
    });

    test('the first byte comes at once, not when the command ends', async () => {
      const { stdout } = await bash(
        fleet,
        'azlin exec vm:dev "echo first; until [ -e ~/go-on ]; do sleep 0.1; done; rm ~/go-on; echo second" | { read -r x; touch "$VM_HOME/go-on"; echo "$x"; cat; }',
        { environment: { VM_HOME: machineHome() } },
      );
      expect(stdout).toBe('first\nsecond\n');
    });

    test('binary standard input arrives intact', async () => {
      const input = Buffer.from(Array.from({ length: 3_000_001 }, (_, i) => (i * 7 + (i >> 9)) & 255));
      const { bytes } = await azlin(fleet, ['exec', '--stdin', 'vm:dev', 'cat'], { input });
      expect(bytes.equals(input)).toBe(true);
    });

    test('stdout and stderr stay apart, unterminated lines included', async () => {
      const { stdout, stderr } = await exec('vm:dev', 'printf out; printf err >&2');
      expect({ stdout, stderr }).toEqual({ stdout: 'out', stderr: 'err' });
    });

    test('a reader that goes away ends the command, without a word', async () => {
      const { stdout, stderr } = await bash(
        fleet,
        'azlin exec vm:dev "while :; do echo y; done" | head -n 1; echo "${PIPESTATUS[0]}"',
      );
      expect({ stdout, stderr }).toEqual({ stdout: 'y\n141\n', stderr: '' });
    });

    test('a slow reader gets everything', async () => {
      const slow = `${process.execPath} -e '
        const fs = require("fs"); const part = Buffer.alloc(4096); let all = 0;
        const next = () => { let n = 0; try { n = fs.readSync(0, part) } catch (e) { if (e.code !== "EAGAIN") throw e; n = -1 }
          if (n > 0) all += n; if (n === 0) console.log(all); else setTimeout(next, 2) }; next()'`;
      const { stdout } = await bash(fleet, `azlin exec vm:dev 'head -c 700000 /dev/zero' | ${slow}`);
      expect(stdout).toBe('700000\n');
    });

    test('a signal ends azlin although its reader does not read', async () => {
      // A little more than fits into a pipe: all of it has arrived, and the rest waits for the reader.
      const line = `mkfifo ~/stuck; sleep 60 <~/stuck & reader=$!; azlin exec vm:dev 'head -c 66000 /dev/zero' >~/stuck & pid=$!
        sleep 2; kill -TERM $pid; wait $pid; echo "code $?"; kill $reader && echo 'it still did not read'`;
      const { stdout } = await bash(fleet, line, { environment: { HOME: machineHome() } });
      expect(stdout).toBe('code 143\nit still did not read\n');
    });

    test('a full disk is said', async () => {
      const { stdout, stderr } = await bash(
        fleet,
        // The command may have ended by the time that its output cannot be written.
        `for each in 1 2 3 4 5; do azlin exec vm:dev "seq 100000" >/dev/full; echo $?; done
         azlin list >/dev/full; echo $?`,
      );
      expect(stdout).toBe('255\n255\n255\n255\n255\n2\n');
      expect(stderr).toMatch(/(Cannot write the output: ENOSPC.*){5}Cannot write to standard output: .*ENOSPC/s);
    });
  });

  describe('arguments and scripts', () => {
    const awkward = ["it's", '$HOME', '"x"', 'a\\b', '\\', 'new\nline', '*', '', 'é ü', '-n', '!x', '`id`', "'"];

    test('several arguments arrive as they were', async () => {
      const { stdout } = await exec('vm:dev', 'printf', '<%s>', ...awkward);
      expect(stdout).toBe(awkward.map((word) => `<${word}>`).join(''));
    });

    test('flags after the identifier belong to the command, before it to azlin', async () => {
      expect((await exec('vm:dev', 'echo', '--help', '-v', '--timeout', '1s')).stdout).toBe('--help -v --timeout 1s\n');
      expect((await exec('--timeout', '5s', '--', 'vm:dev', '--', 'echo', '--')).stdout).toBe('--\n');
    });

    test('a script has an empty standard input, and its last lines are not eaten by what it runs', async () => {
      const { stdout } = await azlin(fleet, ['exec', 'vm:dev'], {
        input: 'cat\necho one\nread -r x; echo "two <$x>"\nexit 5\n',
      });
      expect(stdout).toBe('one\ntwo <>\n');
    });

    test('--errexit stops at the first failure, in a pipeline too', async () => {
      const run = (input: string) => azlin(fleet, ['exec', '--errexit', 'vm:dev'], { input });
      expect(await run('echo a\nfalse | true\necho b\n')).toMatchObject({ exitCode: 1, stdout: 'a\n' });
      expect(await azlin(fleet, ['exec', 'vm:dev'], { input: 'echo a\nfalse | true\necho b\n' })).toMatchObject({
        exitCode: 0,
        stdout: 'a\nb\n',
      });
    });

    test('a command may start with a dash after --; without it that is an option in the wrong place', async () => {
      expect(await exec('vm:dev', '--timeout', '5', 'true')).toMatchObject({
        exitCode: 255,
        stderr: expect.stringContaining('options come before the identifier: azlin exec --timeout TIME vm:dev COMMAND'),
      });
      const { exitCode, stderr } = await exec('vm:dev', '--', '--nosuch');
      expect({ exitCode, stderr }).toEqual({
        exitCode: 127,
        stderr: expect.stringContaining('--nosuch: command not found'),
      });
    });

    test('a signal while the script is read ends azlin', async () => {
      const line =
        'sleep 30 | { azlin exec vm:dev & pid=$!; sleep 1; kill -TERM $pid; wait $pid; echo "code $?"; pkill -P $$ sleep; }';
      expect((await bash(fleet, `${line} 2>/dev/null`)).stdout).toBe('code 143\n');
    });

    test('without a command and without a script it is an error', async () => {
      const { exitCode, stderr } = await exec('vm:dev');
      expect({ exitCode, stderr }).toEqual({
        exitCode: 255,
        stderr: expect.stringContaining('Missing command'),
      });
    });
  });

  describe('context', () => {
    test('names that are prefixes of each other, with blanks or beyond ASCII mean their own session', async () => {
      for (const name of ['dev', 'develop', 'de', 'a b'])
        expect((await exec(`vm:${name}`, "tmux display-message -p '#{session_name}'")).stdout).toBe(`${name}\n`);
      expect((await exec('vm:späß', "tmux -u display-message -p '#{session_name}'")).stdout).toBe('späß\n');
      expect((await exec('vm:devel', 'true')).exitCode).toBe(255);
    });

    test('environment: the session over the server, whatever the values hold', async () => {
      const value = 'a"b$c`d\\\nsecond\'s line="; export X';
      await machine('tmux', 'set-environment', '-g', 'FROM_SERVER', 'server');
      await machine('tmux', 'set-environment', '-g', 'BOTH', 'server');
      await machine('tmux', 'set-environment', '-t', '=dev', 'BOTH', value);
      await machine('tmux', 'set-environment', '-g', 'BASH_FUNC_f%%', '() { echo "injected"\n}');
      await machine('tmux', 'set-environment', '-g', 'GONE', 'server');
      await machine('tmux', 'set-environment', '-t', '=dev', '-r', 'GONE');
      expect((await exec('vm:dev', 'printf "%s|%s|%s" "$FROM_SERVER" "$BOTH" "${GONE-unset}"')).stdout).toBe(
        `server|${value}|unset`,
      );
      expect((await exec('vm:develop', 'printf "%s|%s" "$BOTH" "$GONE"')).stdout).toBe('server|server');
    });

    test('a session whose name ends in a semicolon has its own environment', async () => {
      for (const [name, value] of [
        ['semi', 'wrong'],
        ['semi;', 'right'],
      ] as const) {
        await exec('--create', `vm:${name}`, 'true');
        await exec(`vm:${name}`, `tmux set-environment WHICH ${value}`);
      }
      expect((await exec('vm:semi;', 'echo $WHICH')).stdout).toBe('right\n');
      expect((await exec('vm:semi', 'echo $WHICH')).stdout).toBe('wrong\n');
    });

    test('directory: where the active pane is, with any name; the home directory and a warning when it is gone', async () => {
      const place = `${machineHome()}/odd "$(touch ~/injected)" 'q' é\nline`;
      await machine('mkdir', '-p', place);
      await machine('tmux', 'new-session', '-d', '-s', 'place', '-c', place);
      expect((await exec('vm:place', 'pwd')).stdout).toBe(`${place}\n`);
      await machine('rmdir', place);
      const { stdout, stderr } = await exec('vm:place', 'echo ran');
      expect({ stdout, stderr }).toEqual({
        stdout: 'ran\n',
        stderr: expect.stringContaining('its directory no longer exists'),
      });
      expect((await machine('sh', '-c', 'test -e ~/injected')).code).toBe(1);
    });

    test('TMUX and TMUX_PANE make tmux act on that very session', async () => {
      await exec('--create', 'vm:victim', 'tmux kill-session');
      const { stdout } = await machine('tmux', 'list-sessions', '-F', '#{session_name}');
      expect(stdout.split('\n')).toEqual(expect.arrayContaining(['dev', 'develop', 'de']));
      expect(stdout.split('\n')).not.toContain('victim');
    });

    test('--create makes a missing session; a name that tmux would change is refused', async () => {
      expect((await exec('--create', 'vm:fresh', "tmux display-message -p '#{session_name}'")).stdout).toBe('fresh\n');
      const { exitCode, stderr } = await exec('--create', 'vm:a\\b', 'true');
      expect({ exitCode, stderr }).toEqual({
        exitCode: 255,
        stderr: expect.stringContaining('tmux cannot name a session "a\\b"'),
      });
      expect((await machine('tmux', 'list-sessions', '-F', '#{session_name}')).stdout).not.toContain('a\\');
    });
  });

  describe('many at once', () => {
    test('20 azlin on one VM with a default sshd', async () => {
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, index) => exec('vm:dev', `sleep 0.5; echo ${index}; exit ${index}`)),
      );
      expect(all.map(({ exitCode, stdout, stderr }) => ({ exitCode, stdout, stderr }))).toEqual(
        all.map((_, index) => ({ exitCode: index, stdout: `${index}\n`, stderr: '' })),
      );
    }, 60_000);
  });

  describe('standard input', () => {
    test('is left alone when there is a command', async () => {
      const { stdout } = await bash(fleet, 'printf "a\\nb\\n" | { azlin exec vm:dev "cat; echo ran"; cat; }');
      expect(stdout).toBe('ran\na\nb\n');
    });
  });

  describe('Ctrl-C', () => {
    test.each([
      ['a command', 'azlin exec vm:dev "trap \'echo caught; exit 9\' INT; echo ready; while :; do sleep 0.1; done"'],
      [
        'a script',
        'azlin exec vm:dev <<END\ntrap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.1; done\nEND',
      ],
    ])('reaches %s as SIGINT', async (_what, line) => {
      const terminal = await openTerminal({ ...fleet.environment, AZLIN_DURABLE: mode });
      try {
        await terminal.type(`${line}\n`);
        await terminal.shows(/^ready$/m);
        await terminal.press('C-c');
        await terminal.shows(/caught\n.*local\$/s);
        await terminal.type('clear; echo "code $?"\n');
        await terminal.shows(/^code \d/m);
      } finally {
        await terminal.close();
      }
    });
  });
}
