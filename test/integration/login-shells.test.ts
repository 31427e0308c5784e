import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { canRunDropbear, startDropbear } from '../support/dropbear.ts';
import { canHaveUsers, type FarSide, startFarSide } from '../support/far-side.ts';
import type { RunOptions } from '../support/fleet.ts';
import { type Lab, startLab } from '../support/lab.ts';
import { hasTool } from '../support/tools.ts';
import { warmAzlin as azlinOn } from '../support/warm-azlin.ts';

/*
 * What `exec` promises whatever the login shell of the VM is, and on a server that is not OpenSSH; exec-contract.ts is the whole of it, with bash.
 */

interface Place {
  readonly name: string;
  /** The directory of the session. */
  readonly home: string;
}

function promises(place: () => Place, lab: () => Lab, isWhole: boolean): void {
  describe.each(['--direct', '--durable'])('%s', (mode) => {
    let environment: Readonly<Record<string, string>>;
    beforeAll(() => {
      environment = lab().environment();
    });
    const azlin = (args: readonly string[], options?: RunOptions) => azlinOn({ environment }, args, options);
    const at = () => `${place().name}:dev`;
    /** Words: they arrive as they were, whatever the shell makes of quotes. */
    const words = (...command: string[]) => azlin(['exec', mode, at(), ...command]);
    const sh = (text: string, ...options: string[]) => azlin(['exec', mode, ...options, at(), 'sh', '-c', text]);

    test('streams apart, byte for byte, and the exit code', async () => {
      expect(await sh('printf out; printf err >&2; exit 42')).toMatchObject({
        exitCode: 42,
        stdout: 'out',
        stderr: 'err',
      });
      expect(await words('true')).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
    });

    test('one argument is for the login shell', async () => {
      expect(await azlin(['exec', mode, at(), 'echo one; echo two'])).toMatchObject({
        exitCode: 0,
        stdout: 'one\ntwo\n',
        stderr: '',
      });
    });

    test('words arrive as they were', async () => {
      const awkward = ["it's", '$HOME', '"x"', 'a\\b', '\\', 'new\nline', '*', '', 'é ü', '-n', '!x', '`id`', "'", '~'];
      const { stdout } = await words('printf', '<%s>', ...awkward);
      expect(stdout).toBe(awkward.map((word) => `<${word}>`).join(''));
    });

    test('signals and timeouts', async () => {
      expect((await sh('kill -TERM $$')).exitCode).toBe(143);
      const result = join(lab().directory, `result-${place().name}${mode}.json`);
      const late = await sh('echo on; sleep 30 & wait; sleep 30', '--timeout', '1s', '--result', result);
      expect(late).toMatchObject({ exitCode: 124, stdout: 'on\n' });
      expect(JSON.parse(readFileSync(result, 'utf8'))).toMatchObject({ outcome: 'timed-out' });
    });

    test('a script, its line numbers, its empty standard input', async () => {
      const input = 'cat\necho "line"\nnosuch-program\nread -r x || echo "none <$x>"\nexit 5\n';
      const script = await azlin(['exec', mode, at()], { input });
      expect(script).toMatchObject({ exitCode: 5, stdout: 'line\nnone <>\n' });
      expect(script.stderr).toMatch(/\b3\b.*nosuch-program/);
      const stopped = await azlin(['exec', mode, '--errexit', at()], { input: 'echo a\nfalse | true\necho b\n' });
      expect(stopped).toMatchObject({ exitCode: 1, stdout: 'a\n' });
    });

    test("the session's environment and directory, --env, --cwd", async () => {
      await words('tmux', 'set-environment', 'FROM_SESSION', "it's\ntwo lines");
      const line = 'printf "%s|%s|" "$FROM_SESSION" "$GIVEN"; pwd; tmux display-message -p "#{session_name}"';
      const { stdout } = await sh(line, '--env', "GIVEN=it's", '--cwd', '/usr/lib');
      expect(stdout).toBe("it's\ntwo lines|it's|/usr/lib\ndev\n");
      expect((await words('pwd')).stdout).toBe(`${place().home}\n`);
    });

    // The login shell has no part in these.
    if (!isWhole) return;

    test('a script and a command of a megabyte', async () => {
      const script = `true ${'x'.repeat(1_000_000)}\necho "it ran"\n`;
      expect(await azlin(['exec', mode, at()], { input: script })).toMatchObject({ exitCode: 0, stdout: 'it ran\n' });
      // This machine takes no argument of more than 128 KiB.
      const many = Array.from({ length: 10 }, () => 'x'.repeat(100_000));
      const { exitCode, stdout } = await words('sh', '-c', 'echo $#', 'sh', ...many);
      // The program that gets them takes no more than 128 KiB each, and some MiB of all.
      expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '10\n' });
    });

    test('bytes that are no text', async () => {
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7 + (index >> 8)) & 255));
      const { bytes: came } = await azlin(['exec', mode, '--stdin', at(), 'cat'], { input: bytes });
      expect(came.equals(bytes)).toBe(true);
      const script = Buffer.from("printf '%s' 'caf\xe9'\n", 'latin1');
      expect((await azlin(['exec', mode, at()], { input: script })).bytes).toEqual(Buffer.from('caf\xe9', 'latin1'));
    });

    test('a NUL byte in a script is named, and nothing runs', async () => {
      const { exitCode, stderr } = await azlin(['exec', mode, at()], {
        input: Buffer.from('touch ~/nul\n', 'utf16le'),
      });
      expect({ exitCode, stderr }).toEqual({
        exitCode: 255,
        stderr: expect.stringMatching(/NUL byte in line 1.*\n.*UTF-16/),
      });
      expect(existsSync(join(place().home, 'nul'))).toBe(false);
    });

    test('what is not there is said, and nothing runs', async () => {
      const missing = await azlin(['exec', mode, `${place().name}:nosuch`, 'touch ~/ran']);
      expect(missing).toMatchObject({ exitCode: 255, stderr: expect.stringContaining('No session named "nosuch"') });
      expect(existsSync(join(place().home, 'ran'))).toBe(false);
    });
  });

  test('run, list, send, disconnect', async () => {
    const azlin = (...args: string[]) => azlinOn({ environment: lab().environment() }, args);
    const { name } = place();
    const bash = await azlin('exec', '--create', `${name}:live`, 'true');
    expect(bash.exitCode).toBe(0);
    // `run` needs bash or zsh at the prompt, whatever the login shell is.
    await azlin('send', `${name}:live`, 'exec bash --norc', '--keys', 'Enter');
    expect(await azlin('run', `${name}:live`, 'cd /usr; pwd')).toMatchObject({ exitCode: 0, stdout: '/usr\n' });
    expect((await azlin('list', '--host', name)).stdout).toMatch(/\bdev\b[\s\S]*\blive\b/);
    expect((await azlin('disconnect', '--kill', `${name}:live`)).exitCode).toBe(0);
  });
}

