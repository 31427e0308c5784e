/*
 * Compares `azlin connect` with `ssh -t … tmux attach` on the same sshd and the same kind of session, each in its own pseudo-terminal: the time from a key
 * to its echo (keys in turns, so that both see the same machine), and the rate of 50 MB on the screen, through tmux and in a plain shell. Prints
 * percentiles and ratios. Usage: npm run bench:terminal [-- KEYS]
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { CLI, startFleet } from '../test/support/fleet.ts';
import { openScreen } from './screen.ts';
import { sshTo } from './ssh-to.ts';

const KEYS = Number(process.argv[2] ?? 2_000);
const BYTES = 50_000_000;
const RUNS = 5;

const fleet = await startFleet([{ name: 'myvm', sessions: ['ssh', 'azlin', 'bulk'] }]);
const ssh = sshTo(fleet, 'myvm').terminal;
const azlin = [process.execPath, CLI];
const open = (argv: readonly string[]) => openScreen(argv, fleet.environment);
const attachWith = (session: string) => [...ssh, `tmux -u attach -t =${session}`];
try {
  await echo();
  await bulk('through tmux', attachWith('bulk'), [...azlin, 'connect', 'myvm:bulk']);
  await bulk('plain shell', ssh, [...azlin, 'ssh', 'myvm', '--no-tmux']);
} finally {
  fleet.close();
}

async function echo(): Promise<void> {
  const both = { ssh: open(attachWith('ssh')), azlin: open([...azlin, 'connect', 'myvm:azlin']) };
  const times: Record<keyof typeof both, number[]> = { ssh: [], azlin: [] };
  for (const [name, screen] of Object.entries(both)) {
    await screen.shows(`[${name}]`);
    screen.type('exec cat >/dev/null\n');
    await screen.shows('cat*');
  }
  for (let index = 0; index < KEYS; index++) {
    const key = 'abcdefghijklmnopqrstuvwxyz'[index % 26] ?? '';
    for (const name of ['ssh', 'azlin'] as const) {
      const since = performance.now();
      const shown = both[name].shows(key);
      both[name].type(key);
      await shown;
      times[name].push(performance.now() - since);
      if (index % 60 === 59) both[name].type('\n');
      // A person does not type that fast, and the machine must come to rest.
      await new Promise((resolve) => setTimeout(resolve, 4));
    }
  }
  for (const { child } of Object.values(both)) child.kill('SIGKILL');
  for (const percent of [50, 90, 99]) {
    const [one, other] = [percentile(times.ssh, percent), percentile(times.azlin, percent)];
    console.log(
      `echo of a key, p${percent}: ssh ${one.toFixed(2)} ms, azlin ${other.toFixed(2)} ms (${(other / one).toFixed(2)} x)`,
    );
  }
}

async function bulk(what: string, first: readonly string[], second: readonly string[]): Promise<void> {
  const path = join(fleet.directory, 'lines');
  writeFileSync(path, `${'0123456789'.repeat(7)}\n`.repeat(BYTES / 71));
  const rates: number[][] = [[], []];
  for (let run = 0; run < RUNS; run++) {
    for (const [index, argv] of [first, second].entries()) {
      const screen = open(argv);
      await screen.shows('# ');
      // Neither the typed command nor what is left from the last run may look like the end.
      const end = `over ${run}${index}`;
      screen.type(`clear; cat ${path}; echo ov''er ${run}${index}\n`);
      const since = performance.now();
      await screen.shows(end);
      rates[index]?.push(BYTES / (performance.now() - since) / 1_000);
      screen.child.kill('SIGKILL');
      await new Promise((resolve) => screen.child.once('close', resolve));
    }
  }
  const [one = 0, other = 0] = rates.map((all) => percentile(all, 50));
  console.log(
    `50 MB on the screen, ${what}: ssh ${one.toFixed(1)} MB/s, azlin ${other.toFixed(1)} MB/s (${(other / one).toFixed(2)} x)`,
  );
}

function percentile(times: readonly number[], percent: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0;
}
