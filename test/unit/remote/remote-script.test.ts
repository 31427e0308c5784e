import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { compact, include } from '../../../src/remote/include.ts';
import { commandScript, remoteScript, SCRIPTS } from '../../../src/remote/remote-script.ts';
import { shellFile } from '../../../src/remote/shell-files.ts';
import { VALUES } from '../../../src/remote/values.ts';
import { loginLine, payloadOf } from '../../../src/transport/frame.ts';
import { runLocally } from '../../support/local-script.ts';
import { hasTool } from '../../support/tools.ts';

const FOLDER = fileURLToPath(new URL('../../../src/remote/', import.meta.url));
const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.sh'));
const local = { environment: { PATH: '/usr/bin:/bin', HOME: '/nonexistent' }, cwd: '/' };

describe('the scripts', () => {
  test('are all there, and all of them are used', () => {
    const scripts = files.filter((name) => !name.startsWith('parts/')).map((name) => name.replace(/\.sh$/, ''));
    expect(scripts.sort()).toEqual([...SCRIPTS].sort());
    const used = files.flatMap((name) => [
      ...readFileSync(FOLDER + name, 'utf8').matchAll(/^\. \.\/(parts\/[\w/-]+\.sh)$/gm),
    ]);
    const parts = files.filter((name) => name.startsWith('parts/'));
    expect(parts.filter((name) => !used.some(([, part]) => part === name))).toEqual([]);
  });

  (hasTool('shellcheck') ? test : test.skip)('have nothing that shellcheck minds', () => {
    const args = SCRIPTS.map((name) => `${FOLDER}${name}.sh`);
    expect(execFileSync('shellcheck', args, { cwd: FOLDER, encoding: 'utf8' })).toBe('');
  });

  test.each(['dash', 'bash', 'busybox sh', 'zsh'].filter((shell) => hasTool(shell.split(' ')[0] ?? '')))(
    'are read by %s',
    (shell) => {
      const [program = '', ...args] = shell.split(' ');
      for (const name of SCRIPTS)
        execFileSync(program, [...args, '-n'], { input: shellFile(name), stdio: ['pipe', 'pipe', 'pipe'] });
    },
  );

  // dash refuses `kill -0 -- -1`, and busybox every group behind `--`. sudo runs a kill of its own.
  test('signal process groups as every shell reads it', () => {
    const kills = files.flatMap((name) => readFileSync(FOLDER + name, 'utf8').match(/\bkill .*/g) ?? []);
    expect(kills.filter((line) => / -- /.test(line.replace(/sudo -n kill[^;|]*/, '')))).toEqual([]);
  });

  // The shell itself says that a file cannot be opened, and what stands further left is for that, too.
  test('say nothing of a process that has ended', () => {
    const all = files.flatMap((name) => readFileSync(FOLDER + name, 'utf8').match(/^.*<"?\/proc\S* 2>.*$/gm) ?? []);
    expect(all).toEqual([]);
  });

  test('name every value that they get', () => {
    const all = files.map((name) => readFileSync(FOLDER + name, 'utf8')).join('\n');
    expect(VALUES.filter((name) => !new RegExp(`\\bazlin_${name}\\b`).test(all))).toEqual([]);
  });
});

test('the line for the login shell has nothing that shells read differently', () => {
  const line = loginLine({ start: 'a0'.repeat(16), output: 'o', errors: 'e' });
  expect(line).not.toMatch(/[\n!\\]/);
  expect(line.replace(/^exec sh -c '/, '').replace(/'$/, '')).not.toContain("'");
  expect(line.length).toBeLessThan(250);
});

describe('values', () => {
  test.each(["it's", '"', '$HOME`id`', 'a\\b', 'line\nline\n', '', 'é ☃', '-n', '!!'])(
    '%j arrives as it is',
    async (text) => {
      const { stdout } = await runLocally(commandScript(['printf', '%s', text]), local);
      expect(stdout.toString()).toBe(text);
    },
  );

  test('bytes in any encoding', async () => {
    const bytes = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1));
    const { text } = remoteScript('command', { text: bytes, argv: 'printf %s "$azlin_text"' });
    expect((await runLocally({ text }, local)).stdout.equals(bytes)).toBe(true);
  });

  test('a megabyte', async () => {
    const long = 'x'.repeat(1_000_000);
    // No program could take it as an argument.
    const { text } = remoteScript('command', { text: long, argv: '2>&2; printf %s "$azlin_text"' });
    expect((await runLocally({ text }, local)).stdout.length).toBe(1_000_000);
  });
});

