import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Machine } from '../../src/demo/virtual-machine.ts';
import { CLI } from './fleet.ts';
import { type Lab, startLab } from './lab.ts';
import { type MovableLink, startMovableLink } from './movable-link.ts';
import { openTerminal, type RealTerminal } from './terminal.ts';
import { until } from './until.ts';

/** A VM behind a link that can break, and a real terminal in front of it, in which `$AZLIN` is azlin. */
export interface ShakyTerminal {
  readonly lab: Lab;
  readonly machine: Machine;
  readonly link: MovableLink;
  readonly terminal: RealTerminal;
  readonly environment: Readonly<Record<string, string>>;
  /** Runs tmux on the VM. */
  tmux(...args: readonly string[]): string;
  /** Sends a signal to the azlin of this terminal. */
  signal(name: string): Promise<void>;
  /** Writes the current address of the link to the inventory. */
  tell(): void;
  /** Processes of azlin on either side, sign-ins and connections that do not end. */
  leftovers(servers?: readonly number[]): Promise<readonly string[]>;
  close(): Promise<void>;
}

export async function startShakyTerminal(keepalive: string, config = ''): Promise<ShakyTerminal> {
  const lab = await startLab();
  const machine = await lab.start('vm');
  const link = await startMovableLink(() => machine);
  const environment: Record<string, string> = {
    ...lab.environment(`[ssh]\nconnect_timeout = "3s"\n${config}`),
    AZLIN_KEEPALIVE: keepalive,
    AZLIN_LABEL: 'me@here',
    AZLIN: `${process.execPath} ${CLI}`,
  };
  const tell = () => {
    const entry = { name: 'vm', id: 'id-of-vm', user: machine.user, ...link.place() };
    writeFileSync(environment['AZLIN_INVENTORY'] ?? '', JSON.stringify({ vms: [entry] }));
  };
  tell();
  const terminal = await openTerminal(environment);
  const isOurs = (row: string) =>
    (row.includes('azlin_mark') || row.includes('azlin.js connect') || /attach-session/.test(row)) &&
    environmentOf(row).includes(lab.directory);
  const look = (servers: readonly number[]) => {
    const { stdout = '' } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
    const rows = stdout.split('\n').map((row) => row.trim().slice(0, 200));
    const below = (row: string) => servers.includes(Number(row.split(/\s+/)[1])) && !row.includes('[listener]');
    return rows.filter((row) => isOurs(row) || below(row));
  };
  return {
    ...{ lab, machine, link, terminal, environment, tell },
    async signal(name) {
      const shell = await terminal.tmux('display-message', '-p', '-t', '=term:', '#{pane_pid}');
      execFileSync('pkill', [`-${name}`, '-P', shell.trim(), '-f', 'azlin.js connect']);
    },
    tmux: (...args) => execFileSync('tmux', ['-u', ...args], { env: machine.environment, encoding: 'utf8' }),
    async leftovers(servers = [machine.pid]) {
      const isClean = () => look(servers).length === 0 && link.open() === 0;
      await until('every process to end', isClean, 20_000).catch(() => {});
      return [...look(servers), ...(link.open() > 0 ? [`${link.open()} connections`] : [])];
    },
    async close() {
      await terminal.close();
      link.close();
      lab.close();
    },
  };
}

function environmentOf(row: string): string {
  try {
    return readFileSync(`/proc/${row.split(/\s+/)[0]}/environ`, 'latin1');
  } catch {
    return '';
  }
}
