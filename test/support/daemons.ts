import { readdirSync, readFileSync } from 'node:fs';

/** The process ids of azlin's daemons whose `$AZLIN_HOME` is below a folder. */
export function daemonsBelow(folder: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isDaemonBelow(pid, folder));
}

function isDaemonBelow(pid: number, folder: string): boolean {
  try {
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('azlin-daemon')) return false;
    return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`AZLIN_HOME=${folder}`);
  } catch {
    return false;
  }
}

/** Ends them. */
export function endDaemons(folder: string): void {
  for (const pid of daemonsBelow(folder)) process.kill(pid, 'SIGTERM');
}
