import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { bashWord } from '../../src/cli/completion/bash-line.ts';
import { fitting } from '../../src/cli/completion/candidates.ts';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { azlin, startFleet } from '../support/fleet.ts';
import { freshHome } from '../support/fresh-home.ts';
import { openTerminal, type RealTerminal } from '../support/terminal.ts';
import { hasTool } from '../support/tools.ts';
import { until } from '../support/until.ts';

/** A name that would run something, were it put on a line as it is. */
const EVIL = 'x$(touch pwned)';
const SETTINGS = `[aliases]\nprod = ["alpha:dev", "beta:api"]\n\n[contexts.lab.ssh]\nuser = "bob"\n`;

let fleet: DemoFleet;
let terminal: RealTerminal | undefined;
beforeAll(async () => {
  fleet = await startFleet([
    { name: 'alpha', sessions: ['dev', 'deploy', 'main'], tags: { env: 'prod' } },
    { name: 'beta', sessions: ['api', 'main'], resourceGroup: 'rg-other' },
  ]);
  writeFileSync(join(fleet.environment['AZLIN_HOME'] ?? '', 'config.toml'), SETTINGS);
  await azlin(fleet, ['session', 'beta:api', 'production']);
  await azlin(fleet, ['ssh', 'alpha', '--tmux-session', EVIL, '--detach']);
  await azlin(fleet, ['exec', '--job', 'build-7', 'alpha:dev', 'true']);
  await azlin(fleet, ['list', '--all']);
}, 60_000);
afterAll(() => fleet.close());
afterEach(async () => {
  await terminal?.close();
  terminal = undefined;
});

/** What is offered where the line ends. */
async function offered(line: string, environment: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  const words = line.split(' ');
  const { stdout, stderr, exitCode } = await azlin(fleet, ['__complete', '--', 'zsh', ...words], { environment });
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  const [kind = '', ...rest] = stdout.split('\n').slice(0, -1);
  return kind === 'words' ? rest.map((one) => one.split('\t')[0] ?? '') : [kind];
}

async function bashOffered(line: string, breaks = ' \t\n"\'@><=;|&(:'): Promise<readonly string[]> {
  const { stdout } = await azlin(fleet, ['__complete', '--', 'bash', line, String(line.length), breaks]);
  return stdout.split('\n').slice(1, -1);
}

