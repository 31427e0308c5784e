import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { execScript } from '../../src/tmux/exec-script.ts';
import { plainWord } from '../../src/tmux/plain-word.ts';
import { runLocally } from '../support/local-script.ts';
import { until } from '../support/until.ts';

/*
 * The context of a session is read by the shell itself where that is easy, and by awk where it is not: both must come to the same.
 */

const directory = mkdtempSync('/tmp/azlin-context-');
const environment = {
  PATH: '/usr/bin:/bin',
  HOME: directory,
  TMUX_TMPDIR: directory,
  SHELL: '/bin/sh',
  LANG: 'C.UTF-8',
};
const tmux = (...args: readonly string[]) =>
  execFileSync('tmux', ['-u', '-f', '/dev/null', ...args], { env: environment });

beforeAll(() => {
  tmux('new-session', '-d', '-s', 'dev', '-c', directory, 'sleep 1000');
});
afterAll(() => {
  tmux('kill-server');
  rmSync(directory, { recursive: true, force: true });
});

const REQUEST = {
  session: 'dev',
  alone: false,
  owner: undefined,
  run: { kind: 'command', text: 'env -0; pwd', title: '' },
  stdin: false,
  timeout: undefined,
  killAfter: 5_000,
  agent: false,
  cwd: undefined,
  variables: Buffer.alloc(0),
  shell: undefined,
} as const;

/** What a command sees, by one way of reading and by the other. */
async function seen(shell: string, byAwk: boolean): Promise<string> {
  const text = execScript(REQUEST, '').text.toString('latin1');
  // The way for values with line breaks, whatever there is to read.
  const script = byAwk ? text.replace(/^(_q\w+) "\$(_q\w+)" \|\| (_q\w+)=$/m, '$3=') : text;
  if (byAwk === (script === text)) throw new Error('the script has changed');
  const local = { environment, cwd: directory, shell: shell.split(' ') };
  const { stdout } = await runLocally({ text: Buffer.from(script, 'latin1') }, local);
  // Process ids differ.
  const [, ...rest] = stdout.toString('latin1').split('\n');
  return rest.join('\n').split('\0').sort().join('\0');
}

async function bothWays(variables: Readonly<Record<string, string>>, shell = 'sh'): Promise<string> {
  for (const [name, value] of Object.entries(variables)) tmux('set-environment', '-t', '=dev', name, plainWord(value));
  try {
    const easy = await seen(shell, false);
    expect(easy).toBe(await seen(shell, true));
    return easy;
  } finally {
    for (const name of Object.keys(variables)) tmux('set-environment', '-t', '=dev', '-u', name);
  }
}

const NASTY: Readonly<Record<string, string>> = {
  plain: 'value',
  empty: '',
  quotes: `a"b'c`,
  backslash: 'ends with \\',
  backslashes: '\\\\"\\',
  dollar: '$HOME ${HOME} $(touch /tmp/azlin-pwned) `touch /tmp/azlin-pwned`',
  glob: '* ? [a-z] ~',
  lines: 'one\ntwo\n\nfour',
  forged: 'x\nexport FORGED=1',
  closing: 'x"; export VALUE;\nFORGED="y',
  ending: 'a\\\nFORGED="x"; export FORGED;',
  path: 'azlin-cwd:/tmp',
  pathLine: 'x\nazlin-cwd:/tmp',
  unset: 'x\nunset HOME;',
  spaces: '  a  \t b  ',
  unicode: 'é — 日本',
  semicolons: ';;; # no comment',
  carriage: 'a\r\nb\r',
};

describe('the context of a session, read either way', () => {
  test.each(Object.entries(NASTY))('%s', async (_name, value) => {
    const out = await bothWays({ VALUE: value, AFTER: 'after' });
    expect(Buffer.from(out, 'latin1').toString()).toContain(`VALUE=${value}`);
    expect(out).toContain('AFTER=after');
    expect(out).not.toMatch(/(^|\0)FORGED=/);
  });

  test('whatever the values are', async () => {
    const piece = fc.constantFrom(
      'a',
      '"',
      '\\',
      '$',
      '`',
      '\n',
      ' ',
      "'",
      '; export B;',
      '="',
      'azlin-cwd:',
      'unset X;',
      'é',
      '*',
      '\t',
    );
    const value = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
    await fc.assert(
      fc.asyncProperty(value, value, async (a, b) => {
        await bothWays({ A: a, B: b });
      }),
      { numRuns: 60 },
    );
  });

  test.each(['dash', 'bash --posix', 'busybox sh'])('in %s, if it is there', async (shell) => {
    if (execFileSync('sh', ['-c', `command -v ${shell.split(' ')[0]} || true`]).toString() === '') return;
    expect(await bothWays({ VALUE: NASTY['dollar'] ?? '', OTHER: 'x' }, shell)).toContain('OTHER=x');
    await bothWays({ VALUE: NASTY['closing'] ?? '' }, shell);
  });

  test('names that no shell takes, and what is taken out of the environment', async () => {
    tmux('set-environment', '-t', '=dev', '-r', 'LANG');
    const out = await bothWays({ 'BASH_FUNC_x%%': '() { echo; }', 'a.b': 'c', FINE: 'fine', IFS: 'x' });
    tmux('set-environment', '-t', '=dev', '-u', 'LANG');
    expect(out).toContain('FINE=fine');
    expect(out).not.toMatch(/LANG=|a\.b=|\0IFS=/);
  });

  test.each(['a\nb ', 'ends\n', 'a\n\nb\n\n', 'x\nazlin-end', 'x\nazlin-end\n', 'x\nazlin-cwd:/tmp'])(
    'in the directory %j',
    async (name) => {
      const odd = join(directory, name);
      mkdirSync(odd, { recursive: true });
      tmux('respawn-pane', '-k', '-t', '=dev:', '-c', odd, 'sleep 1000');
      // It goes there a moment after it was made.
      const pid = tmux('display-message', '-p', '-t', '=dev:', '#{pane_pid}').toString().trim();
      await until('the directory', () => readlinkSync(`/proc/${pid}/cwd`) === odd);
      expect(await bothWays({ X: 'x' })).toContain(`${odd}\n`);
      tmux('respawn-pane', '-k', '-t', '=dev:', '-c', directory, 'sleep 1000');
    },
  );
});
