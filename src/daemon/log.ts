import { appendFileSync, renameSync, statSync } from 'node:fs';
import type { Clock } from '../domain/clock.ts';
import { printable } from '../domain/text.ts';

/** The daemon's log, which only its user can read. It names VMs and what became of connections to them, never what runs there. */
export interface DaemonLog {
  write(line: string): void;
}

/** Bytes after which a new file is begun; the one before it is kept as `daemon.log.old`. */
const LONGEST = 1024 * 1024;

export function daemonLog(path: string, { now }: Clock): DaemonLog {
  return {
    write(line) {
      try {
        if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LONGEST) renameSync(path, `${path}.old`);
        appendFileSync(path, `${new Date(now()).toISOString()} ${printable(line)}\n`, { mode: 0o600 });
      } catch {
        // A full disk must not end connections.
      }
    },
  };
}