describe('what is offered', () => {
  test.each([
    ['azlin conn', ['connect']],
    ['azlin clo', ['close']],
    ['azlin connect al', ['alpha', 'alpha:deploy', 'alpha:dev', 'alpha:main', `alpha:${EVIL}`]],
    ['azlin connect ALPHA:d', ['ALPHA:deploy', 'ALPHA:dev']],
    ['azlin connect d', ['deploy', 'dev']],
    ['azlin connect p', ['prod', 'production']],
    // Two VMs have it.
    ['azlin connect ma', []],
    ['azlin connect bob@alpha:de', ['bob@alpha:deploy', 'bob@alpha:dev']],
    ['azlin connect bob@corp.example@alpha:de', ['bob@corp.example@alpha:deploy', 'bob@corp.example@alpha:dev']],
    ['azlin exec CORP\\bob@beta:a', ['CORP\\bob@beta:api']],
    ['azlin connect rg-demo/alpha:m', ['rg-demo/alpha:main']],
    ['azlin exec alpha:dev,beta:a', ['alpha:dev,beta:api']],
    ['azlin connect alpha:dev,beta:a', []],
    ['azlin exec alpha:dev l', []],
    ['azlin exec --timeout 5s al', ['alpha', 'alpha:deploy', 'alpha:dev', 'alpha:main', `alpha:${EVIL}`]],
    ['azlin close beta:', ['beta:api', 'beta:main']],
    ['azlin ssh b', ['beta']],
    ['azlin stop alpha b', ['beta']],
    ['azlin list --form', ['--format']],
    ['azlin list --format=c', ['--format=csv']],
    ['azlin list --format c', ['csv']],
    ['azlin --format json lis', ['list']],
    ['azlin list --tag env', ['env', 'env=prod']],
    ['azlin list -g rg', ['rg-demo', 'rg-other']],
    ['azlin list --context l', ['lab']],
    ['azlin context use l', ['lab']],
    ['azlin logs bui', ['build-7']],
    ['azlin wait bui', ['build-7']],
    ['azlin exec --job b', ['build-7']],
    ['azlin ssh --tmux-session dep', ['deploy']],
    ['azlin config get ssh.us', ['ssh.user']],
    ['azlin config un', ['unset']],
    ['azlin help exi', ['exit-codes']],
    ['azlin host-key f', ['forget']],
    ['azlin completion z', ['zsh']],
    ['azlin connect --identity ~/.s', ['files']],
    ['azlin exec --output-dir x', ['directories']],
    ['azlin frobnicate x', []],
  ])('%s', async (line, expected) => {
    expect([...(await offered(line))].sort()).toEqual([...expected].sort());
  });

  test('the scope that is typed counts', async () => {
    expect(await offered('azlin connect --inventory nosuch.toml al')).toEqual([]);
    expect(await offered('azlin connect -g rg-other al')).toEqual([]);
  });

  test('settings with mistakes silence nothing else', async () => {
    const home = freshHome(fleet, '[ssh]\nusr = 1\n');
    expect(await offered('azlin conn', home)).toEqual(['connect']);
    expect(await offered('azlin config unset ssh.us', home)).toEqual(['ssh.user']);
  });

  test('what a VM says cannot move the cursor', () => {
    expect(
      fitting(
        [
          { value: 'a\u001b[2J', description: '' },
          { value: 'ab', description: 'x\u001b]0;title\u0007y' },
        ],
        'a',
      ),
    ).toEqual([{ value: 'ab', description: 'xy' }]);
  });

  test('no option twice, and none of the command that runs there', async () => {
    expect(await offered('azlin list --all --al')).toEqual(['--all-subscriptions']);
    expect(await offered('azlin exec alpha:dev ls --al')).toEqual([]);
  });

  test('nothing goes over the network while somebody waits; it is asked behind', async () => {
    const home = freshHome(fleet);
    const [guard, log] = [join(home.AZLIN_HOME, 'guard.cjs'), join(home.AZLIN_HOME, 'connections')];
    writeFileSync(
      guard,
      `const { Socket } = require('node:net'); const { connect } = Socket.prototype;
       Socket.prototype.connect = function (...args) {
         require('node:fs').appendFileSync(${JSON.stringify(log)}, process.argv.slice(2).join(' ') + '\\n');
         return connect.apply(this, args);
       };`,
    );
    const environment = { ...home, NODE_OPTIONS: `--require ${guard}` };
    expect(await offered('azlin connect al', environment)).toEqual([]);
    await until('the VMs', async () => (await offered('azlin ssh al', environment)).length > 0);
    await until('the sessions', async () => (await offered('azlin connect alpha:de', environment)).length === 2);
    const connected = [
      ...new Set(
        readFileSync(log, 'utf8')
          .split('\n')
          .slice(0, -1)
          .map((line) => line.split(' ')[0]),
      ),
    ];
    expect(connected).toEqual(['list']);
  }, 60_000);

  test('bash gets what comes after the last break of a word, quoted for where it stands', async () => {
    expect(await bashOffered('azlin connect alpha:de')).toEqual(['deploy', 'dev']);
    expect(await bashOffered('azlin connect alpha:de', ' \t\n')).toEqual(['alpha:deploy', 'alpha:dev']);
    expect(await bashOffered('azlin connect "alpha:de')).toEqual(['alpha:deploy', 'alpha:dev']);
    expect(await bashOffered('azlin connect alpha:x')).toEqual(['x\\$\\(touch\\ pwned\\)']);
    expect(await bashOffered('azlin connect "alpha:x')).toEqual(['alpha:x\\$(touch pwned)']);
    expect(await bashOffered("azlin connect 'alpha:x")).toEqual([`alpha:${EVIL}`]);
    expect(await bashOffered('azlin connect CORP\\\\bob@alpha:de')).toEqual(['deploy', 'dev']);
    expect(await bashOffered("azlin connect 'CORP\\bob@alpha:de")).toEqual([
      'CORP\\bob@alpha:deploy',
      'CORP\\bob@alpha:dev',
    ]);
    expect(await bashOffered('azlin list --format=c')).toEqual(['csv']);
    expect(await bashOffered('true; FOO=1 azlin conn')).toEqual(['connect']);
    expect(await bashOffered('azlin 2>/dev/null connect alpha:dep')).toEqual(['deploy']);
    expect(await bashOffered('azlin 2>&1 connect alpha:dep')).toEqual(['deploy']);
    const files = await azlin(fleet, ['__complete', '--', 'bash', 'azlin list > al', '15', ' \t\n:']);
    expect(files.stdout).toBe('files\n');
    expect(bashWord("it's!", { quote: '"', kept: '' })).toBeUndefined();
    expect(bashWord('~a b', { quote: '', kept: '' })).toBe('\\~a\\ b');
  });
});