/** With bash, exec-contract.ts has all of it. */
const SHELLS = ['zsh', 'fish', 'tcsh', 'elvish'].filter(hasTool);
const withUsers = canHaveUsers();
if (!withUsers) process.stderr.write('Not checked: only root can give a VM users of its own\n');

(withUsers ? describe : describe.skip).each(SHELLS)('the login shell is %s', (shell) => {
  let lab: Lab;
  let vm: FarSide;
  beforeAll(async () => {
    lab = await startLab();
    const path = execFileSync('sh', ['-c', `command -v ${shell}`], { encoding: 'utf8' }).trim();
    vm = await startFarSide(lab, { name: shell, shell: path });
  }, 60_000);
  afterAll(() => {
    vm.stop();
    lab.close();
  });
  promises(
    () => ({ name: shell, home: vm.home }),
    () => lab,
    shell === SHELLS[0],
  );
});

(canRunDropbear() ? describe : describe.skip)('on dropbear', () => {
  let lab: Lab;
  let server: Awaited<ReturnType<typeof startDropbear>>;
  let home = '';
  beforeAll(async () => {
    lab = await startLab();
    home = mkdtempSync(join(lab.directory, 'drop-'));
    server = await startDropbear(home, readFileSync(`${lab.identity}.pub`, 'utf8'));
    lab.name('drop', { id: 'id-of-drop', ...server.entry });
    const environment = lab.environment();
    await azlinOn({ environment }, ['exec', '--create', 'drop:dev', 'true']);
  }, 60_000);
  afterAll(() => {
    server.stop();
    lab.close();
  });
  promises(
    // Its logins see their folder in the place of this user's home.
    () => ({ name: 'drop', home: process.env['HOME'] ?? '/root' }),
    () => lab,
    true,
  );
});
