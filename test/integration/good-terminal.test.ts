import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { startFleet } from '../support/fleet.ts';
import { machineRun } from '../support/machine.ts';
import { random as randomFrom } from '../support/random.ts';
import { openTerminal, type RealTerminal } from '../support/terminal.ts';
import { throughTwoTypists } from '../support/two-typists.ts';
import { until } from '../support/until.ts';

let fleet: DemoFleet;
let terminal: RealTerminal;
beforeAll(async () => {
  fleet = await startFleet([{ name: 'vm', sessions: [] }]);
}, 60_000);
afterAll(() => fleet.close());
beforeEach(async () => {
  // The server of the test before may just be ending.
  await until('a session', async () => (await tmux('new-session', '-d', '-s', 'dev')).code === 0);
  terminal = await openTerminal({ ...fleet.environment, COLORTERM: 'truecolor' });
});
afterEach(async () => {
  await terminal.close();
  await tmux('kill-server');
  await until('the server to end', async () => (await tmux('list-sessions')).code !== 0);
});

const tmux = (...args: string[]) => machineRun(fleet, 'vm', ['tmux', '-u', ...args]);
const home = () => fleet.machines.get('vm')?.home ?? '';
const connect = async (line = 'azlin connect vm:dev') => {
  await terminal.type(`${line}; echo "code $?"\n`);
  await terminal.shows(/\[dev\]/);
};
/** A program in the pane that keeps what is typed, byte for byte. */
const record = async (name: string, before = '') => {
  await terminal.type(`clear; stty raw -echo; printf '${before}'; echo read""y; exec cat >${name}\n`);
  await terminal.shows(/^ready$/m);
};
const recorded = (name: string) =>
  existsSync(join(home(), name)) ? readFileSync(join(home(), name)) : Buffer.alloc(0);

