import { lstatSync, mkdirSync, realpathSync, type Stats } from 'node:fs';

/** Where the daemon of one user, one `$AZLIN_HOME` and one azlin listens. */
export interface DaemonPlace {
  /** A directory of the user's own, with mode 0700. */
  readonly directory: string;
  readonly socket: string;
  /** What the names of the sockets of other azlins for the same home begin with. */
  readonly prefix: string;
}

/** Changes with the sources; the build puts it in. A client and a daemon of different azlins need not understand each other. */
declare const AZLIN_BUILD: string | undefined;
const BUILD = typeof AZLIN_BUILD === 'string' ? AZLIN_BUILD : 'sources';

/** Like tmux, the daemon listens below /tmp: not every home allows sockets, and their paths must be short. */
export function daemonPlace(home: string, uid: number): DaemonPlace {
  const directory = `/tmp/azlin-${uid}`;
  const prefix = `${hashOf(realPath(home))}-`;
  return { directory, prefix, socket: `${directory}/${prefix}${BUILD}` };
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** 53 bits that tell a user's homes apart. Not a cryptographic hash, which would take three milliseconds to load. */
function hashOf(text: string): string {
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  for (const byte of Buffer.from(text)) {
    high = Math.imul(high ^ byte, 0x9e3779b1);
    low = Math.imul(low ^ byte, 0x5f356495);
  }
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  return ((high & 0x1fffff) * 0x100000000 + (low >>> 0)).toString(36);
}

function make(directory: string): Stats {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // Another process has just done it.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return lstatSync(directory);
}

/** Why the directory must not be used; undefined if it is the user's own, or is made now. Throws the system's error if it cannot be made. */
export function whyNotSafe({ directory }: DaemonPlace, uid: number): string | undefined {
  const stats = lstatSync(directory, { throwIfNoEntry: false }) ?? make(directory);
  if (!stats.isDirectory()) return `${directory} is not a directory`;
  if (stats.uid !== uid) return `${directory} belongs to another user`;
  if ((stats.mode & 0o077) !== 0) return `others have access to ${directory}; chmod 700 ${directory} keeps them out`;
  return undefined;
}
