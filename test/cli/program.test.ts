import { describe, expect, test } from '@jest/globals';
import { TOPICS } from '../../src/cli/topics/index.ts';
import { COMMANDS } from '../support/commands.ts';
import { run } from '../support/run.ts';
import { aSession, aVm } from '../support/vm.ts';

const fleet = {
  vms: [
    aVm('web', { publicIp: '20.0.0.1' }),
    aVm('gpu-1', { publicIp: '20.0.0.2' }),
    aVm('off', { powerState: 'Deallocated', publicIp: null }),
  ],
  answers: {
    web: { probe: 'ok', sessions: [aSession('main', { attached: 2 }), aSession('api', { friendlyName: 'the-api' })] },
    'gpu-1': { probe: 'timed-out', reason: 'timed out after 5 s' },
  },
} as const;

describe('a range of numbers that matches nothing', () => {
  const padded = { vms: ['node-01', 'node-02', 'node-10'].map((name) => aVm(name)) };
  test.each([
    ['exec node-[1-3]:main true', "numbers are padded there: 'node-[01-03]:main'"],
    ['exec --host node-{1..3} true', "numbers are padded there: 'node-{01..03}'"],
    ['exec node-[1,2] true', "numbers are padded there: 'node-[01,02]'"],
    ['exec other-[1-3]:main true', "azlin list --all shows the VMs; '*:NAME' means a session NAME on every VM"],
  ])('%s', async (line, hint) => {
    const { exitCode, stderr } = await run(line, padded);
    expect({ exitCode, stderr }).toEqual({ exitCode: 255, stderr: expect.stringContaining(`hint: ${hint}`) });
  });

  test('in a list it is a note', async () => {
    expect((await run('list node-[1-3]', padded)).stderr).toBe(
      "none of the 3 VMs in scope matches; numbers are padded there: 'node-[01-03]'\n",
    );
  });
});

