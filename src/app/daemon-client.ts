import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  allKnown,
  type DaemonStatus,
  drop,
  type EventsWanted,
  followEvents,
  report,
  type Stopping,
  stopDaemon,
} from '../daemon/control.ts';
import { type Door, door } from '../daemon/door.ts';
import type { Clock } from '../domain/clock.ts';
import type { Config } from '../settings/config.ts';
import type { Remembered } from '../targets/survey-memory.ts';

/** Where the daemon of this process is. */
export interface DaemonSurroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly wallClock: Clock;
  readonly uid: number | undefined;
  readonly daemonProgram: string | undefined;
}

/** The way to azlin's daemon; undefined where the settings want none. */
export function doorOf(config: Config, around: DaemonSurroundings): Door | undefined {
  return config.persist > 0 ? anyDoor(config, around) : undefined;
}

export function anyDoor(
  { home }: Config,
  { environment, wallClock, uid, daemonProgram }: DaemonSurroundings,
): Door | undefined {
  if (daemonProgram === undefined || uid === undefined) return undefined;
  return door({ clock: wallClock, home, uid, program: daemonProgram, environment });
}

/** What `azlin daemon` does, and what other commands tell the daemon. Undefined where there is none. */
interface Control {
  status(): Promise<DaemonStatus | undefined>;
  stop(isForced: boolean): Promise<Stopping | undefined>;
  drop(hosts: readonly string[]): Promise<void>;
  events(following: EventsWanted): Promise<boolean>;
  readonly log: string;
  readLog(): Promise<string>;
}

/** What the daemon knows about sessions, by the names that host keys of VMs are kept under; empty if there is none. */
export async function knownByDaemon(
  config: Config,
  around: DaemonSurroundings,
): Promise<ReadonlyMap<string, Remembered>> {
  const way = doorOf(config, around);
  return way ? allKnown(way) : new Map();
}

export function daemonControl(config: Config, around: DaemonSurroundings): Control {
  const way = anyDoor(config, around);
  const log = join(config.home, 'daemon.log');
  return {
    log,
    readLog: () =>
      readFile(log, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return '';
        throw error;
      }),
    status: async () => way && report(way),
    stop: async (isForced) => way && stopDaemon(way, isForced),
    events: async (following) => way !== undefined && (await followEvents(way, following)),
    drop: async (hosts) => void (way && (await drop(way, hosts))),
  };
}
