import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { RunScript } from '../../src/domain/remote-script.ts';
import { type TmuxServer, tmuxServer } from '../../src/tmux/server.ts';
import { localRunner } from '../support/local-script.ts';
import { until } from '../support/until.ts';

let directory = '';
let environment: Record<string, string> = {};
let server: TmuxServer;
const { signal } = new AbortController();

const run = ([program = '', ...args]: readonly string[]) =>
  new Promise<{ readonly stdout: string }>((resolve) => {
    execFile(program, args, { env: environment, cwd: directory }, (_error, stdout) => resolve({ stdout }));
  });
const tmux = async (...args: string[]) => (await run(['tmux', '-u', ...args])).stdout;

// No UTF-8 locale: what a login over SSH often has.
beforeEach(() => {
  directory = mkdtempSync('/tmp/azlin-tmux-');
  environment = { PATH: process.env['PATH'] ?? '', HOME: directory, TMUX_TMPDIR: directory, LC_ALL: 'C' };
  server = tmuxServer(
    localRunner(() => ({ environment, cwd: directory })),
    'vm',
  );
});
afterEach(async () => {
  await tmux('kill-server');
  rmSync(directory, { recursive: true, force: true });
});

describe('tmuxServer', () => {
  test('no server, and a server that is gone, mean no sessions', async () => {
    expect(await server.list(signal)).toEqual([]);
    await server.ensure('a', 'alice@laptop', signal);
    await tmux('kill-server');
    expect(await server.list(signal)).toEqual([]);
  });

  test('a server that stays without sessions has none', async () => {
    await tmux('start-server', ';', 'set-option', '-s', 'exit-empty', 'off', ';', 'new-session', '-d', '-s', 'a');
    await tmux('kill-session', '-t', 'a');
    expect(await tmux('show-options', '-s', 'exit-empty')).toMatch(/off/);
    expect(await server.list(signal)).toEqual([]);
  });

  test.each(['list-sessions', 'new-session'])(
    'a server that is just ending at %s is asked once more',
    async (command) => {
      // tmux itself says so only now and then; this one does it the first time, and is the real one from then on.
      const { stdout: real } = await run(['sh', '-c', 'command -v tmux']);
      const script = `#!/bin/sh
case "$*" in *${command}*) mkdir "$TMUX_TMPDIR/once" 2>/dev/null && { echo 'server exited unexpectedly' >&2; exit 1; } ;; esac
exec ${real.trim()} "$@"
`;
      mkdirSync(`${directory}/bin`);
      writeFileSync(`${directory}/bin/tmux`, script, { mode: 0o755 });
      environment = { ...environment, PATH: `${directory}/bin:${environment['PATH']}` };
      expect(await server.ensure('dev', 'alice@laptop', signal)).toEqual({ created: true });
      expect((await server.list(signal)).map(({ name }) => name)).toEqual(['dev']);
    },
  );

  test('lists what there is', async () => {
    await server.ensure('dev', 'alice@laptop', signal);
    await tmux('new-window', '-t', '=dev:');
    expect(await server.list(signal)).toEqual([
      {
        id: '$0',
        name: 'dev',
        clients: [],
        group: 'dev',
        expiresAt: null,
        idleTtl: null,
        owner: 'alice@laptop',
        idle: expect.any(Number),
        friendlyName: null,
        windows: 2,
        attached: 0,
        createdAt: expect.any(Number),
        activityAt: expect.any(Number),
      },
    ]);
  });

  test('ensure makes it once, in the home directory', async () => {
    expect(await server.ensure('dev', 'alice@laptop', signal)).toEqual({ created: true });
    expect(await server.ensure('dev', 'alice@laptop', signal)).toEqual({ created: false });
    // Its shell goes there a moment after it was made.
    const path = () => tmux('display-message', '-p', '-t', '=dev:', '#{pane_current_path}');
    await until('the directory', async () => (await path()) === `${directory}\n`);
  });

  test.each(['größe 東京', 'a|b', "it's", '*', 'dev*', '{x}', '#S', '#(touch pwned)', '!x', '~', 'a b  c', '+1'])(
    '%s is an exact name',
    async (name) => {
      for (const other of ['dev', 'develop']) await server.ensure(other, 'alice@laptop', signal);
      expect(await server.ensure(name, 'alice@laptop', signal)).toEqual({ created: true });
      expect((await server.list(signal)).map((session) => session.name)).toContain(name);
      await server.setFriendlyName(name, `${name}!`, signal);
      expect((await server.list(signal)).find((session) => session.friendlyName === `${name}!`)?.name).toBe(name);
      await server.detachClients(name, { by: 'me', kill: true }, signal);
      expect((await server.list(signal)).map((session) => session.name).sort()).toEqual(['dev', 'develop']);
      expect((await run(['ls'])).stdout).not.toContain('pwned');
    },
  );

  test('a name that tmux would change makes nothing', async () => {
    const made = server.ensure('a\\b', 'alice@laptop', signal);
    // tmux 3.1 takes it as it is.
    if (/ (2|3\.[01])/.test(await tmux('-V'))) return void (await made);
    await expect(made).rejects.toMatchObject({ code: 'usage' });
    expect(await server.list(signal)).toEqual([]);
  });

  test('prefixes are other sessions', async () => {
    await server.ensure('develop', 'alice@laptop', signal);
    for (const act of [
      server.detachClients('dev', { by: 'me', kill: true }, signal),
      server.detachClients('dev', { by: 'me', kill: false }, signal),
      server.setFriendlyName('dev', 'x', signal),
    ])
      await expect(act).rejects.toMatchObject({
        code: 'session-not-found',
        candidates: { items: [{ identifier: 'vm:develop' }] },
      });
    expect(await server.list(signal)).toHaveLength(1);
  });

  test('detaching where nobody is attached is no failure', async () => {
    await server.ensure('dev', 'alice@laptop', signal);
    expect(await server.detachClients('dev', { by: 'me', kill: false }, signal)).toBe(0);
  });

  test('a friendly name is removed', async () => {
    await server.ensure('dev', 'alice@laptop', signal);
    await server.setFriendlyName('dev', 'x', signal);
    await server.setFriendlyName('x', null, signal);
    expect(await server.list(signal)).toMatchObject([{ friendlyName: null }]);
  });

  test('no tmux', async () => {
    environment = { ...environment, PATH: `${directory}/bin` };
    mkdirSync(`${directory}/bin`);
    for (const name of ['sh', 'head', 'sed', 'tail', 'env'])
      symlinkSync(
        (await run(['/bin/sh', '-c', `PATH=/usr/bin:/bin; command -v ${name}`])).stdout.trim(),
        `${directory}/bin/${name}`,
      );
    const bare = { environment: { ...environment, SHELL: '/nonexistent' }, cwd: directory, shell: ['/bin/sh'] };
    await expect(
      tmuxServer(
        localRunner(() => bare),
        'vm',
      ).list(signal),
    ).rejects.toMatchObject({ code: 'tmux-missing' });
  });

  test('a server that refuses is said, not taken for empty', async () => {
    const refused: RunScript = async () => ({
      code: 0,
      stdout: 'failed\nprotocol version mismatch (client 8, server 7)\n',
    });
    await expect(tmuxServer(refused, 'vm').list(signal)).rejects.toMatchObject({
      code: 'tmux-failed',
      message: expect.stringContaining('protocol version mismatch'),
    });
  });
});