test('a script that is cut off half-way runs nothing', async () => {
  const path = join(mkdtempSync('/tmp/azlin-cut-'), 'ran');
  const script = { text: Buffer.from(`echo x >>${path}\n: ${'and more '.repeat(100)}`) };
  const { length } = payloadOf(script, { start: 's', output: 'o', errors: 'e' }, undefined);
  for (let cut = 1; cut < length; cut += 37) await runLocally(script, local, cut);
  expect(existsSync(path)).toBe(false);
  await runLocally(script, local);
  expect(existsSync(path)).toBe(true);
  rmSync(dirname(path), { recursive: true });
}, 60_000);

describe('a shell at its prompt', () => {
  const read = (path: string) => readFileSync(join(FOLDER, path), 'utf8');
  // Process 7 is in the foreground of its terminal at each look that `looks` counts; the terminal is as a prompt has it.
  const atPrompt = (looks: number) =>
    include('./looks.sh', (path) =>
      path === './looks.sh'
        ? `. ./parts/jobs/prompt.sh
looks=0
azlin_read_stat() { looks=$((looks + 1)); azlin_stat='S 1 7 7 34816 7'; [ "$looks" -le ${looks} ]; }
stty() { echo '-icrnl x -icanon x -echo'; }
azlin_at_prompt 7 /dev/null && echo yes || echo no`
        : read(path),
    );

  test.each(['dash', 'bash', 'busybox sh'].filter((shell) => hasTool(shell.split(' ')[0] ?? '')))(
    'is not a subshell of the prompt that has ended by the time its terminal is looked at: %s',
    (shell) => {
      const [program = '', ...args] = shell.split(' ');
      const said = (looks: number) => execFileSync(program, [...args, '-c', atPrompt(looks)], { encoding: 'utf8' });
      expect([said(2), said(1), said(0)]).toEqual(['yes\n', 'no\n', 'no\n']);
    },
  );
});

describe('how a script is made', () => {
  const read = (files: Readonly<Record<string, string>>) => (path: string) => files[path] ?? '';

  test('parts stand where they are named, each once', () => {
    const text = include(
      './a.sh',
      read({ './a.sh': '. ./parts/p.sh\none\n. ./parts/p.sh\ntwo', './parts/p.sh': 'part' }),
    );
    expect(text).toBe('part\none\ntwo');
  });

  test('what is for people is left out, and names of its own are short ones', () => {
    const text = '# Why.\n\nazlin_long_name=1\n  echo "$azlin_long_name" "$azlin_kept" azlin-x # azlin_* stays\n';
    expect(compact(text, ['kept'])).toBe('_q0=1\necho "$_q0" "$azlin_kept" azlin-x # azlin_* stays');
  });
});

describe('what a login shell does before', () => {
  const bash = (before: string) => ({ ...local, shell: ['bash', '-c', `${before}\neval "$2"`, 'bash'] });

  test.each([
    ['prints', 'echo noise; echo noise >&2'],
    ['traces', 'set -x'],
    ['repeats what it is given', 'set -v; echo "$2"; echo "$2" >&2'],
    ['reads lines', 'read -r x; read -r y; read -r z'],
    ['sets odd variables', 'IFS=a; export IFS TMUX=/nowhere ENV=/nowhere POSIXLY_CORRECT=1'],
  ])('a shell that %s', async (_what, before) => {
    const script = commandScript(['sh', '-c', 'echo out; echo err >&2; exit 3']);
    expect(await runLocally(script, bash(before))).toMatchObject({
      code: 3,
      stdout: Buffer.from('out\n'),
      stderr: 'err\n',
      begun: true,
    });
  });

  test.each([
    ['sends its output elsewhere', 'exec >/dev/null', 253],
    ['reads all there is', 'cat >/dev/null', 251],
  ])('a shell that %s runs nothing, and its exit code says why', async (_what, before, code) => {
    const { code: ended, begun } = await runLocally(commandScript(['true']), bash(before), Infinity);
    expect({ ended, begun }).toEqual({ ended: code, begun: false });
  });
});
