import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { startFleet } from '../support/fleet.ts';
import { machineRun } from '../support/machine.ts';
import { openTerminal } from '../support/terminal.ts';
import { hasTool } from '../support/tools.ts';
import { until } from '../support/until.ts';
import { warmAzlin as azlinOn } from '../support/warm-azlin.ts';

const SHELLS = ['bash', 'zsh'].filter(hasTool);
let fleet: DemoFleet;
beforeAll(async () => {
  fleet = await startFleet(
    SHELLS.map((shell) => ({ name: shell, sessions: ['dev'], environment: { SHELL: `/bin/${shell}` } })),
  );
}, 60_000);
afterAll(() => fleet.close());

const azlin = (...args: string[]) => azlinOn(fleet, args);
const homeOf = (shell: string) => fleet.machines.get(shell)?.home ?? '';
/** Asked of tmux itself: it is asked often. */
const screenOf = async (shell: string) =>
  (await machineRun(fleet, shell, ['tmux', 'capture-pane', '-p', '-t', '=dev:'])).stdout;
/** The shell shows its prompt, and nothing is typed there. */
const atPrompt = async (shell: string) => {
  let screen = '';
  const isThere = async () => {
    screen = await screenOf(shell);
    return /[#$%] ?$/.test(screen.trimEnd());
  };
  // On a busy machine what the last command wrote may be shown after the prompt that follows it: a new one is asked for then.
  const isThereSoon = await until('a prompt', isThere, 3_000).catch(() => false);
  if (!isThereSoon) await azlin('send', `${shell}:dev`, '--keys', 'C-c');
  await until(`${shell} to be at its prompt`, isThere).catch((error: Error) => {
    throw new Error(`${error.message}; it shows:\n${screen}`);
  });
};

describe.each(SHELLS)('the live shell, %s', (shell) => {
  const run = (...args: string[]) => azlin('run', ...args);
  const dev = `${shell}:dev`;

  test('what a command changes stays for the next one', async () => {
    await atPrompt(shell);
    expect(await run(dev, '--', 'cd', '/usr/lib')).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
    expect((await run(dev, 'export X="a b"; alias hi="echo hello"; f() { echo "f $1"; }')).exitCode).toBe(0);
    expect((await run(dev, 'pwd; echo "$X"; f 1')).stdout).toBe('/usr/lib\na b\nf 1\n');
    expect((await run(dev, 'hi')).stdout).toBe('hello\n');
    expect((await run(dev, 'echo $0')).stdout).toContain(shell);
  });

  test('streams apart, exit codes, arguments as they were, many lines', async () => {
    await atPrompt(shell);
    const both = await run(dev, 'echo out; echo err >&2; (exit 42)');
    expect(both).toMatchObject({ exitCode: 42, stdout: 'out\n', stderr: 'err\n' });
    expect((await run(dev, 'printf', '%s|', "it's", '$HOME', 'a  b', 'new\nline')).stdout).toBe(
      "it's|$HOME|a  b|new\nline|",
    );
    expect((await run(dev, 'seq 20000; printf end')).stdout).toBe(
      `${Array.from({ length: 20_000 }, (_, n) => n + 1).join('\n')}\nend`,
    );
    expect((await run(dev, 'if ; then')).exitCode).not.toBe(0);
    expect((await run(dev, 'false')).exitCode).toBe(1);
    // The shell itself knows it, too.
    expect((await run(dev, 'true')).exitCode).toBe(0);
  });

  test('people who are attached see the command and its output, and nothing long is typed', async () => {
    await atPrompt(shell);
    const long = `echo start; ${'true; '.repeat(2_000)} echo the-end`;
    expect((await run(dev, long)).stdout).toBe('start\nthe-end\n');
    // The terminal of whoever is attached may be a moment behind.
    let screen = '';
    await until('the screen to show it', async () => {
      screen = await screenOf(shell);
      return /^start\nthe-end$/m.test(screen);
    });
    const typed = screen.split('\n').findLast((line) => line.includes('/go/'));
    expect(typed).toMatch(/ \. \/\S+\/\.azlin\/go\/[a-z0-9]{10}(?: #)?$/);
  });

  test('of several at once none ends another: each runs whole, or not at all', async () => {
    for (let round = 0; round < 5; round++) {
      await atPrompt(shell);
      const all = await Promise.all([...'abcd'].map((name) => run(dev, `echo ${name}; sleep 0.2; echo ${name}`)));
      const how = all.map(({ exitCode, stdout, stderr }, at) => {
        const name = 'abcd'.charAt(at);
        if (exitCode === 0 && stdout === `${name}\n${name}\n`) return 'whole';
        return exitCode === 255 && stdout === '' && /busy|did not accept/.test(stderr)
          ? 'not at all'
          : { exitCode, stdout, stderr };
      });
      expect(how).toEqual(expect.arrayContaining(['whole']));
      expect(how.filter((one) => typeof one !== 'string')).toEqual([]);
    }
  }, 60_000);

  test('a command gets no arguments, whatever the shell takes for a pattern', async () => {
    await atPrompt(shell);
    expect((await run(dev, shell === 'zsh' ? 'setopt extendedglob; echo $#' : 'echo $#')).stdout).toBe('0\n');
    expect((await run(dev, 'echo $#')).stdout).toBe('0\n');
    if (shell === 'zsh') await run(dev, 'unsetopt extendedglob');
  });

  test.each(
    shell === 'bash'
      ? [
          ['a program', "PROMPT_COMMAND='( : ; sleep 0.1; : )'"],
          ['one in the prompt itself', "PS1='$(sleep 0.1)bash\\$ '"],
          ['a pipe for half a second', "PROMPT_COMMAND='sleep 0.5 | cat'"],
        ]
      : [
          ['a program', 'precmd() { ( : ; sleep 0.1; : ) }'],
          ['one in the prompt itself', "setopt prompt_subst; PS1='$(sleep 0.1)zsh%# '"],
          ['a pipe for half a second', 'precmd() { sleep 0.5 | cat; }'],
        ],
  )('a prompt that starts %s', async (what, hook) => {
    await atPrompt(shell);
    expect((await run(dev, hook)).exitCode).toBe(0);
    try {
      // Right after the other one: the hook is at work when it comes.
      expect(await run(dev, 'echo 2; (exit 2)')).toMatchObject({ exitCode: 2, stdout: '2\n', stderr: '' });
      if (what === 'a program')
        expect(await run('--timeout', '1s', dev, 'sleep 60')).toMatchObject({
          exitCode: 124,
          stderr: expect.stringContaining('timed out after 1 s'),
        });
    } finally {
      await run(dev, shell === 'bash' ? "PROMPT_COMMAND=; PS1='bash\\$ '" : "precmd() { :; }; PS1='zsh%# '");
    }
  });

  test('a busy pane is refused, with what keeps it busy', async () => {
    for (const [line, what] of [
      ['sleep 31', 'sleep 31'],
      ['read x', `a builtin or function of ${shell}`],
      [shell === 'bash' ? 'read -n 1 x' : 'read -k 1 x', `a builtin or function of ${shell}`],
      [`${shell} ~/ask`, `${shell} ${homeOf(shell)}/ask`],
    ] as const) {
      writeFileSync(join(homeOf(shell), 'ask'), `read -${shell === 'bash' ? 'n' : 'k'} 1 answer; touch ~/answered`);
      await atPrompt(shell);
      await azlin('send', dev, line, '--keys', 'Enter');
      await until('it to run', async () => (await run(dev, 'echo no')).stderr.includes(`busy: ${what}`));
      expect(await run(dev, 'touch ~/never')).toMatchObject({ exitCode: 255, stdout: '' });
      await azlin('send', dev, '--keys', 'C-c');
    }
    expect(existsSync(join(homeOf(shell), 'never'))).toBe(false);
    expect(existsSync(join(homeOf(shell), 'answered'))).toBe(false);
  }, 60_000);

  test('what somebody has begun to type is not run, and not run together with it', async () => {
    for (const [text, keys] of [
      ['touch ~/half', ''],
      ['echo a; touch ~/half', 'C-a'],
      ['; touch ~/half', 'C-a'],
      ['touch ~/half && \\\n', ''],
      ['for i in 1 2; do touch ~/half\n', ''],
      ['touch ~/half "\n', ''],
      ['touch ~/half', 'C-r'],
    ] as const) {
      await atPrompt(shell);
      await azlin('send', dev, text, ...(keys === '' ? [] : ['--keys', keys]));
      const { stdout, stderr } = await run(dev, 'echo mine');
      expect({ text, stdout, stderr }).toEqual({ text, stdout: 'mine\n', stderr: '' });
    }
    expect(existsSync(join(homeOf(shell), 'half'))).toBe(false);
  });

  test('a command that reads keys is no prompt: it is not taken for ended', async () => {
    await atPrompt(shell);
    const read = shell === 'bash' ? 'read -e x' : 'vared -c x';
    const running = run(dev, `echo on; ${read}; (exit 7)`);
    await until('it to read', async () => /^on$/m.test(await screenOf(shell)));
    // Longer than its supervisor takes to look twice.
    await machineRun(fleet, shell, ['sleep', '2.5']);
    await azlin('send', dev, 'typed', '--keys', 'Enter');
    expect(await running).toMatchObject({ exitCode: 7 });
  });

  test('a stopped pane holds up what is shown, not what comes back', async () => {
    await atPrompt(shell);
    // A word that no other test leaves on the screen: stopped before it begins, it would not begin.
    const running = run(dev, 'echo unstopped; until [ -e ~/stopped ]; do sleep 0.1; done; seq 30000; (exit 5)');
    await until('it to run', async () => /^unstopped$/m.test(await screenOf(shell)));
    await azlin('send', dev, '--keys', 'C-s');
    writeFileSync(join(homeOf(shell), 'stopped'), '');
    const { exitCode, stdout } = await running;
    await azlin('send', dev, '--keys', 'C-q');
    // What is left to show comes after the prompt.
    await until('the prompt to be the last thing', async () => {
      await azlin('send', dev, '--keys', 'Enter');
      return /[#$%] ?$/.test((await screenOf(shell)).trimEnd());
    });
    expect({ exitCode, length: stdout.length }).toEqual({ exitCode: 5, length: 168_904 });
  });

  test('Ctrl-C in the pane ends the whole line, and azlin says so', async () => {
    await atPrompt(shell);
    const running = run(dev, 'echo on; sleep 32; touch ~/continued');
    await until('it to run', async () => (await machineRun(fleet, shell, ['pgrep', '-f', '^sleep 32$'])).code === 0);
    await azlin('send', dev, '--keys', 'C-c');
    expect(await running).toMatchObject({ exitCode: 130, stdout: 'on\n' });
    expect(existsSync(join(homeOf(shell), 'continued'))).toBe(false);
  });

  test('Ctrl-C at azlin reaches the command', async () => {
    await atPrompt(shell);
    const terminal = await openTerminal(fleet.environment);
    try {
      await terminal.type(`azlin run ${dev} 'echo begun; sleep 33; touch ~/continued'; echo "code $?"\n`);
      await terminal.shows(/^begun$/m);
      await terminal.press('C-c');
      await terminal.shows(/code 130/);
      expect(existsSync(join(homeOf(shell), 'continued'))).toBe(false);
    } finally {
      await terminal.close();
    }
  });

  test('a deadline, also for what ignores Ctrl-C', async () => {
    await atPrompt(shell);
    const { exitCode, stdout } = await run('--timeout', '1s', dev, 'echo on; sh -c "trap \\"\\" INT; sleep 34"');
    expect({ exitCode, stdout }).toEqual({ exitCode: 124, stdout: 'on\n' });
    await until(
      'it to be gone',
      async () => (await machineRun(fleet, shell, ['pgrep', '-f', '^sleep 34$'])).code === 1,
    );
  });

  test('what it leaves in the background does not hold it up', async () => {
    await atPrompt(shell);
    const { exitCode, stdout } = await run(dev, 'sleep 35 & echo up');
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringContaining('up\n') });
    await run(dev, 'kill %1');
  });

  test('a pane that is being looked through is none the worse for it', async () => {
    await atPrompt(shell);
    await machineRun(fleet, shell, ['tmux', 'copy-mode', '-t', '=dev:']);
    expect((await run(dev, 'echo through')).stdout).toBe('through\n');
    await machineRun(fleet, shell, ['tmux', 'copy-mode', '-t', '=dev:']);
    await azlin('send', dev, 'echo typed', '--keys', 'Enter');
    await until('it to be run', async () => /^typed$/m.test(await screenOf(shell)));
  });

  test('it is a job like others: logs and cancel know it', async () => {
    await atPrompt(shell);
    const running = run(dev, 'echo logged; sleep 36');
    const id = await until('the job to run', async () => {
      const { stdout } = await azlin('jobs', dev, '--all', '--format', 'json');
      const job = (JSON.parse(stdout) as { id: string; state: string; command: string }[]).find(({ command }) =>
        command.includes('sleep 36'),
      );
      return job?.state === 'running' ? job.id : undefined;
    });
    expect((await azlin('logs', id)).stdout).toBe('logged\n');
    expect((await azlin('cancel', id)).stdout).toBe(`Job ${id} on ${shell}: cancelled\n`);
    expect((await running).exitCode).toBe(143);
  });

  test('a command that ends the shell is lost, and says so; --create makes the session', async () => {
    const { exitCode, stderr } = await run('--create', `${shell}:brief`, 'exit 3');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 255,
      stderr: expect.stringContaining('its exit code is unknown'),
    });
    expect((await run(`${shell}:brief`, 'true')).stderr).toContain('No session named "brief"');
  });
});