describe('what is typed', () => {
  test('1 MB that is pasted arrives as it was', async () => {
    await connect();
    await record('paste');
    const random = randomFrom(1);
    // Lines that look like escapes are a part of it, too.
    const lines = Array.from(
      { length: 20_000 },
      (_, index) => `${['~.', '~?', 'é東 ', ''][index % 4]}${'x'.repeat(random() * 96)}`,
    );
    const text = Buffer.from(`${lines.join('\r')}\r`);
    expect(text.length).toBeGreaterThan(1_000_000);
    const file = join(fleet.directory, 'paste');
    writeFileSync(file, text);
    await terminal.tmux('load-buffer', file);
    await terminal.tmux('paste-buffer', '-r', '-p', '-t', '=term:');
    await until('all of it', () => recorded('paste').length >= text.length, 30_000);
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    expect(digest(recorded('paste'))).toBe(digest(text));
  }, 40_000);

  test('a bracketed paste stays one, and the mouse comes through', async () => {
    await tmux('set-option', '-g', 'mouse', 'on');
    await connect();
    await record('marks', '\\033[?2004h\\033[?1000h\\033[?1006h');
    await terminal.tmux('set-buffer', 'pasted\r~.');
    await terminal.tmux('paste-buffer', '-r', '-p', '-t', '=term:');
    await until('the paste', () => recorded('marks').includes('\u001b[201~'));
    expect(recorded('marks').toString()).toBe('\u001b[200~pasted\r~.\u001b[201~');
    const click = Buffer.from('\u001b[<0;5;3M\u001b[<0;5;3m').toString('hex');
    await terminal.press('-H', ...(click.match(/../g) ?? []));
    await until('the click', () => recorded('marks').includes('\u001b[<0;5;3m'));
  });

  test('escapes: a tilde, help that goes away, and the way out', async () => {
    await connect();
    await terminal.press('Enter');
    await terminal.type('~~x');
    await terminal.shows(/# ~x$/m);
    await terminal.press('C-u', 'Enter');
    await terminal.type('~');
    await terminal.type('?');
    await terminal.shows(/^ ~\. {2}disconnect .* ~~ {2}send a tilde .* ~\? {2}this help/m);
    await terminal.type('y');
    await until('the status line of tmux', async () => /\[dev\].*\s*$/.test(await terminal.screen()));
    await terminal.press('C-u', 'Enter');
    await terminal.type('~.');
    await terminal.shows(/^vm:dev: disconnected; the session is still running\ncode 130$/m);
    expect(await terminal.leftOn()).toBe('0 1 0 0');
    await until('the client to be gone', async () => (await tmux('list-clients')).stdout === '');
  });
});

describe('what is shown', () => {
  test('all colours, wide characters, and the clipboard', async () => {
    await tmux('set-option', '-s', 'set-clipboard', 'on');
    await terminal.tmux('set-option', '-s', 'set-clipboard', 'on');
    await connect();
    await terminal.type(
      "clear; printf '\\033[38;2;1;2;3mtrue\\033[0m \\033[38;5;201m256\\033[0m é東👍 end\\n\\033]52;c;aGVsbG8=\\a'\n",
    );
    await terminal.shows(/^true 256 é東👍 end$/m);
    const painted = await terminal.tmux('capture-pane', '-p', '-e', '-t', '=term:');
    expect(painted).toContain('\u001b[38;2;1;2;3mtrue');
    expect(painted).toMatch(/\[(0;)?38;5;201m256/);
    await until('the clipboard', async () => (await terminal.tmux('show-buffer').catch(() => '')) === 'hello');
  });

  test('a storm of sizes ends with the right one', async () => {
    await connect();
    for (let index = 0; index < 40; index++) await terminal.resize(60 + ((index * 37) % 60), 10 + ((index * 7) % 20));
    await terminal.resize(97, 21);
    await until('tmux to have it', async () => {
      const { stdout } = await tmux('display-message', '-p', '-t', '=dev:', '#{window_width}x#{window_height}');
      return stdout === '97x20\n';
    });
    // tmux tells its panes a moment later.
    await terminal.type('clear; until [ "$(stty size)" = "20 97" ]; do sleep 0.1; done; echo fin""ally\n');
    await terminal.shows(/^finally$/m);
  });

  test('the title of the window, and afterwards the one before', async () => {
    await terminal.type("printf '\\033]2;mine\\033\\\\'\n");
    await until('a title', async () => (await terminal.title()) === 'mine');
    await connect();
    await until('another title', async () => (await terminal.title()) === 'dev@vm');
    await terminal.press('C-b', 'd');
    await terminal.shows(/code 0/);
    await until('the title before', async () => (await terminal.title()) === 'mine');
  });
});

describe('where it runs', () => {
  test('inside tmux: said once', async () => {
    await connect();
    await terminal.press('C-b', 'd');
    expect(await terminal.shows(/^code 0$/m)).toMatch(/^warning: this terminal is already inside tmux/m);
    await terminal.type('clear\n');
    await connect();
    await terminal.press('C-b', 'd');
    expect(await terminal.shows(/^code 0$/m)).not.toContain('warning');
  });

  test('a terminal that the VM does not know, and one that knows little', async () => {
    for (const term of ['no-such-terminal', 'vt100']) {
      await connect(`clear; TERM=${term} azlin connect vm:dev`);
      const { stdout } = await tmux('list-clients', '-F', '#{client_termname}');
      expect(stdout).toBe(term === 'vt100' ? 'vt100\n' : 'xterm-256color\n');
      await terminal.press('C-b', 'd');
      await terminal.shows(/^code 0$/m);
    }
  });

  test('--no-tmux: a login shell, its exit code, no session', async () => {
    await tmux('kill-server');
    await terminal.type('azlin ssh vm --no-tmux; echo "code $?"\n');
    await terminal.shows(/vm:\S*#/);
    await terminal.type('clear; shopt -q login_shell && echo lo""gin $(tput cols)\n');
    await terminal.shows(/^login 80$/m);
    await terminal.resize(101, 20);
    await terminal.type('clear; echo col""s $(tput cols); [ -z "$TMUX" ] && exit 7\n');
    await terminal.shows(/^cols 101[\s\S]*^code 7$/m);
    await terminal.type('clear; azlin connect vm --no-tmux; echo "code $?"\n');
    await terminal.shows(/vm:\S*#/);
    await terminal.press('Enter');
    await terminal.type('~.');
    await terminal.shows(/^vm: disconnected; what ran there ends too\ncode 130$/m);
    expect((await tmux('list-sessions')).stdout).toBe('');
  });

  test.each([
    ['ssh vm:dev --no-tmux', /name the VM alone/],
    ['connect vm:dev --no-tmux', /--no-tmux uses none\nhint: name the VM alone: azlin connect --no-tmux vm$/],
    ['connect vm --no-tmux --read-only', /Give --no-tmux or --read-only, not both/],
    ['connect vm:dev --independent --take-over', /Give --independent or --take-over, not both/],
    ['connect vm:dev --yes', /--yes only works with --take-over/],
    ['connect vm:dev --reconnect often', /expected a number of attempts/],
    ['connect vm:dev --read-only -- true', /leave out --read-only/],
    ['ssh vm --detach --independent', /leave out --independent/],
  ])('azlin %s is refused', async (line, reason) => {
    await terminal.type(`azlin ${line}; echo "code $?"\n`);
    const screen = await terminal.shows(/^code (2|255)$/m);
    const [said = ''] = screen.split('\ncode');
    // The terminal has broken the line somewhere.
    expect(said.replaceAll('\n', '')).toMatch(new RegExp(reason.source.replaceAll('\\n', '')));
  });
});

test('two clients type and paste at random: the pane holds exactly that', async () => {
  const { differs, bytes } = await throughTwoTypists({ events: 400, seed: 7 });
  expect(differs).toBeUndefined();
  expect(bytes).toBeGreaterThan(1_000);
}, 60_000);
