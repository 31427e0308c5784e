import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type TmuxServer, tmuxServer } from '../../src/tmux/server.ts';
import { localRunner } from '../support/local-script.ts';

/*
 * What older and newer tmux do otherwise, by stand-ins that behave like them in what matters: everything else is the real one. npm run soak:tmux has
 * the real ones, where Debian's archive can be reached.
 */

const { signal } = new AbortController();
const REAL = execFileSync('sh', ['-c', 'command -v tmux'], { encoding: 'utf8' }).trim();
let directory = '';
let environment: Record<string, string> = {};
let server: TmuxServer;

beforeEach(() => {
  directory = mkdtempSync('/tmp/azlin-tmuxes-');
  environment = {
    PATH: `${directory}/bin:${process.env['PATH']}`,
    HOME: directory,
    TMUX_TMPDIR: directory,
    SHELL: '/bin/sh',
  };
  mkdirSync(`${directory}/bin`);
  server = tmuxServer(
    localRunner(() => ({ environment, cwd: directory })),
    'vm',
  );
});
afterEach(() => {
  // It may have ended.
  spawnSync(REAL, ['kill-server'], { env: { ...environment, TMUX: '' }, stdio: 'ignore' });
  rmSync(directory, { recursive: true, force: true });
});

const real = (...args: string[]) =>
  execFileSync(REAL, ['-u', ...args], { env: { ...environment, TMUX: '' }, encoding: 'utf8' });
const standIn = (script: string) =>
  writeFileSync(`${directory}/bin/tmux`, `#!/bin/sh\n${script}\nexec ${REAL} "$@"\n`, { mode: 0o755 });

/** A tmux that says it is of a version, and does not know some formats. */
const oldTmux = (version: string, unknown: readonly string[]) =>
  standIn(`[ "$1" != -V ] || { echo "tmux ${version}"; exit 0; }
for arg; do shift; set -- "$@" "$(printf %s "$arg" | sed ${unknown.map((name) => `-e 's/#{${name}}//g'`).join(' ')})"; done`);

describe('older than 2.6', () => {
  test.each([
    ['1.8', ['version', 'session_id', 'session_activity', 'pid']],
    ['2.1', ['version', 'pid']],
    ['2.3', ['version']],
    ['2.5', []],
  ] as const)('tmux %s is refused by its version, sessions or none', async (version, unknown) => {
    oldTmux(version, unknown);
    if (version === '2.5')
      standIn(`[ "$1" != -V ] || { echo "tmux 2.5"; exit 0; }
for arg; do shift; set -- "$@" "$(printf %s "$arg" | sed 's/#{version}/2.5/g')"; done`);
    const refusal = { code: 'tmux-failed', message: expect.stringContaining(`tmux ${version} on "vm" is too old`) };
    await expect(server.list(signal)).rejects.toMatchObject(refusal);
    real('new-session', '-d', '-s', 'dev');
    await expect(server.list(signal)).rejects.toMatchObject(refusal);
    await expect(server.ensure('dev', 'alice@laptop', signal)).rejects.toMatchObject(refusal);
    await expect(server.send('dev', { text: 'x', keys: [] }, signal)).rejects.toMatchObject(refusal);
  });

  test.each(['2.6', '2.9a', '3.0', '3.7c', 'next-3.9', 'openbsd-7.7'])('tmux %s is not', async (version) => {
    standIn(`[ "$1" != -V ] || { echo "tmux ${version}"; exit 0; }
for arg; do shift; set -- "$@" "$(printf %s "$arg" | sed 's/#{version}/${version.replace('openbsd-', '')}/g')"; done`);
    expect(await server.list(signal)).toEqual([]);
    expect(await server.ensure('dev', 'alice@laptop', signal)).toEqual({ created: true });
    expect(await server.list(signal)).toMatchObject([{ name: 'dev' }]);
  });
});

describe('2.7', () => {
  test('rename-session says that it failed, and did not', async () => {
    standIn(`case "$*" in *rename-session*) ${REAL} "$@"; echo 'no current client' >&2; exit 1 ;; esac`);
    await server.ensure('dev', 'alice@laptop', signal);
    await server.rename('dev', 'other', signal);
    expect(await server.list(signal)).toMatchObject([{ name: 'other' }]);
  });
});

