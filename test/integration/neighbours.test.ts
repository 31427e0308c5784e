import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { canHaveUsers, type FarSide, startFarSide } from '../support/far-side.ts';
import type { RunOptions } from '../support/fleet.ts';
import { type Lab, startLab } from '../support/lab.ts';
import { until } from '../support/until.ts';
import { warmAzlin as azlinOn } from '../support/warm-azlin.ts';

/*
 * Other users of the VM are hostile. Mallory reads every list of processes and whatever stands in shared directories, and is there first.
 */

(canHaveUsers() ? describe : describe.skip)('a hostile neighbour', () => {
  let lab: Lab;
  let vm: FarSide;
  let environment: Readonly<Record<string, string>>;
  beforeAll(async () => {
    lab = await startLab();
    vm = await startFarSide(lab, { name: 'vm' });
    environment = lab.environment();
  }, 60_000);
  afterAll(() => {
    vm.stop();
    lab.close();
  });
  const azlin = (args: readonly string[], options?: RunOptions) => azlinOn({ environment }, args, options);

  /** Whatever long hexadecimal word any process has in its arguments: its name in /tmp is taken, in every way we ever used. */
  const TAKER = `cd /tmp; while :; do for p in /proc/[0-9]*; do
      tr '\\000' '\\n' <"$p/cmdline" 2>/dev/null; done | grep -aoE '[0-9a-f]{24,}' | sort -u | while read -r word; do
        for name in "azlin-$word" "$word" ".in-$word"; do [ -e "$name" ] || mkfifo -m 666 "$name" 2>/dev/null; done
        [ -d "azlin-$word.d" ] || mkdir -m 777 "azlin-$word.d" 2>/dev/null
      done; done`;
  const MAKER = TAKER.replace(/mkfifo -m 666/g, 'mkdir -m 777');
  /** Whatever alice has in /tmp; other tests make files there, too. */
  const leftovers = async () =>
    (await vm.run(['sh', '-c', 'find /tmp -maxdepth 1 -user "$(id -u)" -name "azlin-*" | wc -l'])).stdout;

  test.each(['--direct', '--durable'])(
    '%s: an interpreter reads the script that was sent, and nobody learns it',
    async (mode) => {
      const watcher = vm.spawn(['sh', '-c', TAKER], 'mallory');
      const reader = vm.spawn(
        [
          'sh',
          '-c',
          'while :; do cat /proc/[0-9]*/cmdline 2>/dev/null | grep -aq "[s]3cret-line" && touch /tmp/azlin-mallory-saw; done',
        ],
        'mallory',
      );
      try {
        for (const shell of ['python3', 'perl', 'sh', 'bash']) {
          const input =
            shell === 'python3'
              ? 'print("mine s3cret-line"[:4])\n'
              : shell === 'perl'
                ? 'print substr("mine s3cret-line", 0, 4), "\\n";\n'
                : 'x=s3cret-line; echo mine\n';
          const { stdout, exitCode } = await azlin(['exec', mode, '--shell', shell, 'vm:dev'], { input });
          expect({ shell, stdout, exitCode }).toEqual({ shell, stdout: 'mine\n', exitCode: 0 });
        }
      } finally {
        watcher.kill('SIGKILL');
        reader.kill('SIGKILL');
      }
      expect(existsSync('/tmp/azlin-mallory-saw')).toBe(false);
      await vm.run(['sh', '-c', 'find /tmp -maxdepth 1 -user "$(id -u)" -exec rm -rf {} +'], 'mallory');
    },
    60_000,
  );

  test.each(['--direct', '--durable'])(
    '%s: a timeout stays a timeout',
    async (mode) => {
      const watcher = vm.spawn(['sh', '-c', MAKER], 'mallory');
      const result = join(lab.directory, `timeout${mode}.json`);
      const ended = await azlin(['exec', mode, '--timeout', '2s', '--result', result, 'vm:dev', 'sleep 30']);
      const early = await azlin(['exec', mode, '--timeout', '4s', 'vm:dev', 'sleep 3.8; exit 5']);
      watcher.kill('SIGKILL');
      await vm.run(['sh', '-c', 'find /tmp -maxdepth 1 -user "$(id -u)" -exec rm -rf {} +'], 'mallory');
      expect({ timeout: ended.exitCode, early: early.exitCode }).toEqual({ timeout: 124, early: 5 });
    },
    60_000,
  );

  test('nothing of azlin is in a shared directory, and what it keeps is for alice alone', async () => {
    await azlin(['exec', '--direct', '--timeout', '1s', 'vm:dev', 'sleep 30']);
    await azlin(['exec', '--durable', '--job', 'kept', 'vm:dev', 'echo secret']);
    await until('all to be tidied up', async () => (await leftovers()).trim() === '0');
    expect(statSync(join(vm.home, '.azlin')).mode & 0o777).toBe(0o700);
    expect(
      (await vm.run(['sh', '-c', `ls -laR ${vm.home}/.azlin; cat ${vm.home}/.azlin/jobs/*/kept/out`], 'mallory'))
        .stdout,
    ).toBe('');
  });

  describe('~/.azlin', () => {
    const place = () => join(vm.home, '.azlin');
    const aside = async () => void (await vm.run(['sh', '-c', 'rm -rf ~/.azlin']));

    test('that others may enter is closed to them', async () => {
      await aside();
      await vm.run(['sh', '-c', 'mkdir -m 777 ~/.azlin']);
      expect((await azlin(['exec', '--durable', 'vm:dev', 'echo on'])).stdout).toBe('on\n');
      expect(statSync(place()).mode & 0o777).toBe(0o700);
    });

    test.each([
      ['is a link', async () => symlinkSync('/tmp', place()), /symbolic link/],
      [
        'belongs to somebody else',
        async () => {
          mkdirSync(place(), { mode: 0o777 });
          chownSync(place(), 54_322, 54_322);
        },
        /belongs to another user/,
      ],
      ['is a file', async () => vm.write('.azlin', ''), /./],
    ])('that %s is refused', async (_what, make, reason) => {
      await aside();
      await make();
      for (const args of [['--durable'], ['--direct', '--timeout', '5s']]) {
        const { exitCode, stdout, stderr } = await azlin(['exec', ...args, 'vm:dev', 'echo ran']);
        expect({ exitCode, stdout, stderr }).toEqual({
          exitCode: 255,
          stdout: '',
          stderr: expect.stringMatching(/"vm" cannot run this: /),
        });
        expect(stderr).toMatch(reason);
      }
      // What keeps nothing needs no place.
      expect((await azlin(['exec', '--direct', 'vm:dev', 'echo ran'])).stdout).toBe('ran\n');
      await vm.run(['rm', '-rf', place()]);
      rmSync(place(), { recursive: true, force: true });
    });

    test('in a home that cannot be written: what needs it says so, and the rest works', async () => {
      await aside();
      await vm.run(['chmod', '500', vm.home]);
      try {
        expect(await azlin(['exec', '--direct', 'vm:dev', 'echo ran; exit 3'])).toMatchObject({
          exitCode: 3,
          stdout: 'ran\n',
        });
        for (const args of [['--durable'], ['--direct', '--timeout', '5s']])
          expect(await azlin(['exec', ...args, 'vm:dev', 'touch /tmp/azlin-alice-ran'])).toMatchObject({
            exitCode: 255,
            stderr: expect.stringMatching(/"vm" cannot run this: .*Permission denied/),
          });
        expect(existsSync('/tmp/azlin-alice-ran')).toBe(false);
      } finally {
        await vm.run(['chmod', '700', vm.home]);
        rmSync('/tmp/azlin-alice-ran', { force: true });
      }
    });

    test('on a full disk: as much', async () => {
      const home = mkdtempSync('/tmp/azlin-full-');
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,nr_inodes=8', 'tmpfs', home]);
      try {
        const full = await startFarSide(lab, { name: 'full', home });
        const here = { environment: lab.environment() };
        try {
          await full.run(['sh', '-c', 'cat /dev/zero >~/zeros; i=0; while : >~/more$i; do i=$((i + 1)); done']);
          expect(await azlinOn(here, ['exec', '--direct', 'full:dev', 'rm ~/more* && echo room'])).toMatchObject({
            stdout: 'room\n',
          });
          expect(await azlinOn(here, ['exec', '--direct', '--timeout', '5s', 'full:dev', 'echo on'])).toMatchObject({
            stdout: 'on\n',
          });
          expect(await azlinOn(here, ['exec', '--durable', 'full:dev', 'echo ran'])).toMatchObject({
            exitCode: 255,
            stdout: '',
            stderr: expect.stringMatching(/"full" cannot run this: /),
          });
        } finally {
          full.stop();
        }
      } finally {
        execFileSync('umount', ['-l', home]);
      }
    });
  });
});
