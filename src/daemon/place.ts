import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

/** Where the daemon of one user, one `$AZLIN_HOME` and one azlin listens. */
export interface DaemonPlace {
  /** A directory of the user's own, with mode 0700. */
  readonly directory: string;
  readonly socket: string;
  /** What the sockets of the daemons of other azlins for the same home begin with. */
  readonly prefix: string;
}

export interface PlaceRequest {
  /** `$AZLIN_HOME`. */
  readonly home: string;
  /** The file that the daemon is started from. */
  readonly program: string;
  readonly uid: number;
}

/** Like tmux, the daemon listens below /tmp: not every home allows sockets, and their paths must be short. Throws the system's error if there is no such azlin. */
export function daemonPlace({ home, program, uid }: PlaceRequest): DaemonPlace {
  const directory = `/tmp/azlin-${uid}`;
  const prefix = `${hashOf(realPath(home))}-`;
  // Its content names the parts that it loads by their content, so it is another one for each azlin.
  return { directory, prefix, socket: join(directory, `${prefix}${hashOf(readFileSync(program))}`) };
}

function hashOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 12);
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Why the directory must not be used; undefined if it is the user's own, or is made now. Throws the system's error if it cannot be made. */
export function whyNotSafe({ directory }: DaemonPlace, uid: number): string | undefined {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const stats = lstatSync(directory);
  if (!stats.isDirectory()) return `${directory} is not a directory`;
  if (stats.uid !== uid) return `${directory} belongs to another user`;
  if ((stats.mode & 0o077) !== 0) return `others have access to ${directory}; chmod 700 ${directory} keeps them out`;
  return undefined;
}