describe('send and logs --screen', () => {
  test('text as it is, a line break is Enter, keys after it', async () => {
    await atPrompt('bash');
    await azlin('send', 'bash:dev', 'clear; cat >~/sent', '--keys', 'Enter');
    await until('cat to run', async () => (await machineRun(fleet, 'bash', ['pgrep', '-x', 'cat'])).code === 0);
    const text = "it's $HOME; `x` #{pane_id} é \\n;";
    await azlin('send', 'bash:dev', `${text}\nsecond;`, '--keys', 'Enter C-d');
    await until('it to arrive', () => readFileSync(join(homeOf('bash'), 'sent'), 'utf8').includes('second;\n'));
    expect(readFileSync(join(homeOf('bash'), 'sent'), 'utf8')).toBe(`${text}\nsecond;\n`);
  });

  test('a pane whose shell has ended is left alone', async () => {
    await azlin('ssh', 'bash', '--tmux-session', 'dead', '--detach');
    await machineRun(fleet, 'bash', ['tmux', 'set-option', '-g', 'remain-on-exit', 'on']);
    await azlin('send', 'bash:dead', 'exit', '--keys', 'Enter');
    await until(
      'it to end',
      async () =>
        (await machineRun(fleet, 'bash', ['tmux', 'display-message', '-p', '-t', '=dead:', '#{pane_dead}'])).stdout ===
        '1\n',
    );
    expect((await azlin('send', 'bash:dead', 'text')).stderr).toContain('the shell of its pane has ended');
    expect((await azlin('run', 'bash:dead', 'true')).stderr).toContain('busy: its shell has ended');
    expect((await machineRun(fleet, 'bash', ['tmux', 'list-sessions', '-F', '#S'])).stdout).toBe('dead\ndev\n');
    await machineRun(fleet, 'bash', ['tmux', 'set-option', '-g', 'remain-on-exit', 'off']);
    await azlin('disconnect', '--kill', 'bash:dead');
  });

  test('semicolons and dashes are text and keys like others', async () => {
    await atPrompt('bash');
    await azlin('send', 'bash:dev', '--keys', 'C-u x ; y ;');
    await until('them to be typed', async () => /x;y;$/.test((await screenOf('bash')).trimEnd()));
    await azlin('send', 'bash:dev', '--keys', 'C-c');
    await azlin('send', 'bash:dev', '--', '-x --keys');
    await until('it to be typed', async () => /-x --keys$/.test((await screenOf('bash')).trimEnd()));
    await azlin('send', 'bash:dev', '--keys', 'C-c');
  });

  test('a key that tmux does not know is an error, not text', async () => {
    const { exitCode, stderr } = await azlin('send', 'bash:dev', '--keys', 'Entr');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringMatching(/Unknown key "Entr"\nhint: for example Enter/),
    });
    expect((await azlin('send', 'bash:dev')).stderr).toContain('Nothing to type');
  });

  test('--lines gives history above the screen', async () => {
    await atPrompt('bash');
    await azlin('send', 'bash:dev', 'clear; seq 1 300', '--keys', 'Enter');
    await until('the end of it', async () => /^300$/m.test(await screenOf('bash')));
    expect((await azlin('logs', '--screen', 'bash:dev')).stdout).not.toMatch(/^200$/m);
    expect((await azlin('logs', '--screen', '--lines', '200', 'bash:dev')).stdout).toMatch(/^200$/m);
  });
});