describe('list', () => {
  test('table', async () => {
    expect(await run('list', fleet)).toEqual({
      exitCode: 0,
      stdout: [
        'HOSTNAME  SESSION  STATUS   IP        SESSION NAME',
        'gpu-1     ?        Running  20.0.0.2  -',
        'web       api      Running  20.0.0.1  the-api',
        'web       main     Running  20.0.0.1  -',
        '',
      ].join('\n'),
      stderr:
        'warning: gpu-1: timed out after 5 s; its sessions are unknown\n1 stopped VM hidden; azlin list --all shows it\n',
    });
  });

  test('on a terminal who is attached and how long nobody has typed; a narrow one leaves out address, status and then that', async () => {
    const busy = aSession('dev', { attached: 2, clients: ['ann@laptop', 'bob'], idle: 250 });
    const shared = { vms: [aVm('myvm')], answers: { myvm: { probe: 'ok', sessions: [busy] } } } as const;
    const headers = async (columns: number) =>
      (await run('list', { ...shared, columns, environment: { NO_COLOR: '1' } })).stdout.split('\n');
    expect(await headers(80)).toEqual([
      'HOSTNAME  SESSION  STATUS   IP         ATTACHED         IDLE',
      'myvm      dev      Running  127.0.0.1  ann@laptop, bob  4 min',
      '',
    ]);
    expect((await headers(50))[0]).toBe('HOSTNAME  SESSION  STATUS   ATTACHED         IDLE');
    expect((await headers(42))[0]).toBe('HOSTNAME  SESSION  ATTACHED         IDLE');
    expect((await headers(36))[0]).toBe('HOSTNAME  SESSION  ATTACHED');
    expect((await headers(28))[1]).toBe('myvm      dev      ann@lapt…');
    expect((await run('list', shared)).stdout).toMatch(/^HOSTNAME +SESSION +STATUS +IP\n/);
  });

  test('--wide has ages on a terminal, and times elsewhere', async () => {
    const made = aSession('dev', { owner: 'ann', createdAt: 1_700_000_000, expiresAt: 1_700_000_000 });
    const wide = { vms: [aVm('myvm')], answers: { myvm: { probe: 'ok', sessions: [made] } } } as const;
    const { stdout } = await run('list --wide', wide);
    expect(stdout).toMatch(/ACTIVITY +CLIENTS +OWNER +CREATED +NEEDED UNTIL +ID\n/);
    expect(stdout).toMatch(/ann +2023-11-14T22:13:20Z +2023-11-14T22:13:20Z +\$0\n/);
    const shown = (await run('list --wide', { ...wide, columns: 80 })).stdout;
    expect(shown).not.toMatch(/\dT\d/);
    expect(shown).toMatch(/ann +.*\d+ (s|min|h|d) +.*\d+ (s|min|h|d) +\$0/);
  });

  test('on a terminal: attached sessions bold, the others dim, long names cut; --wide and pipes cut nothing', async () => {
    const long = { vms: [aVm('a-vm-with-a-very-long-name-that-goes-on')], columns: 40 };
    const { stdout } = await run('list', long);
    expect(stdout).toBe(
      'HOSTNAME               SESSION  ATTACHED\n\u001b[2ma-vm-with-a-very-lon…  -        -\u001b[22m\n',
    );
    expect((await run('list --wide', long)).stdout).toContain('a-vm-with-a-very-long-name-that-goes-on');
    expect((await run('list', { vms: long.vms })).stdout).toContain('a-vm-with-a-very-long-name-that-goes-on');
    const painted = (await run('list', { ...fleet, columns: 80 })).stdout.replaceAll('\u001b', 'ESC');
    expect(painted).toMatch(/ESC\[1mweb +main .*ESC\[22m/);
  });

  test('a Windows VM is listed and never asked', async () => {
    const fleet = {
      vms: [aVm('win', { os: 'windows' })],
      answers: { win: { probe: 'timed-out', reason: 'it was asked' } },
    } as const;
    const { stdout, stderr } = await run('list --format json', fleet);
    expect(JSON.parse(stdout)).toMatchObject([{ hostname: 'win', session: null, status: 'Running', probe: 'skipped' }]);
    expect(stderr).toBe('');
    expect(await run('connect win:dev', fleet)).toMatchObject({
      exitCode: 7,
      stderr: expect.stringContaining('it runs Windows, which has no tmux'),
    });
  });

  test('colours: --color over NO_COLOR over the terminal', async () => {
    const colored = async (line: string, extra: object) =>
      (await run(line, { ...fleet, ...extra })).stdout.includes('\u001b');
    expect(await colored('list', {})).toBe(false);
    expect(await colored('list --color always', {})).toBe(true);
    expect(await colored('list', { columns: 80, environment: { NO_COLOR: '1' } })).toBe(false);
    expect(await colored('list --color=never', { columns: 80 })).toBe(false);
    expect(await colored('list', { columns: 80, environment: { TERM: 'dumb' } })).toBe(false);
  });
});

describe('errors', () => {
  test('as text', async () => {
    expect(await run('connect nosuch', fleet)).toEqual({
      exitCode: 3,
      stdout: '',
      stderr:
        'warning: gpu-1 could not be asked whether it has a session "nosuch": timed out after 5 s\nerror: No session and no VM is named "nosuch"\nhint: azlin list --all shows the VMs and their sessions\n',
    });
  });

  test.each(['connect a:b:c --format json', '--format=json connect a:b:c'])('as JSON: %s', async (line) => {
    const { exitCode, stderr } = await run(line, fleet);
    expect({ exitCode, error: JSON.parse(stderr) }).toEqual({
      exitCode: 2,
      error: {
        error: {
          code: 'invalid-identifier',
          message: 'Invalid compound name "a:b:c": expected hostname:session_name',
          hint: null,
          candidates: [],
        },
      },
    });
    expect((await run('connect a:b:c', { ...fleet, environment: { AZLIN_FORMAT: 'json' } })).stderr).toMatch(
      /^\{"error"/,
    );
  });

  test.each([
    ['lst', 2, /Unknown command "lst"\nhint: did you mean azlin list\?/],
    ['frobnicate', 2, /Unknown command "frobnicate"\nhint: azlin --help/],
    // What ends or closes something is not suggested.
    ['stp vm', 2, /Unknown command "stp"\nhint: azlin --help/],
    ['sto vm', 2, /Unknown command "sto"\nhint: (azlin --help|did you mean azlin (start|status)\?)/],
    ['cancle x', 2, /Unknown command "cancle"\nhint: azlin --help/],
    ['clsoe vm', 2, /Unknown command "clsoe"\nhint: azlin --help/],
    ['prnue', 2, /Unknown command "prnue"\nhint: azlin --help/],
    ['constructor', 2, /Unknown command "constructor"/],
    ['list --host=', 2, /--host needs a value/],
    ['ssh a -l=', 2, /--user needs a value/],
    ['list --nosuch', 2, /Unknown option --nosuch\nhint: azlin list --help/],
    ['list -g', 2, /--resource-group needs a value/],
    ['list --all=yes', 2, /--all takes no value/],
    ['lsit', 2, /did you mean azlin list\?/],
    ['rename -- -x', 2, /Missing argument: azlin rename/],
    ['list --al', 2, /Unknown option --al\nhint: did you mean --all\?/],
    ['exec --timout 5s vm:dev ls', 255, /Unknown option --timout\nhint: did you mean --timeout\?/],
    ['--formt json list', 2, /Unknown option --formt\nhint: did you mean --format\?/],
    ['conect vm', 2, /Unknown command "conect"\nhint: did you mean azlin connect\?/],
    ['atach vm', 2, /Unknown command "atach"\nhint: did you mean azlin attach\?/],
    ['help identifirs', 2, /No command or topic is named "identifirs"\nhint: did you mean azlin help identifiers\?/],
    ['--quiet', 2, /Missing command/],
    ['host-key shw vm', 2, /Invalid value "shw" as action: expected one of show, forget/],
    ['list -x', 2, /Unknown option -x/],
    ['list --format xml', 2, /Invalid value "xml" for --format: expected one of table, json, ndjson, csv/],
    ['list extra more', 2, /Unexpected argument: more/],
    ['list --tag', 2, /--tag needs a value/],
    ['ssh', 2, /Missing argument: azlin ssh <host>/],
    ['connect a --port x', 2, /Invalid port "x"/],
    ['exec', 255, /Missing argument: azlin exec <identifier>/],
    ['exec --nosuch vm:dev ls', 255, /Unknown option --nosuch/],
    ['exec a:b:c ls', 255, /Invalid compound name/],
    ['exec -e gpu-1:x ls', 255, /--errexit only works with scripts/],
    ['exec --stdin gpu-1:x', 255, /--stdin needs a command/],
    [
      'exec gpu-1:x --timeout 5 ls',
      255,
      /after "gpu-1:x": --timeout\nhint: .*: azlin exec --timeout TIME gpu-1:x COMMAND/,
    ],
    ['exec gpu-1:x --env=TOKEN=hidden -e ls', 255, /: azlin exec --env VARIABLE -e gpu-1:x COMMAND\n$/],
    ['run gpu-1:x --nosuch', 255, /"gpu-1:x": --nosuch\nhint: .* dash after --: azlin run gpu-1:x -- COMMAND/],
    // As docker and kubectl have it: not an identity file called t.
    ['exec -it gpu-1 bash', 255, /Cannot use a terminal on "gpu-1": standard input and output are not a terminal/],
    ['exec -ti gpu-1 bash', 255, /Cannot use a terminal on "gpu-1": /],
    ['exec gpu-1:x -it bash', 255, /before the identifier: azlin exec -t gpu-1:x COMMAND/],
    ['exec -t --stdin gpu-1 bash', 255, /Give --tty or --stdin, not both/],
    ['exec -t gpu-1,web x', 255, /--tty is for one target/],
    ['exec --no-session --job a gpu-1 x', 255, /Give --no-session or --job, not both/],
    ['exec --no-session gpu-1:x ls', 255, /"gpu-1:x" names a session, but --no-session uses none/],
    ['ssh gpu-1 -s x uname', 255, /A command of azlin ssh uses no session/],
    ['jobs --limit 0', 2, /Invalid number "0" for --limit/],
    ['list -o csv --format table', 2, /Give --format or --output, not both/],
    ['logs v42 -o csv', 2, /--format does not apply/],
    ['aliases set a', 2, /Missing identifier: azlin aliases set a IDENTIFIER/],
    ['aliases unset nosuch', 2, /There is no alias "nosuch"/],
    ['context rename a', 2, /Missing new name: azlin context rename a NEW-NAME/],
  ])('%s', async (line, exitCode, message) => {
    const { stderr, stdout, ...rest } = await run(line, fleet);
    expect({ ...rest, stdout, stderr }).toEqual({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
    expect(stderr).toMatch(/^error: /);
  });

  test('a bug of ours is 1, says so, and shows its trace with --verbose', async () => {
    const broken = await run('disconnect web:main', fleet);
    expect(broken).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('this is a bug in azlin') });
    expect((await run('disconnect web:main --verbose', fleet)).stderr).toMatch(
      /cause: Error: no VM can be connected to[\s\S]* at /,
    );
  });
});

describe('help', () => {
  test('without a command, with --help, and the version', async () => {
    const { exitCode, stdout, stderr } = await run('', fleet);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const shown = COMMANDS.filter(({ heading }) => heading && heading !== 'Help');
    for (const { name } of shown) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    expect(stdout).not.toContain('__complete');
    expect(shown.every(({ summary }) => stdout.replace(/\s+/g, ' ').includes(summary))).toBe(true);
    expect((await run('--help', fleet)).stdout).toBe(stdout);
    expect(await run('--version', fleet)).toMatchObject({ exitCode: 0, stdout: '1.2.3\n' });
  });

  test('fits on 40 lines of 80 columns', async () => {
    const lines = (await run('--help', { ...fleet, columns: 80, environment: { NO_COLOR: '1' } })).stdout.split('\n');
    expect(lines.length - 1).toBeLessThanOrEqual(40);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  });

  test('after the identifier it is that of azlin, not of the command', async () => {
    expect((await run('exec gpu-1:x --help', fleet)).stdout).toBe((await run('exec --help', fleet)).stdout);
  });

  test('no line is wider than the terminal, whatever its width', async () => {
    for (const columns of [40, 60, 80, 100])
      for (const name of ['', 'exec', 'list', 'session']) {
        const { stdout } = await run(`${name} --help`.trim(), { ...fleet, columns, environment: { NO_COLOR: '1' } });
        // What somebody may want to copy stays whole.
        const wide = stdout.split('\n').filter((line) => line.length > columns && !/azlin|--[a-z]/.test(line));
        expect([name, columns, wide]).toEqual([name, columns, []]);
      }
  });

  test('azlin help is the help, of a topic its text, of a command that of --help', async () => {
    expect((await run('help', fleet)).stdout).toBe((await run('--help', fleet)).stdout);
    expect((await run('help exec', fleet)).stdout).toBe((await run('exec --help', fleet)).stdout);
    for (const { name } of TOPICS)
      expect(await run(`help ${name}`, fleet)).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining(`${name}: `),
        stderr: '',
      });
    expect((await run('help environment', fleet)).stdout).toMatch(/^ {2}AZLIN_CONTEXT +\S/m);
    expect((await run('help exit-codes', fleet)).stdout).toMatch(/^ {2}4 {2}ambiguous +\S/m);
    expect((await run('--help', { ...fleet, columns: 80 })).stdout).toContain('\u001b[1mSessions:\u001b[22m');
  });

  test.each(COMMANDS.map(({ name }) => name))('%s --help shows its options and examples', async (name) => {
    const { exitCode, stdout } = await run(`${name} --help`, { ...fleet, columns: 80, environment: { NO_COLOR: '1' } });
    const command = COMMANDS.find((one) => one.name === name);
    expect(exitCode).toBe(0);
    const shared = (await run('options', fleet)).stdout;
    const missing = Object.keys(command?.options ?? {}).filter((option) => !stdout.includes(`--${option}`));
    // What the command shares with others stands there, and only there.
    expect(missing.filter((option) => !shared.includes(`--${option}`))).toEqual([]);
    expect(missing.length === 0 || stdout.includes(': azlin options\n')).toBe(true);
    expect(stdout.split('\n').length - 1).toBeLessThanOrEqual(40);
    expect(stdout).toMatch(/^See also: azlin /m);
    expect(stdout).toContain(`Usage: azlin ${name}`);
    for (const { line } of command?.examples ?? [])
      expect(stdout.replace(/\s+/g, ' ')).toContain(line.replace(/\s+/g, ' '));
  });
});
