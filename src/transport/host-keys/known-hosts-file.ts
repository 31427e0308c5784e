import { createHmac } from 'node:crypto';
import { statSync } from 'node:fs';
import { appendFile, copyFile, mkdir, open, readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { replaceFile } from '../../store/replace-file.ts';
import { notTrusted, strangerTo } from '../../store/trusted-file.ts';
import { matchesPatterns } from '../ssh-config/patterns.ts';
import { typeOfKey } from './public-key.ts';

/** A line of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export interface KnownHost {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** Where the line starts, in bytes. */
  readonly offset: number;
  readonly marker: 'none' | 'revoked' | 'other';
  /** Names and patterns, separated by commas; or one hashed name. */
  readonly hosts: string;
  /** `hosts`, split at the commas; empty for a hashed name. */
  readonly patterns: readonly string[];
  /** In SSH wire format. */
  readonly key: Buffer;
  readonly comment: string;
}

interface Remembered {
  readonly stamp: string;
  readonly entries: readonly KnownHost[];
}

const remembered = new Map<string, Remembered>();

/**
 * Reads the lines of a file; none if there is no file. `own`: the file is azlin's own, which others must not be able to change. Rejects with `config` if
 * they can, and with the system's error if the file cannot be read.
 */
export async function readKnownHosts(path: string, whose: 'own' | 'any' = 'any'): Promise<readonly KnownHost[]> {
  try {
    // Synchronous, because it is called several times for each connection, and handing it to a thread would cost more than the call itself.
    const found = statSync(path);
    const { ctimeMs, size, ino } = found;
    // Reading anything but a regular file may never end. /dev/null is one way to say that there is no file.
    if (!found.isFile() && found.rdev !== statSync('/dev/null').rdev) throw new Error('it is not a file');
    // The ctime also changes with the owner and the mode.
    const stamp = `${ctimeMs} ${size} ${ino}`;
    const known = remembered.get(path);
    if (known?.stamp === stamp) return known.entries;
    const stranger = whose === 'own' ? await strangerTo(found) : undefined;
    if (stranger) throw notTrusted(path, stranger);
    const entries = entriesIn(await readFile(path, 'latin1'), path);
    remembered.set(path, { stamp, entries });
    return entries;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

function entriesIn(text: string, path: string): readonly KnownHost[] {
  const entries: KnownHost[] = [];
  let offset = 0;
  for (const [index, row] of text.split('\n').entries()) {
    const words = row.trim().split(/\s+/);
    const mark = words[0]?.startsWith('@') ? words.shift() : undefined;
    const [hosts = '', type, encoded = '', ...comment] = words;
    const key = Buffer.from(encoded, 'base64');
    if (!hosts.startsWith('#') && type !== undefined && typeOfKey(key) !== '') {
      const marker = mark === undefined ? 'none' : mark === '@revoked' ? 'revoked' : 'other';
      const patterns = hosts.startsWith('|') ? [] : hosts.split(',');
      entries.push({ path, line: index + 1, offset, marker, hosts, patterns, key, comment: comment.join(' ') });
    }
    offset += row.length + 1;
  }
  return entries;
}

/** Whether the line is about the host of that name. */
export function isAbout({ hosts, patterns }: KnownHost, name: string): boolean {
  if (patterns.length > 0) return matchesPatterns([name], patterns);
  const [, kind, salt = '', hash] = hosts.split('|');
  if (kind !== '1') return false;
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
}

export interface NewHost {
  readonly host: string;
  readonly key: Buffer;
  readonly comment: string;
}

/** Adds lines. One short append is atomic, so several azlin at once lose none. Rejects with the system's error. */
export async function addKnownHosts(path: string, added: readonly NewHost[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // A file edited by hand may lack its last line break.
  const before = await readFile(path, 'latin1').catch(() => '');
  const start = before === '' || before.endsWith('\n') ? '' : '\n';
  const lines = added.map(({ host, key, comment }) => {
    const words = [host, typeOfKey(key), key.toString('base64'), comment.replace(/[^\w./@:[\]-]/g, '')];
    return `${words.filter((word) => word !== '').join(' ')}\n`;
  });
  await appendFile(path, start + lines.join(''), { mode: 0o600 });
}

/**
 * Removes lines by turning them into comments in place. The file is not rewritten, so nothing is lost that another azlin adds at that moment. Other hosts
 * of such a line get a line of their own. Rejects with the system's error.
 */
export async function disableKnownHosts(
  path: string,
  entries: readonly KnownHost[],
  names: readonly string[],
): Promise<void> {
  const others = entries.flatMap(({ patterns, key, comment }) =>
    patterns.filter((host) => !names.includes(host)).map((host) => ({ host, key, comment })),
  );
  if (others.length > 0) await addKnownHosts(path, others);
  // Changing one byte does not change the size nor, on some systems, the time.
  remembered.delete(path);
  const file = await open(path, 'r+');
  try {
    const now = entriesIn(await file.readFile('latin1'), path);
    for (const { offset, hosts, key } of entries)
      if (now.some((one) => one.offset === offset && one.hosts === hosts && one.key.equals(key)))
        await file.write('#', offset);
  } finally {
    await file.close();
    remembered.delete(path);
  }
}

/** Removes lines as `ssh-keygen -R` does: rewrites the file and keeps the old one as `PATH.old`. Rejects with the system's error. */
export async function removeKnownHosts(path: string, entries: readonly KnownHost[]): Promise<void> {
  // Dotfiles are often symbolic links, which must stay links.
  const real = await realpath(path);
  const text = await readFile(path, 'latin1');
  const isMeant = (one: KnownHost) => entries.some(({ hosts, key }) => one.hosts === hosts && one.key.equals(key));
  // Look at the file as it is now: lines may have moved since they were looked up.
  const meant = entriesIn(text, path).filter((one) => one.marker === 'none' && isMeant(one));
  const gone = new Set(meant.map(({ line }) => line));
  const rows = text.split('\n');
  const { mode } = await stat(path);
  await copyFile(path, `${path}.old`);
  const left = rows.filter((_, index) => !gone.has(index + 1)).join('\n');
  await replaceFile(real, left, { mode: mode & 0o777, encoding: 'latin1' });
}
