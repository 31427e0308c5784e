import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pause } from '../../src/domain/clock.ts';
import { realClock } from './clock.ts';
import { random as randomFrom } from './random.ts';
import { type ShakyTerminal, startShakyTerminal } from './shaky-terminal.ts';
import { until } from './until.ts';

export type Break = 'cut' | 'stall' | 'sshd' | 'move';

export interface BreakRequest {
  readonly breaks: readonly Break[];
  readonly seed: number;
  /** The least milliseconds that a stall lasts. A link that is cut or a server that is restarted is away for up to 3 s. */
  readonly stall: number;
  readonly keepalive: string;
  readonly onBreak?: (done: number, kind: Break, ms: number) => void;
}

export interface BreakResult {
  /** Milliseconds from when the network was back until the screen was updated again, for each break. */
  readonly back: readonly { readonly kind: Break; readonly ms: number }[];
  /** What azlin says at the end. */
  readonly farewell: string;
  /** What a program left switched on in the terminal. */
  readonly leftOn: string;
  /** The modes of the terminal, as `stty` shows them. */
  readonly modes: string;
  /** Processes of azlin and connections that are left over on either side. */
  readonly left: readonly string[];
}

/** A program that fills the screen and counts. */
const COUNTER = `printf '\\033[2J'; i=0; while :; do i=$((i+1)); printf '\\033[H+----------+\\n|%10d|\\n+----------+\\n\\033[10;20Hfixed text\\033[15;1Hé 東 ~' $i; sleep 0.05; done`;
const COUNT = /^\+-{10}\+\n\| *(\d+)\|\n\+-{10}\+\n[\s\S]*\n {19}fixed text\n[\s\S]*\né 東 ~/;
const countOn = (screen: string) => Number(COUNT.exec(screen)?.[1] ?? -1);

/** `azlin connect` in a real terminal, with a counter on the screen, while its link breaks again and again. */
export async function throughBreaks({ breaks, seed, stall, keepalive, onBreak }: BreakRequest): Promise<BreakResult> {
  const random = randomFrom(seed);
  const shaky = await startShakyTerminal(keepalive);
  const { terminal } = shaky;
  const servers: number[] = [shaky.machine.pid];
  try {
    await terminal.type('$AZLIN connect vm:dev\n');
    await terminal.shows(/\[dev\]/);
    await terminal.type(`clear; ${COUNTER}\n`);
    await until('the counter to run', async () => countOn(await terminal.screen()) > 3);
    const back: { kind: Break; ms: number }[] = [];
    for (const kind of breaks) {
      const since = await breakLink(shaky, { kind, stall, downtime: Math.floor(random() * 3_000), servers });
      const least = countOn(shaky.tmux('capture-pane', '-p', '-t', '=dev:'));
      const isBack = async () => {
        const screen = await terminal.screen();
        return countOn(screen) > least && !screen.includes('connection lost');
      };
      await until(`the screen to go on after "${kind}"`, isBack, 60_000);
      const ms = realClock.now() - since;
      back.push({ kind, ms });
      onBreak?.(back.length, kind, ms);
    }
    await terminal.press('C-c');
    await terminal.shows(/^vm:~[#$]/m);
    await terminal.press('C-b', 'd');
    const farewell = /^vm:dev: .*$/m.exec(await terminal.shows(/^vm:dev: .*$/m))?.[0] ?? '';
    const leftOn = await terminal.leftOn();
    await terminal.type('clear; stty -a\n');
    const modes = await terminal.shows(/echoctl/);
    return { back, farewell, leftOn, modes, left: await shaky.leftovers(servers) };
  } finally {
    for (const pid of servers.slice(1)) spawnSync('pkill', ['-KILL', '-P', `${pid}`]);
    for (const pid of servers.slice(1)) spawnSync('kill', ['-KILL', `${pid}`]);
    await shaky.close();
  }
}

interface Breaking {
  readonly kind: Break;
  readonly stall: number;
  readonly downtime: number;
  /** The process ids of all SSH servers so far, the current one last. */
  readonly servers: number[];
}

/** Breaks the link, and returns the time when it was back. */
async function breakLink(
  { link, machine, lab, tell }: ShakyTerminal,
  { kind, stall, downtime, servers }: Breaking,
): Promise<number> {
  const { signal } = new AbortController();
  const wait = (ms: number) => pause(realClock, ms, signal);
  if (kind === 'cut') {
    link.cut();
    await wait(downtime);
    await link.restore();
  } else if (kind === 'stall') {
    link.stall();
    await wait(stall + downtime);
    await link.restore();
  } else if (kind === 'sshd') {
    const old = servers.at(-1) ?? 0;
    spawnSync('pkill', ['-KILL', '-P', `${old}`]);
    process.kill(old, 'SIGKILL');
    await wait(downtime);
    const config = join(lab.directory, 'vm', 'sshd_config');
    servers.push(spawn('/usr/sbin/sshd', ['-D', '-e', '-f', config], { stdio: 'ignore' }).pid ?? 0);
    const line = `exec 3<>/dev/tcp/${machine.address}/${machine.port}`;
    await until('sshd to listen', () => spawnSync('bash', ['-c', line]).status === 0);
  } else {
    await link.move();
    tell();
  }
  return realClock.now();
}