describe('3.7', () => {
  /** Names may hold what identifiers cannot say; here they are given in the environment. */
  const named = (name: string) =>
    standIn(`for arg; do shift; set -- "$@" "$(printf %s "$arg" | sed "s/#{session_name}/${name}/g")"; done`);

  test('a name with colons and dots is that name, and the session is reached by its id', async () => {
    real('new-session', '-d', '-s', 'odd');
    named('host:1.x');
    const [session] = await server.list(signal);
    expect(session).toMatchObject({ id: '$0', name: 'host:1.x', group: 'host:1.x' });
    await server.setFriendlyName('$0', 'mine', signal);
    expect(await server.list(signal)).toMatchObject([{ id: '$0', friendlyName: 'mine' }]);
    await expect(server.setFriendlyName('$7', 'x', signal)).rejects.toMatchObject({ code: 'session-not-found' });
  });

  test('control characters are pasted as they are', async () => {
    const flags = `${directory}/flags`;
    standIn(`case "$*" in *paste-buffer*) echo "$*" >>${flags}; set -- "\${1}" "\${2}" -F -t "$5" "$6" "$7" "$(printf %s "$8" | sed 's/ -S / /')" ;; esac
for arg; do shift; set -- "$@" "$(printf %s "$arg" | sed 's/#{version}/3.7/g')"; done`);
    real('new-session', '-d', '-s', 'dev');
    await server.send('dev', { text: 'x\u0003', keys: [] }, signal);
    expect(execFileSync('cat', [flags], { encoding: 'utf8' })).toMatch(/paste-buffer -S -d/);
  });
});

describe('a session that is not there a moment later', () => {
  test.each([
    ['destroy-unattached on', 'set -g destroy-unattached on', /"dev" on "vm" ended at once: destroy-unattached is on/],
    [
      'a default-command that is missing',
      "set -g default-command '/nosuch'",
      /ended at once: the command in default-command ended/,
    ],
    [
      'a default-command that ends',
      "set -g default-command 'sleep 0.1'",
      /ended at once: the command in default-command ended/,
    ],
    [
      'a hook that renames',
      "set-hook -g session-created 'rename-session hooked'",
      /A tmux hook .* renamed the new session "dev" to "hooked"/,
    ],
  ])('%s', async (_what, line, message) => {
    // The server stays when its last session has ended.
    writeFileSync(`${directory}/.tmux.conf`, `set -s exit-empty off\n${line}\n`);
    await expect(server.ensure('dev', 'alice@laptop', signal)).rejects.toMatchObject({
      message: expect.stringMatching(message),
    });
    expect(await server.list(signal)).toEqual([]);
  });

  test('where the server ends with it', async () => {
    writeFileSync(`${directory}/.tmux.conf`, "set -g default-command '/nosuch'\n");
    await expect(server.ensure('dev', 'alice@laptop', signal)).rejects.toMatchObject({
      message: expect.stringMatching(/default-command/),
    });
  });

  test('a default-command that goes on is none', async () => {
    writeFileSync(`${directory}/.tmux.conf`, "set -g default-command 'exec sh'\n");
    expect(await server.ensure('dev', 'alice@laptop', signal)).toEqual({ created: true });
  });
});

describe('where tmux is', () => {
  test('only the PATH of login shells has it', async () => {
    const bin = `${directory}/few`;
    mkdirSync(bin);
    for (const name of ['sh', 'sed', 'tail', 'env', 'head', 'date', 'cat', 'tr'])
      writeFileSync(`${bin}/${name}`, `#!/bin/sh\nexec /usr/bin/${name} "$@"\n`, { mode: 0o755 });
    environment = { ...environment, PATH: bin };
    writeFileSync(`${directory}/.profile`, `PATH=${bin}:/usr/local/bin:/usr/bin:/bin\n`);
    expect(await server.ensure('dev', 'alice@laptop', signal)).toEqual({ created: true });
  });

  test('a TMUX in the environment leads nowhere else', async () => {
    environment = { ...environment, TMUX: `${directory}/nowhere,1,0`, TMUX_PANE: '%9' };
    await server.ensure('dev', 'alice@laptop', signal);
    expect(await server.list(signal)).toMatchObject([{ name: 'dev' }]);
    expect(real('list-sessions', '-F', '#{session_name}')).toBe('dev\n');
  });

  test('what a preloaded library prints is no session, and no name of one', async () => {
    environment = { ...environment, LD_PRELOAD: '/nosuch.so' };
    expect(await server.list(signal)).toEqual([]);
    expect(await server.ensure('dev', 'alice@laptop', signal)).toEqual({ created: true });
    expect(await server.list(signal)).toMatchObject([{ name: 'dev' }]);
    await server.rename('dev', 'other', signal);
    expect(await server.list(signal)).toMatchObject([{ name: 'other' }]);
  });
});
