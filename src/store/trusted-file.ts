import { constants, type Stats } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { AppError } from '../domain/errors.ts';
import { shellWord } from '../domain/text.ts';

/** The error `config` for a file or folder that somebody else can change. */
export function notTrusted(path: string, why: string): AppError {
  return new AppError('config', why, {
    hint: `ls -ld ${shellWord(path)} shows its owner; chmod go-w ${shellWord(path)} keeps others out`,
  });
}

/** The text of a file that only the user and root can change. Rejects with `config`, or with the system's error. */
export async function readOwnFile(path: string): Promise<string> {
  // Without O_NONBLOCK, a pipe that nobody writes to would never open.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile() && !stats.isDirectory()) throw notTrusted(path, 'it is not a regular file');
    const stranger = await strangerTo(stats);
    if (stranger) throw notTrusted(path, stranger);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/**
 * Why somebody else can change a file or folder; undefined if only the user and root can. As in Debian's ssh, a group whose only member is the user counts
 * as the user.
 */
export async function strangerTo({
  mode,
  uid,
  gid,
}: Pick<Stats, 'mode' | 'uid' | 'gid'>): Promise<'it belongs to another user' | 'others can write to it' | undefined> {
  const user = process.getuid?.();
  if (user === undefined) return undefined;
  if (uid !== 0 && uid !== user) return 'it belongs to another user';
  if ((mode & 0o002) !== 0) return 'others can write to it';
  if ((mode & 0o020) !== 0 && !(await isAloneIn(gid, user))) return 'others can write to it';
  return undefined;
}

/** Whether the user is the only member of the group. */
async function isAloneIn(gid: number, user: number): Promise<boolean> {
  const [groups, users] = await Promise.all(['/etc/group', '/etc/passwd'].map(linesOf));
  const group = groups?.find(([, , id]) => id === `${gid}`);
  if (!group || !users) return false;
  const name = users.find(([, , id]) => id === `${user}`)?.[0];
  const others = (group[3] ?? '').split(',').filter((member) => member !== '');
  const own = users.filter(([, , , primary]) => primary === `${gid}`);
  if (!own.every(([, , id]) => id === `${user}`) || !others.every((member) => member === name)) return false;
  return own.length + others.length > 0;
}

async function linesOf(path: string): Promise<readonly (readonly string[])[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').map((line) => line.split(':'));
}
