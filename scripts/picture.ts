/*
 * Records the terminal picture of the README, docs/terminal.svg: a real terminal, in which somebody types on the demo fleet.
 * Usage: npm run picture
 */
import { writeFileSync } from 'node:fs';
import { startFleet } from '../test/support/fleet.ts';
import { openTerminal } from '../test/support/terminal.ts';
import { screenSvg } from './screen-svg.ts';

const COLUMNS = 84;
const PICTURE = new URL('../docs/terminal.svg', import.meta.url);
const LINES = [
  ['azlin list', /testvm[^\n]*\n[\s\S]*all shows it/],
  ['azlin connect main', /hint: azlin connect/],
  ["azlin exec prodvm:api 'echo $TMUX_PANE; exit 42'; echo $?", /^42$/m],
  ["azlin exec --group '*:main' uname -s", /of 2 done/],
  ['azlin session myvm:dev release-42', /^release-42$/m],
] as const;

const fleet = await startFleet();
const terminal = await openTerminal(fleet.environment, COLUMNS, 42);
try {
  await terminal.type("unset TMUX; PS1='\\n$ '; clear");
  await terminal.press('Enter');
  await terminal.shows(/^\s*\$\s*$/);
  for (const [line, shown] of LINES) {
    await terminal.type(line);
    await terminal.press('Enter');
    await terminal.shows(shown);
    await terminal.shows(/\n\$\s*$/);
  }
  const screen = await terminal.tmux('capture-pane', '-p', '-e', '-t', '=term:');
  writeFileSync(PICTURE, screenSvg(screen.replace(/^\n+|\n+\$\s*$/g, ''), COLUMNS));
} finally {
  await terminal.close();
  fleet.close();
}
