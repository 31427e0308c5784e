import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createApp } from '../../src/app.ts';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { execCommand } from '../../src/operations/exec.ts';
import { azlin, bash, startFleet } from '../support/fleet.ts';
import { machineRun } from '../support/machine.ts';
import { openTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';

let fleet: DemoFleet;
/** Seconds nobody else on this machine sleeps for: whether it still runs can be seen. */
const LONG = `${100_000 + process.pid}`;
beforeAll(async () => {
  fleet = await startFleet([{ name: 'vm', sessions: ['dev', 'develop', 'de', 'späß', 'a b'] }]);
}, 60_000);
afterAll(() => fleet.close());

const exec = (...args: string[]) => azlin(fleet, ['exec', ...args]);
const machine = (...argv: string[]) => machineRun(fleet, 'vm', argv);

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
  test('ends the whole process group, also what ignores TERM', async () => {
    const line = `trap "" TERM; echo $$ > ~/pid; (trap "" TERM; sleep ${LONG}) & wait; sleep ${LONG}`;
    const { exitCode } = await exec('--timeout', '500ms', 'vm:dev', line);
    expect(exitCode).toBe(124);
    expect((await machine('sh', '-c', 'kill -0 "$(cat ~/pid)"')).code).not.toBe(0);
    expect((await machine('pgrep', '-f', `^sleep ${LONG}`)).code).toBe(1);
  });

  test('leaves nothing in /tmp', async () => {
    const markers = async () => (await machine('sh', '-c', `ls -d /tmp/azlin-${'?'.repeat(32)}`)).stdout.split('\n');
    const before = await markers();
    await exec('--timeout', '300ms', 'vm:dev', `trap "" TERM; sleep ${LONG} & wait; sleep ${LONG}`);
    // Other tests have theirs for a moment.
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
    const { exitCode } = await exec('--timeout', '1s', '--result', path, 'vm:dev', 'sleep 0.9; exit 124');
    expect({ exitCode, outcome: JSON.parse(readFileSync(path, 'utf8')).outcome }).toEqual({
      exitCode: 124,
      outcome: 'exited',
    });
  });

  test('a duration that is none is said', async () => {
    const { exitCode, stderr } = await exec('--timeout', 'soon', 'vm:dev', 'true');
    expect({ exitCode, stderr }).toEqual({ exitCode: 255, stderr: expect.stringContaining('Invalid duration "soon"') });
  });
});

describe('bytes', () => {
  test('100 MB of output arrive intact', async () => {
    const line = `${process.execPath} -e '
      const block = Buffer.alloc(1 << 20); for (let i = 0; i < block.length; i++) block[i] = (i * 31 + (i >> 8)) & 255;
      const next = (n) => n && process.stdout.write(block, () => next(n - 1)); next(100)'`;
    const { exitCode, bytes } = await exec('vm:dev', line);
    const block = Buffer.from(Array.from({ length: 1 << 20 }, (_, i) => (i * 31 + (i >> 8)) & 255));
    const expected = createHash('sha256');
    for (let n = 0; n < 100; n++) expected.update(block);
    expect({ exitCode, length: bytes.length }).toEqual({ exitCode: 0, length: 100 << 20 });
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(expected.digest('hex'));
  }, 60_000);

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
    // A little more than a pipe takes: all has arrived, and the rest waits for the reader.
    const line = `mkfifo ~/stuck; sleep 60 <~/stuck & reader=$!; azlin exec vm:dev 'head -c 66000 /dev/zero' >~/stuck & pid=$!
      sleep 2; kill -TERM $pid; wait $pid; echo "code $?"; kill $reader && echo 'it still did not read'`;
    const { stdout } = await bash(fleet, line, { environment: { HOME: machineHome() } });
    expect(stdout).toBe('code 143\nit still did not read\n');
  });

  test('a full disk is said', async () => {
    const { stdout, stderr } = await bash(
      fleet,
      'azlin exec vm:dev "seq 100000" >/dev/full; echo $?; azlin list >/dev/full; echo $?',
    );
    expect(stdout).toBe('255\n2\n');
    expect(stderr).toMatch(/Cannot write the output: ENOSPC.*Cannot write to standard output: .*ENOSPC/s);
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

  test('a command that starts with a dash is a command', async () => {
    const { exitCode, stderr } = await exec('vm:dev', '--nosuch');
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
      stderr: expect.stringContaining('There is no command to run'),
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
    expect({ stdout, stderr }).toEqual({ stdout: 'ran\n', stderr: expect.stringContaining('its directory is gone') });
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

describe('many at once in one process', () => {
  test('20 commands on a default sshd, which allows 10 channels a connection', async () => {
    // Fills the cache: the local Resource Manager's certificate is known only to processes that start with it.
    await exec('vm:dev', 'true');
    const app = createApp({ ...process, env: fleet.environment } as unknown as NodeJS.Process);
    try {
      const access = await app.access({
        config: await app.config({}),
        user: undefined,
        port: undefined,
        forwardAgent: undefined,
        start: { always: false, isOption: false, ask: async () => false },
        progress: () => {},
        aside: () => {},
        warn: (line) => expect(line).toBe(''),
        trace: () => {},
      });
      const { signal } = new AbortController();
      setMaxListeners(0, signal);
      const outputs = await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          const line = `until [ -e ~/go ]; do sleep 0.05; done; echo ${index}`;
          const request = { identifier: 'vm:dev', command: [line], stdin: false, create: false, timeout: undefined };
          const command = await execCommand(access, request, signal);
          command.stderr.resume();
          const text = command.stdout.setEncoding('utf8').toArray();
          started++;
          // All twenty run at the same time before the first may end.
          if (started === 20) await machine('sh', '-c', 'touch ~/go');
          return { text: (await text).join(''), outcome: await command.outcome };
        }),
      );
      expect(outputs).toEqual(
        outputs.map((_, index) => ({ text: `${index}\n`, outcome: { kind: 'exited', code: 0 } })),
      );
    } finally {
      app.close();
    }
  });
  let started = 0;
});

describe('standard input', () => {
  test('more of it than the command reads is no trouble', async () => {
    const { stdout, stderr } = await bash(fleet, 'yes | azlin exec --stdin vm:dev "head -n 1"');
    expect({ stdout, stderr }).toEqual({ stdout: 'y\n', stderr: '' });
  });

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
    const terminal = await openTerminal(fleet.environment);
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

  test('a second one ends azlin and the command', async () => {
    const terminal = await openTerminal(fleet.environment);
    try {
      await terminal.type(
        `azlin exec vm:dev "trap '' INT; echo ready; sleep ${LONG}; sleep ${LONG}"; echo "code $?"\n`,
      );
      await terminal.shows(/^ready$/m);
      await terminal.press('C-c');
      await terminal.press('C-c');
      await terminal.shows(/code 130/);
      await until('the command to be gone', async () => (await machine('pgrep', '-f', `^sleep ${LONG}`)).code === 1);
    } finally {
      await terminal.close();
    }
  });
});

function machineHome(): string {
  return fleet.machines.get('vm')?.home ?? '';
}
