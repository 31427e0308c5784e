import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { throughBreaks } from '../support/broken-terminal.ts';
import { azlin, CLI, startFleet } from '../support/fleet.ts';
import { freshHome } from '../support/fresh-home.ts';
import { startMovableLink } from '../support/movable-link.ts';
import { type ShakyTerminal, startShakyTerminal } from '../support/shaky-terminal.ts';
import { openTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';

const THEN = '; echo "code $?"';
const LOST = /vm:dev: connection lost, retrying (now|in \d+ s) \((Enter: now, )?Ctrl-C: stop\)/;

test('a link that is cut, held up, moved, and a server that is restarted: the screen goes on, and nothing is left', async () => {
  const breaks = ['cut', 'stall', 'sshd', 'move', 'stall', 'cut', 'move', 'sshd'] as const;
  const { back, modes, ...rest } = await throughBreaks({ breaks, seed: 5, stall: 1_000, keepalive: '200ms' });
  expect(rest).toEqual({ farewell: 'vm:dev: detached; the session is still running', leftOn: '0 1 0 0', left: [] });
  expect(modes).toMatch(/\bisig icanon\b.*\becho\b/s);
  expect(back).toHaveLength(breaks.length);
}, 120_000);

describe('while the connection is lost', () => {
  let shaky: ShakyTerminal;
  beforeEach(async () => {
    shaky = await startShakyTerminal('200ms');
  }, 30_000);
  afterEach(() => shaky.close());

  const attach = async (options = '') => {
    await shaky.terminal.type(`$AZLIN connect ${options} vm:dev${THEN}\n`);
    await shaky.terminal.shows(/\[dev/);
  };
  const pane = () => shaky.tmux('capture-pane', '-p', '-t', '=dev:');
  const clients = () => shaky.tmux('list-clients', '-F', '#{client_width}x#{client_height}').trim();
  const isAsItWas = async () => expect(await shaky.terminal.leftOn()).toBe('0 1 0 0');

  test('Ctrl-C stops waiting', async () => {
    await attach();
    shaky.link.cut();
    await shaky.terminal.shows(LOST);
    await shaky.terminal.press('C-c');
    await shaky.terminal.shows(
      /^vm:dev: connection lost; the session is still running: azlin connect vm:dev\ncode 130$/m,
    );
    await isAsItWas();
    expect(await shaky.leftovers()).toEqual([]);
  });

  test('the escape stops, too', async () => {
    await attach();
    shaky.link.cut();
    await shaky.terminal.shows(LOST);
    await shaky.terminal.press('Enter', '~', '.');
    await shaky.terminal.shows(/^code 130$/m);
    await isAsItWas();
  });

  test('keys go nowhere, and a bell says so', async () => {
    await attach();
    await shaky.terminal.type('clear; echo sta""rt\n');
    await shaky.terminal.shows(/^start$/m);
    shaky.link.stall();
    // On its way when the link dies: that must not arrive later, either.
    await shaky.terminal.type('typed-into-the-void ');
    await shaky.terminal.shows(LOST);
    await shaky.terminal.bells();
    await shaky.terminal.type('typed-while-offline ');
    await until('a bell', async () => (await shaky.terminal.bells()) > 0);
    await shaky.link.restore();
    await until('the status line to go', async () => !LOST.test(await shaky.terminal.screen()));
    await shaky.terminal.type('echo aft""er\n');
    await shaky.terminal.shows(/^after$/m);
    expect(pane()).not.toMatch(/void|offline/);
    expect(clients().split('\n')).toHaveLength(1);
  });

  test('the window may change its size', async () => {
    await attach();
    shaky.link.cut();
    await shaky.terminal.shows(LOST);
    await shaky.terminal.resize(100, 30);
    await until('the status line to move', async () => {
      const rows = (await shaky.terminal.screen()).split('\n');
      return LOST.test(rows[29] ?? '');
    });
    await shaky.link.restore();
    await until('tmux to have the new size', () => clients() === '100x30');
  });

  test('--reconnect N is used up', async () => {
    await attach('--reconnect 2');
    shaky.link.cut();
    await shaky.terminal.shows(
      /^error: The connection to vm:dev was lost, and 2 attempts to reconnect failed[\s\S]*connection refused\nhint: azlin connect vm:dev reconnects: the session is still running\ncode 7$/m,
    );
    await isAsItWas();
  });

  test('a session that has ended meanwhile is not made anew', async () => {
    await attach();
    shaky.link.cut();
    await shaky.terminal.shows(LOST);
    shaky.tmux('kill-session', '-t', '=dev');
    shaky.tmux('new-session', '-d', '-s', 'other');
    shaky.tmux('new-session', '-d', '-s', 'dev');
    await shaky.link.restore();
    await shaky.terminal.shows(/^error: The session "dev" on "vm" has just ended[\s\S]*code 3$/m);
    await isAsItWas();
    expect(clients()).toBe('');
  });

  test('a session that got another name is the same one', async () => {
    await attach();
    shaky.link.cut();
    await shaky.terminal.shows(LOST);
    shaky.tmux('rename-session', '-t', '=dev', 'renamed');
    await shaky.link.restore();
    await shaky.terminal.shows(/\[renamed\]/);
  });

  test('the session that one switched to inside tmux is the one to come back to', async () => {
    shaky.tmux('new-session', '-d', '-s', 'zweite');
    await attach();
    await shaky.terminal.press('C-b', ')');
    await shaky.terminal.shows(/\[zweite\]/);
    // The VM does not know yet that the link is gone.
    shaky.link.stall();
    await shaky.terminal.shows(LOST);
    shaky.link.forget();
    await until('the status line to go', async () => !LOST.test(await shaky.terminal.screen()));
    await shaky.terminal.shows(/\[zweite\]/);
    expect(shaky.tmux('list-clients', '-F', '#{session_name}').trim()).toBe('zweite');
  });

  test('a view of one’s own survives', async () => {
    await attach('--independent');
    await shaky.terminal.press('C-b', 'c');
    await shaky.terminal.shows(/\[dev-me\]? ?0:bash- 1:bash\*/);
    for (const kind of ['stall', 'forget', 'cut'] as const) {
      if (kind === 'cut') shaky.link.cut();
      else shaky.link.stall();
      await shaky.terminal.shows(LOST);
      if (kind === 'forget') shaky.link.forget();
      else await shaky.link.restore();
      await until('the status line to go', async () => !LOST.test(await shaky.terminal.screen()));
      await shaky.terminal.shows(/\[dev-me\]? ?0:bash- 1:bash\*/);
    }
    await shaky.terminal.press('Enter', '~', '.');
    await shaky.terminal.shows(/^code 130$/m);
    await until('the view to be gone', () => shaky.tmux('list-sessions', '-F', '#{session_name}').trim() === 'dev');
  });

  test('who was sent away meanwhile is not back by himself', async () => {
    await attach();
    shaky.link.stall();
    await shaky.terminal.shows(LOST);
    const place = JSON.stringify({ vms: [{ name: 'vm', id: 'id-of-vm', ...pick(shaky.machine) }] });
    writeFileSync(`${shaky.lab.directory}/direct.json`, place);
    const other = {
      ...shaky.environment,
      AZLIN_INVENTORY: `${shaky.lab.directory}/direct.json`,
      AZLIN_LABEL: 'bob@box',
    };
    const said = execFileSync(process.execPath, [CLI, 'disconnect', 'vm:dev'], { env: other, encoding: 'utf8' });
    expect(said).toBe('vm:dev: 1 client detached\n');
    await shaky.link.restore();
    await shaky.terminal.shows(
      /^error: bob@box detached you from "dev" on "vm" while the connection was lost\nhint: azlin connect vm:dev attaches again\ncode 7$/m,
    );
    await isAsItWas();
  });

  test('a take-over that was wanted is done, though the link broke at the question', async () => {
    const { TMUX_TMPDIR: VM_TMUX = '', ...machine } = shaky.machine.environment;
    const other = await openTerminal({ ...machine, VM_TMUX });
    try {
      await other.type('TMUX= TMUX_TMPDIR=$VM_TMUX tmux attach -t =dev\n');
      await other.shows(/\[dev\]/);
      await shaky.terminal.type('$AZLIN connect --take-over vm:dev\n');
      await shaky.terminal.shows(/\? Detach \/dev\/\S+ from vm:dev\?/);
      shaky.link.cut();
      await shaky.link.restore();
      await shaky.terminal.press('y', 'Enter');
      await shaky.terminal.shows(/\[dev\]/);
      await other.shows(/\[detached by me@here\]$/m);
    } finally {
      await other.close();
    }
  });

  test('a process that was stopped has its terminal again when it goes on', async () => {
    await attach();
    await shaky.signal('STOP');
    await shaky.terminal.shows(/Stopped/);
    await shaky.terminal.type('clear; stty sane; fg\n');
    await shaky.terminal.shows(/\[dev\]/);
    await shaky.terminal.type('cat\n');
    await shaky.terminal.press('C-c');
    // What is typed before it has arrived goes with it.
    await shaky.terminal.shows(/\^C\s+\S*[#$]\s*$/m);
    await shaky.terminal.type('echo st""ill\n');
    await shaky.terminal.shows(/^still$/m);
  });

  test('SIGTERM ends it', async () => {
    await attach();
    shaky.link.cut();
    await shaky.terminal.shows(LOST);
    await shaky.signal('TERM');
    await shaky.terminal.shows(/code 143/);
    await isAsItWas();
  });

  test('a machine that wakes up asks at once whether the link is still there', async () => {
    // With these keepalives nobody would notice for 45 s.
    await shaky.close();
    shaky = await startShakyTerminal('15s');
    // A shell without job control does not take the terminal when its child sleeps.
    await shaky.terminal.type('set +m\n');
    await attach();
    await shaky.signal('STOP');
    shaky.link.stall();
    await until('seven seconds to pass', pausing(7_500));
    await shaky.signal('CONT');
    await shaky.terminal.shows(LOST);
    await shaky.link.restore();
    await until('the status line to go', async () => !LOST.test(await shaky.terminal.screen()));
    expect(clients()).toBe('80x24');
  }, 40_000);
});

const pick = ({ address, port, user }: ShakyTerminal['machine']) => ({ address, port, user });

/** True once so much time has passed: it is what a clock is asked about here. */
function pausing(ms: number): () => boolean {
  const since = performance.now();
  return () => performance.now() - since > ms;
}

test('a VM of Azure that has another address by now: Azure is asked where it is', async () => {
  const fleet = await startFleet([{ name: 'vm', sessions: ['dev'] }]);
  const { address = '', port = 0 } = fleet.machines.get('vm') ?? {};
  const link = await startMovableLink(() => ({ address, port }));
  const home = freshHome(fleet);
  const terminal = await openTerminal({ ...fleet.environment, ...home });
  try {
    await azlin(fleet, ['list'], { environment: home });
    // What is remembered is the address before; only there the link is.
    const cache = join(home.AZLIN_HOME, 'cache');
    const path = join(cache, readdirSync(cache).find((file) => file.startsWith('inventory')) ?? '');
    const kept = JSON.parse(readFileSync(path, 'utf8'));
    const { address: before, port: portBefore } = link.place();
    kept.value.vms[0].tags = { 'azlin-ssh-host': before, 'azlin-ssh-port': `${portBefore}` };
    writeFileSync(path, JSON.stringify(kept));
    await terminal.type('azlin connect vm:dev\n');
    await terminal.shows(/\[dev\]/);
    expect(link.open()).toBeGreaterThan(0);
    link.cut();
    await until('the old way to be closed', () => link.open() === 0);
    await terminal.type('clear; echo he""re\n');
    await until('the screen to go on', async () => {
      const screen = await terminal.screen();
      if (!LOST.test(screen) && !/^here$/m.test(screen)) await terminal.type('clear; echo he""re\n');
      return /^here$/m.test(screen);
    });
    await terminal.press('C-b', 'd');
    await terminal.shows(/vm:dev: detached/);
  } finally {
    await terminal.close();
    link.close();
    fleet.close();
  }
}, 60_000);
