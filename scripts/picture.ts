/*
 * Records the moving picture of the README, docs/terminal.svg: a real terminal on the demo fleet, in which somebody types, attaches to a session and loses
 * the connection. Usage: npm run picture
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startFleet } from '../test/support/fleet.ts';
import { startMovableLink } from '../test/support/movable-link.ts';
import { openTerminal } from '../test/support/terminal.ts';
import { type Frame, recordingSvg } from './screen-svg.ts';

const SIZE = { columns: 84, rows: 20 };
const PICTURE = new URL('../docs/terminal.svg', import.meta.url);
/** Milliseconds between two looks at the screen; then the least and the most that a screen is shown, and how long the end of a scene is shown. */
const LOOK = 60;
const [SHORTEST, LONGEST, HOLD] = [70, 1_000, 2_800];

const fleet = await startFleet();
const vm = fleet.machines.get('myvm');
if (!vm) throw new Error('there is no VM myvm');
// The link has the same port, because that is in a tag of the VM.
const link = await startMovableLink(() => vm, vm.port);
const config = join(fleet.directory, 'ssh_config');
writeFileSync(config, `Host myvm\n  HostName ${link.place().address}\n`);
const environment = { ...fleet.environment, AZLIN_SSH_CONFIG: config, AZLIN_KEEPALIVE: '1s', AZLIN_LABEL: 'me@laptop' };
const terminal = await openTerminal(environment, SIZE.columns, SIZE.rows);
const frames: Frame[] = [];

/** Takes the screen as the next frame, unless nothing has changed. */
async function look(): Promise<void> {
  const screen = (await terminal.tmux('capture-pane', '-p', '-e', '-t', '=term:')).trimEnd();
  const now = Date.now();
  const last = frames.at(-1);
  if (last?.screen === screen) return;
  if (last) last.ms = Math.min(LONGEST, Math.max(SHORTEST, now - last.at));
  frames.push({ screen, at: now, ms: SHORTEST });
}

async function watch(until: RegExp): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    await look();
    if (until.test(await terminal.screen())) return look();
    await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
  throw new Error(`the screen never showed ${until}:\n${await terminal.screen()}`);
}

async function type(line: string): Promise<void> {
  for (const letters of line.match(/.{1,2}/g) ?? []) {
    // A semicolon at the end would end the command of tmux.
    await terminal.type(letters.replace(/;$/, '\\;'));
    await look();
  }
  await terminal.press('Enter');
}

/** Types a line and waits for what it shows. That stays for a while, then the screen is cleared. */
async function scene(line: string, shown: RegExp): Promise<void> {
  await type(line);
  await watch(shown);
  await watch(/\n\$\s*$/);
  await hold();
}

async function hold(): Promise<void> {
  await look();
  const last = frames.at(-1);
  if (last) frames.push({ ...last, ms: HOLD }, { ...last, screen: '', at: Date.now() });
  await terminal.tmux('clear-history', '-t', '=term:');
  await terminal.tmux('send-keys', '-R', '-t', '=term:', 'C-l');
  await terminal.shows(/^\s*\$\s*$/);
}

try {
  await terminal.type("unset TMUX; PS1='$ '; clear");
  await terminal.press('Enter');
  await terminal.shows(/^\s*\$\s*$/);
  await scene('azlin list', /all shows it/);
  await scene('azlin connect main', /hint: azlin connect/);
  await type('azlin connect myvm:dev');
  await watch(/\[dev/);
  await type('for i in $(seq 99); do echo "building $i"; sleep 0.5; done');
  await watch(/^building 3$/m);
  link.cut();
  await watch(/connection lost, retrying in/);
  await watch(/retrying in 2 s/);
  await link.restore();
  await watch(/^building 1[2-9]$/m);
  await terminal.press('C-b', 'd');
  await watch(/detached/);
  await hold();
  await scene("azlin exec --group '*:main' uname -s", /of 2 done/);
  // The last screen is the one that a viewer without animation shows.
  frames.pop();
  writeFileSync(PICTURE, recordingSvg(frames, SIZE));
} finally {
  await terminal.close();
  link.close();
  fleet.close();
}
