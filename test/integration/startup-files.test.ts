import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { canHaveUsers, type FarSide, startFarSide } from '../support/far-side.ts';
import { type Lab, startLab } from '../support/lab.ts';
import { until } from '../support/until.ts';
import { warmAzlin as azlin } from '../support/warm-azlin.ts';

/*
 * Start-up files that hang, echo, merge and drop streams: what a command writes, and how it ends, is what `ssh` itself gives on the same server, but for
 * what the start-up file says, which is no output of the command.
 */

interface StartUp {
  readonly name: string;
  readonly file: string;
  /** Lines that belong to the start-up file, with ssh and with azlin, on both streams. */
  readonly noise?: RegExp;
  /** What it writes before the first line. */
  readonly before?: RegExp;
  /** It may disturb what asks tmux, too. */
  readonly asks?: true;
}

const STARTUPS: readonly StartUp[] = [
  { name: 'an empty one', file: '' },
  { name: 'echo', file: 'echo Welcome; echo careful >&2', noise: /^(Welcome|careful)$/ },
  {
    name: 'what looks like an answer of ours',
    file: 'echo "ok 0 cwd 1"; echo "ok 0 cwd 1" >&2',
    noise: /^ok 0 cwd 1$/,
  },
  {
    name: 'no line break at its end',
    file: 'printf "Last login: today"; printf "noise" >&2',
    before: /^(Last login: today|noise)/,
  },
  { name: 'set -x', file: 'set -x', noise: /^\++ /, asks: true },
  { name: 'set -v', file: 'set -v', noise: /^(printf|echo|kill|sh -c|seq|exit) / },
  { name: 'read x', file: 'read x; read y', asks: true },
  { name: 'exec 2>&1', file: 'exec 2>&1' },
  { name: 'a log of all output', file: 'exec > >(tee -a ~/.log)', asks: true },
  { name: 'exec 2>/dev/null', file: 'exec 2>/dev/null' },
  { name: 'exec 2>&-', file: 'exec 2>&-', asks: true },
  { name: 'an EXIT trap', file: 'trap "echo bye; echo bye >&2" EXIT', noise: /^(bye|Terminated)$/ },
  {
    name: 'BASH_ENV',
    file: 'echo "echo from BASH_ENV; exec 2>&1; set -x" >~/.env; export BASH_ENV=~/.env',
    noise: /^Terminated$/,
  },
  { name: 'a broken LD_PRELOAD', file: 'export LD_PRELOAD=/nosuch.so', noise: /^ERROR: ld\.so: /, asks: true },
  { name: 'TMUX of elsewhere', file: 'export TMUX=/nowhere,1,0 TMUX_PANE=%9', asks: true },
  { name: 'an odd IFS and options', file: 'IFS=:; export IFS; set -u; set -f; set -o noclobber; shopt -s nullglob' },
  { name: 'functions of our names', file: 'head() { echo wrong; }; export -f head; alias sh=false; printf() { :; }' },
  { name: 'variables of short names', file: 'export a=1 b=2' },
  { name: 'something slow', file: 'sleep 0.3' },
];

/** In `sh`: what bash itself was told in its start-up file, such as a trace, is not about the command. */
const COMMANDS: readonly (readonly [name: string, line: string, when?: RegExp])[] = [
  [
    'both streams and an exit code',
    `sh -c 'printf out; echo; printf err >&2; echo >&2; seq 2000; seq 10 >&2; echo "$a $b"; exit 3'`,
  ],
  ['a command that writes to a closed stream', `sh -c 'echo x >&2 || exit 9; exit 4' 2>/dev/null`, /2>|BASH_ENV/],
  ['a signal', `sh -c 'echo dying; kill -TERM $$'`],
];

const withUsers = canHaveUsers();

