import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { startFleet } from '../support/fleet.ts';
import { processesBelow } from '../support/processes.ts';
import { openTerminal, type RealTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/* A day with azlin as somebody has it who installs it in the morning. One thing follows from the other, so these tests run in this order. */
describe.each([
  [80, 24],
  [200, 50],
])('a day at %i × %i', (columns, rows) => {
  let fleet: DemoFleet;
  let alice: RealTerminal;
  let bob: RealTerminal;
  beforeAll(async () => {
    fleet = await startFleet([
      { name: 'myvm', sessions: ['main', 'staging'] },
      { name: 'web-1', sessions: ['main'], tags: { role: 'web' } },
      { name: 'web-2', sessions: ['main'], tags: { role: 'web' } },
    ]);
    const prefix = mkdtempSync(join(fleet.directory, 'prefix-'));
    execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', prefix, ROOT]);
    const options = ['--global', '--offline', '--no-audit', '--no-fund', '--silent', '--prefix', prefix];
    execFileSync('npm', ['install', ...options, ...packed(prefix)]);
    const { AZLIN_IDENTITY: _, ...environment } = fleet.environment;
    const mine = { ...environment, PATH: `${prefix}/bin${delimiter}${environment['PATH']}`, AZURE_SUBSCRIPTION_ID: '' };
    const of = (label: string) => ({
      ...mine,
      AZLIN_HOME: mkdtempSync(join(fleet.directory, 'home-')),
      AZLIN_LABEL: label,
    });
    [alice, bob] = await Promise.all([
      openTerminal(of('alice@laptop'), columns, rows),
      openTerminal({ ...of('bob@desk'), AZLIN_IDENTITY: fleet.identity }, columns, rows),
    ]);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([alice?.close(), bob?.close()]);
    fleet?.close();
  });

  let lines = 0;
  /** Types a line on a clear screen, and waits for its exit code. Returns what it printed. */
  async function line(text: string, code = 0, terminal = alice): Promise<string> {
    // With a number, so that the line before it is not taken for it.
    const end = `line ${++lines}: code`;
    await terminal.type(`clear; ${text}${text.includes('\n') ? '\n' : '; '}echo "${end} $?"\n`);
    const screen = await terminal.shows(new RegExp(`^${end} \\d+$`, 'm'));
    expect(screen).toMatch(new RegExp(`^${end} ${code}$`, 'm'));
    return screen;
  }
  const detach = async (terminal: RealTerminal) => {
    await terminal.press('C-b', 'd');
    await terminal.shows(/^myvm:staging: detached; the session is still running$/m);
  };

  test('install and init', async () => {
    expect(await line('azlin --version')).toMatch(/^\d+\.\d+\.\d+$/m);
    await alice.type('clear; azlin init; echo "code $?"\n');
    await alice.shows(/Subscription: /);
    await alice.press('Enter');
    await alice.shows(/Resource group \[all\]:/);
    await alice.press('Enter');
    await alice.shows(/User name on the VMs/);
    await alice.press('Enter');
    await alice.shows(/Private key file/);
    await alice.type(fleet.identity);
    await alice.press('Enter');
    await alice.shows(/found 3 VMs, 3 running[\s\S]*^code 0$/m);
  });

  test('list', async () => {
    const screen = await line('azlin list');
    expect(screen).toMatch(/^HOSTNAME +SESSION +/m);
    for (const [vm, session] of [
      ['myvm', 'main'],
      ['myvm', 'staging'],
      ['web-1', 'main'],
      ['web-2', 'main'],
    ])
      expect(screen).toMatch(new RegExp(`^${vm} +${session} +Running `, 'm'));
    expect(await line('azlin ls "web-*"')).not.toMatch(/^myvm/m);
  });

  test('pick, by a few letters; connect and detach', async () => {
    await line("azlin send myvm:staging 'echo seen in the preview' --keys Enter");
    await alice.type('clear; azlin connect\n');
    await alice.shows(/\? Session[\s\S]*Ctrl-X close/);
    await alice.type('mvst');
    const screen = await alice.shows(
      columns < 100 ? /❯ myvm:staging/ : /❯ myvm:staging .* │ .*[\s\S]* │ seen in the preview$/m,
    );
    expect(screen).not.toContain('web-1');
    await alice.press('Enter');
    await alice.shows(/\[staging\]/);
    await alice.type('clear; export COLOUR=blue; cd /tmp; echo re""ady\n');
    // tmux takes what comes within a millisecond for a paste, and its prefix for a letter of it.
    await alice.shows(/^ready$/m);
    await detach(alice);
  });

  test('a link that is lost', async () => {
    await alice.type('clear; azlin connect myvm:staging\n');
    await alice.shows(/\[staging\]/);
    await alice.type('clear; echo be""fore\n');
    await alice.shows(/^before$/m);
    killBelow(fleet.machines.get('myvm')?.pid ?? 0);
    await alice.type('echo af""ter\n');
    await until('keys to arrive again', async () => {
      await alice.type('echo go""es on\n');
      return /^goes on$/m.test(await alice.screen());
    });
    await detach(alice);
  });

  test('one-liners, pipes, heredocs', async () => {
    expect(await line("azlin exec myvm:staging 'pwd; exit 3'", 3)).toMatch(/^\/tmp$/m);
    expect(await line("azlin run myvm:staging 'echo $COLOUR; COLOUR=red'")).toMatch(/^blue$/m);
    expect(await line("azlin run myvm:staging 'echo $COLOUR'")).toMatch(/^red$/m);
    expect(await line('seq 1000 | azlin exec --stdin myvm:staging wc -l')).toMatch(/^1000$/m);
    expect(await line('azlin ssh myvm uname | tr a-z A-Z')).toMatch(/^LINUX$/m);
    expect(
      await line("azlin exec --errexit myvm:staging <<'END' | tail -n 1\nset -- one two\nfalse\necho not this\nEND", 0),
    ).not.toMatch(/^not this$/m);
    expect(
      await line('azlin exec myvm:staging <<\'END\'\nfor word in one two; do echo "$word of $#"; done\nEND'),
    ).toMatch(/^one of 0\ntwo of 0$/m);
    expect(await line('azlin list --json | jq -r ".[].hostname" | sort -u')).toMatch(/^myvm\nweb-1\nweb-2$/m);
  });

  test('jobs', async () => {
    await line(
      "azlin exec --detach --job build myvm:staging 'for i in 1 2 3; do echo step $i; done; until [ -e ~/built ]; do sleep 0.1; done; exit 4'",
    );
    expect(await line('azlin jobs --running')).toMatch(/^build +running +\d+ s +myvm:staging +for i in/m);
    expect(await line('azlin logs --tail 1 buil')).toMatch(/^step 3$/m);
    await line('azlin exec myvm:main touch built');
    await line('azlin wait build', 4);
    expect(await line('azlin ps')).toMatch(/^build +exit 4 /m);
    await line('azlin exec --detach --job long myvm:main sleep 300000');
    expect(await line('azlin cancel long')).toMatch(/^Job long on myvm: cancelled$/m);
  });

  test('the fleet', async () => {
    const screen = await line("azlin exec 'web-*:main' 'echo at work; exit 2'", 2);
    expect(screen).toMatch(/^web-1:main \| at work$/m);
    expect(screen).toMatch(/^web-2:main \| at work$/m);
    expect(await line('azlin exec --group --tag role=web echo the same')).toMatch(/^the same$/m);
    await line("azlin exec --detach 'web-*:main' 'sleep 1; echo done here'");
    expect(await line("azlin logs --follow 'web-*:main'")).toMatch(/^web-[12]:main \| done here$/m);
    expect(await line("azlin status 'web-*'")).toMatch(/^web-1 +Running /m);
  });

  test('sharing: two people, two terminals, one session', async () => {
    await alice.type('clear; azlin connect myvm:staging\n');
    await alice.shows(/\[staging\]/);
    await alice.type('clear; echo typed by al""ice\n');
    await alice.shows(/^typed by alice$/m);
    await bob.type('azlin connect myvm:staging\n');
    const [hers, his] = await Promise.all([
      alice.shows(/^bob@desk attached/m),
      bob.shows(/^Also attached: alice@laptop \(idle \d+ s\)/m),
    ]);
    for (const screen of [hers, his]) expect(screen).toMatch(/^typed by alice$/m);
    await bob.type('echo typed by b""ob\n');
    await Promise.all([alice, bob].map((one) => one.shows(/^typed by bob$/m)));
    await detach(alice);
    const who = await line('azlin who');
    expect(who).toMatch(/^WHO +WHERE +(SINCE +)?IDLE$/m);
    expect(who).toMatch(/^bob@desk +myvm:staging +.*\d+ s$/m);
    await alice.type('clear; azlin close myvm:staging; echo "code $?"\n');
    await alice.shows(/bob@desk is attached to myvm:staging\. End it\?/);
    await alice.press('n', 'Enter');
    await alice.shows(/^code 130$/m);
    await detach(bob);
  });

  test('tidying up', async () => {
    await line('azlin connect --create myvm:ci-1 -- true');
    await line('azlin exec --create myvm:ci-2 true');
    expect(await line("azlin session 'myvm:ci-1' --ttl 1s")).toMatch(/needed until/);
    await until('it to be overdue', async () => /myvm +ci-1/.test(await line('azlin prune --dry-run')));
    await line('azlin prune --mine --yes');
    await alice.type('clear; azlin connect\n');
    await alice.shows(/❯ /);
    await alice.type('ci-');
    await alice.shows(/❯ myvm:ci-2/);
    await alice.press('C-x');
    await alice.shows(/Close myvm:ci-2\? What runs there ends too/);
    await alice.press('y', 'Enter');
    await alice.shows(/1 session closed/);
    await alice.press('C-c');
    await alice.shows(/error: Interrupted/);
    expect(await line('azlin list myvm')).not.toMatch(/ci-/);
    expect(await alice.leftOn()).toBe('0 1 0 0');
  });
});

function killBelow(pid: number): void {
  for (const one of processesBelow(pid)) {
    try {
      process.kill(one, 'SIGKILL');
    } catch {
      // It has ended with the one before it.
    }
  }
}

/** The package in the folder. */
function packed(folder: string): readonly string[] {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  return [join(folder, `azlin-${version}.tgz`)];
}