describe('in real shells, installed by azlin completion --install', () => {
  const SHELLS = {
    bash: { rc: '.bashrc', start: 'bash --noprofile -i', prompt: "PS1='shell> '\n" },
    zsh: { rc: '.zshrc', start: 'zsh -d -i', prompt: "PROMPT='shell> '\nunsetopt prompt_sp\n" },
    fish: {
      rc: '.config/fish/config.fish',
      start: 'fish',
      prompt: "set -g fish_greeting\nfunction fish_prompt; echo -n 'shell> '; end\n",
    },
  } as const;

  test.each(['bash', 'zsh', 'fish'] as const)(
    '%s',
    async (shell) => {
      if (!hasTool(shell)) return;
      const home = mkdtempSync(join(fleet.directory, 'user-'));
      const { start, rc, prompt } = SHELLS[shell];
      const environment = { ...fleet.environment, HOME: home, SHELL: `/bin/${shell}`, ZDOTDIR: home };
      const user = { environment, directory: home };
      mkdirSync(dirname(join(home, rc)), { recursive: true });
      // Else fish makes completions out of manual pages there, behind.
      mkdirSync(join(home, '.local/share/fish/generated_completions'), { recursive: true });
      writeFileSync(join(home, rc), prompt);
      const installed = await azlin(user, ['completion', '--install']);
      expect(installed).toMatchObject({ exitCode: 0, stdout: '', stderr: expect.stringContaining('wrote ') });
      const once = readFileSync(join(home, rc), 'utf8');
      await azlin(user, ['completion', '--install']);
      expect(readFileSync(join(home, rc), 'utf8')).toBe(once);

      terminal = await openTerminal(environment, 100, 30);
      await terminal.type(`cd ${home}; clear; exec ${start}`);
      await terminal.press('Enter');
      await terminal.shows(/^shell>\s*$/);
      /** What the line is after Tab, and a letter that shows where it ends. */
      const completes = async (typed: string, line: string) => {
        await terminal?.type(typed);
        await terminal?.press('Tab');
        await terminal?.type('Z');
        await terminal?.shows(new RegExp(`^shell> ${line}Z`, 'm'));
        await terminal?.press('C-c');
        await terminal?.shows(/^shell>\s*$(?![\s\S]*azlin)/m);
        await terminal?.type('clear');
        await terminal?.press('Enter');
        await terminal?.shows(/^shell>\s*$/);
      };
      await completes('azlin renam', 'azlin rename ');
      await completes('azlin connect alpha:dep', 'azlin connect alpha:deploy ');
      await completes('azlin connect production', 'azlin connect production ');
      await completes('azlin list --all-sub', 'azlin list --all-subscriptions ');
      await completes('azlin list --format=js', 'azlin list --format=json ');
      await completes('azlin list --format nd', 'azlin list --format ndjson ');
      await completes('azlin exec alpha:dev,beta:ap', 'azlin exec alpha:dev,beta:api ');
      // The quote is closed, or still open.
      await completes('azlin connect "alpha:dep', 'azlin connect "?alpha:deploy"? ?');
      // Of several what they have in common, and a list of them.
      await terminal.type('azlin connect alpha:d');
      await terminal.press('Tab', 'Tab', ...(shell === 'bash' ? ['Tab'] : []));
      await terminal.shows(/^shell> azlin connect alpha:de[\s\S]*deploy[\s\S]*dev/m);
      await terminal.press('C-c', 'C-c');
      await terminal.type('clear');
      await terminal.press('Enter');
      await terminal.shows(/^shell>\s*$/);
      // What a VM calls its session is a word of the line, and nothing that runs.
      await terminal.type('azlin session alpha:x');
      await terminal.press('Tab');
      await terminal.shows(/alpha:x\\\$\\\(touch\\? ?pwned/);
      await terminal.press('Enter');
      await terminal.shows(/has no friendly name/);
      expect(existsSync(join(home, 'pwned'))).toBe(false);
    },
    60_000,
  );

  test('a shell that azlin does not know, and one that is not there', async () => {
    const none = await azlin(fleet, ['completion'], { environment: { SHELL: '/bin/tcsh' } });
    expect(none).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('No completion for the shell "tcsh"') });
    expect((await azlin(fleet, ['completion', 'cmd'])).stderr).toContain('expected one of bash, zsh, fish, powershell');
  });

  // PowerShell itself is not here: only what azlin answers to its script is tested.
  test('PowerShell: an empty word arrives, and its profile loads the script once', async () => {
    const asked = async (...words: string[]) => {
      const { stdout } = await azlin(fleet, ['__complete', '--', 'powershell', 'azlin', ...words]);
      return stdout.split('\n').map((line) => line.split('\t')[0]);
    };
    expect(await asked('connect', 'alpha:dep.')).toEqual(['words', 'alpha:deploy', '']);
    expect(await asked('connect', '.')).toContain('alpha');
    expect(await asked('logs', 'build-.')).toContain('build-7');
    const home = mkdtempSync(join(fleet.directory, "o'user-"));
    const user = {
      environment: { ...fleet.environment, HOME: home, SHELL: '/usr/bin/pwsh', XDG_CONFIG_HOME: '', XDG_DATA_HOME: '' },
      directory: home,
    };
    for (let time = 0; time < 2; time++) await azlin(user, ['completion', '--install']);
    const profile = readFileSync(join(home, '.config/powershell/profile.ps1'), 'utf8');
    const script = join(home, '.local/share/azlin/azlin.ps1');
    expect(profile).toBe(`. '${script.replace("'", "''")}' # azlin completion\n`);
    expect(readFileSync(script, 'utf8')).toBe((await azlin(user, ['completion', 'powershell'])).stdout);
  });

  test.each([
    ['bash', 'bash'],
    ['zsh', 'zsh'],
    ['fish', 'fish'],
    ['powershell', 'ps1'],
  ])('azlin completion %s prints the script of completions/', async (shell, ending) => {
    const { stdout, exitCode } = await azlin(fleet, ['completion', shell]);
    expect(stdout).toBe(readFileSync(new URL(`../../completions/azlin.${ending}`, import.meta.url), 'utf8'));
    expect(exitCode).toBe(0);
  });
});