(withUsers ? describe : describe.skip)('start-up files', () => {
  let lab: Lab;
  let vm: FarSide;
  beforeAll(async () => {
    lab = await startLab();
    vm = await startFarSide(lab, { name: 'vm' });
  }, 60_000);
  afterAll(() => {
    vm.stop();
    lab.close();
  });

  interface Said {
    readonly code: number;
    readonly stdout: string;
    readonly stderr: string;
  }
  const ssh = (line: string): Promise<Said> =>
    new Promise((resolve) => {
      const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR', 'BatchMode=yes'];
      const args = [
        '-n',
        '-F',
        'none',
        '-i',
        lab.identity,
        '-p',
        `${vm.port}`,
        ...options.flatMap((one) => ['-o', one]),
      ];
      execFile('ssh', [...args, `alice@${vm.address}`, line], (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });
  /** Without what the start-up file says. */
  const clean = ({ code, stdout, stderr }: Said, { noise = /^(?!)/, before = /^(?!)/ }: StartUp): Said => {
    const without = (text: string) =>
      text
        .replace(before, '')
        .split('\n')
        .filter((line) => !noise.test(line))
        .join('\n');
    return { code, stdout: without(stdout), stderr: without(stderr) };
  };

  test.each(STARTUPS)(
    '$name: as with ssh, in both modes',
    async (startUp) => {
      vm.write('.bashrc', `${startUp.file}\n`);
      const environment = lab.environment();
      try {
        for (const [what, line, when = /^/] of COMMANDS) {
          if (!when.test(startUp.file)) continue;
          const truth = clean(await ssh(line), startUp);
          for (const mode of ['--direct', '--durable']) {
            const result = join(lab.directory, 'result.json');
            const { exitCode, stdout, stderr } = await azlin({ environment }, [
              'exec',
              mode,
              '--result',
              result,
              'vm:dev',
              line,
            ]);
            const ours = clean({ code: exitCode ?? -1, stdout, stderr }, startUp);
            // ssh does not tell the number of a signal.
            const code = what === 'a signal' ? 143 : truth.code;
            expect({ what, mode, ...ours }).toEqual({ what, mode, ...truth, code });
          }
        }
        if (!startUp.asks) return;
        const { stdout, exitCode } = await azlin({ environment }, ['list', '--host', 'vm']);
        expect({ stdout, exitCode }).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^vm +dev +Running/m) });
        const made = await azlin({ environment }, ['ssh', 'vm', '--tmux-session', 'fresh', '--detach']);
        expect(made).toMatchObject({ exitCode: 0, stdout: 'Created session "fresh" on vm\n' });
        expect((await azlin({ environment }, ['disconnect', '--kill', '--yes', 'vm:fresh'])).exitCode).toBe(0);
      } finally {
        vm.write('.bashrc', '');
      }
    },
    90_000,
  );

  test.each(['--direct', '--durable'])('output that goes elsewhere is said, and nothing runs (%s)', async (mode) => {
    vm.write('.bashrc', 'exec >/dev/null\n');
    const { exitCode, stderr } = await azlin({ environment: lab.environment() }, [
      'exec',
      mode,
      'vm:dev',
      'touch ~/ran',
    ]);
    vm.write('.bashrc', '');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 255,
      stderr: expect.stringMatching(/did not run the command: its start-up files redirect standard output\nhint: /),
    });
    expect((await vm.run(['test', '-e', join(vm.home, 'ran')])).code).toBe(1);
  });

  test('output that is piped away is said, and nothing runs', async () => {
    const away = '>(cat >/dev/null)';
    const environment = lab.environment();
    const exec = async (mode: string) => {
      expect(await azlin({ environment }, ['exec', mode, 'vm:dev', 'echo ran >>~/piped; exit 7'])).toMatchObject({
        exitCode: 255,
        stderr: expect.stringMatching(/did not run the command: its start-up files redirect standard output\nhint: /),
      });
    };
    try {
      for (const redirection of [`> ${away} 2>&1`, '>&2']) {
        vm.write('.bashrc', `exec ${redirection}\n`);
        await Promise.all(['--direct', '--durable'].map(exec));
      }
      expect((await vm.run(['test', '-e', join(vm.home, 'piped')])).code).toBe(1);
    } finally {
      vm.write('.bashrc', '');
    }
  });

  test('standard error that goes to a file: the command ends as it does, and what is missing is named', async () => {
    vm.write('.bashrc', 'exec 2>>~/log\n');
    try {
      const environment = lab.environment();
      const line = 'echo out; echo err >&2; exit 3';
      expect(await azlin({ environment }, ['exec', '--direct', 'vm:dev', line])).toMatchObject({
        exitCode: 3,
        stdout: 'out\n',
        stderr: '',
      });
      const durable = await azlin({ environment }, ['exec', '--job', 'logged', 'vm:dev', line]);
      expect(durable).toMatchObject({
        exitCode: 3,
        stdout: 'out\n',
        stderr: expect.stringMatching(
          /^warning: vm:dev: start-up files redirect standard error, .*azlin logs --stderr logged/,
        ),
      });
      expect((await azlin({ environment }, ['logs', '--stderr', 'logged'])).stdout).toBe('err\n');
    } finally {
      vm.write('.bashrc', '');
    }
  });

  test('an open descriptor does not stay with a tmux server that azlin starts', async () => {
    const fresh = await startFarSide(lab, { name: 'fresh' });
    try {
      await fresh.run(['tmux', 'kill-server']);
      fresh.write('.bashrc', 'exec 5>&1 6>&2\n');
      const line = ['exec', '--direct', '--create', 'fresh:made', 'echo out; exit 3'];
      expect(await azlin({ environment: lab.environment() }, line)).toMatchObject({ exitCode: 3, stdout: 'out\n' });
    } finally {
      fresh.stop();
    }
  }, 30_000);

  test('CDPATH leads nowhere: jobs are listed, and what is like them stays', async () => {
    vm.write('.bashrc', 'export CDPATH=~/projects\n');
    try {
      const environment = lab.environment();
      const line = 'mkdir -p ~/projects/build && echo mine >~/projects/build/file && echo out';
      expect(await azlin({ environment }, ['exec', '--job', 'build', 'vm:dev', line])).toMatchObject({
        stdout: 'out\n',
      });
      const jobs = await azlin({ environment }, ['jobs', 'vm']);
      expect(jobs).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^build +.*exit/m) });
      // The next job of a shell looks after what is old: nothing of this looks old.
      await vm.run(['sh', '-c', 'cd ~/.azlin/jobs/* && rm -f .swept && echo "end 1" >>build/state']);
      expect(await azlin({ environment }, ['run', 'vm:dev', 'export CDPATH=~/projects'])).toMatchObject({
        exitCode: 0,
      });
      expect(await azlin({ environment }, ['run', 'vm:dev', 'echo swept'])).toMatchObject({ stdout: 'swept\n' });
      await until(
        'the old job to go',
        async () => (await vm.run(['sh', '-c', 'ls -d ~/.azlin/jobs/*/build'])).code !== 0,
      );
      expect((await vm.run(['cat', join(vm.home, 'projects/build/file')])).stdout.toString()).toBe('mine\n');
    } finally {
      vm.write('.bashrc', '');
    }
  }, 30_000);

  test('an audit wrapper that repeats the command line', async () => {
    const wrapper =
      'ForceCommand echo "audit: $SSH_ORIGINAL_COMMAND"; echo "audit" >&2; exec "$SHELL" -c "$SSH_ORIGINAL_COMMAND"';
    const audited = await startFarSide(lab, { name: 'audited', sshdConfig: [wrapper] });
    const environment = lab.environment();
    try {
      for (const mode of ['--direct', '--durable'])
        expect(
          await azlin({ environment }, ['exec', mode, 'audited:dev', 'echo out; echo err >&2; exit 3']),
        ).toMatchObject({
          exitCode: 3,
          stdout: 'out\n',
          stderr: 'err\n',
        });
    } finally {
      audited.stop();
    }
  });

  test('a login shell that cannot be used is named', async () => {
    const closed = await startFarSide(lab, { name: 'closed', shell: '/usr/sbin/nologin' });
    const { exitCode, stderr } = await azlin({ environment: lab.environment() }, ['exec', 'closed:dev', 'true']);
    closed.stop();
    expect(exitCode).toBe(255);
    expect(stderr).toMatch(
      /The login shell on "closed" .* exited before running the command .*not available[\s\S]*hint: .*chsh/,
    );
  });
});
