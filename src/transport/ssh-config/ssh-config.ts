import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import picomatch from 'picomatch';
import { AppError, messageOf } from '../../domain/errors.ts';
import { withoutMark } from '../../domain/text.ts';
import { readOwnFile } from '../../store/trusted-file.ts';
import { type ConfigLine, configLine, matchWords } from './config-line.ts';
import { isKnown } from './ssh-keywords.ts';

/** One line that sets something. */
export interface Directive {
  readonly kind: 'set';
  /** In lower case. */
  readonly keyword: string;
  readonly words: readonly string[];
  /** As it is written, for messages. */
  readonly written: string;
  readonly path: string;
}

/** `Host`, `Match` or `Include`: what follows applies where the condition holds. */
export interface Block {
  readonly kind: 'block';
  readonly when: 'always' | 'host' | 'match';
  /** Patterns, or the criteria of `Match` and their values. */
  readonly words: readonly string[];
  readonly entries: readonly ConfigEntry[];
  readonly path: string;
}

export type ConfigEntry = Directive | Block;

/** The SSH settings of the user and the system, as they are written. */
export interface SshConfig {
  /** The user's own come first, because the first value counts. */
  readonly entries: readonly ConfigEntry[];
  /** The files that were read, included ones too. */
  readonly files: readonly string[];
}

export interface SshConfigPlace {
  /** A file that the user named instead of the usual ones. */
  readonly named: string | undefined;
  readonly home: string;
}

const SYSTEM_FILE = '/etc/ssh/ssh_config';
const MAX_DEPTH = 16;

/** Reads `~/.ssh/config` and `/etc/ssh/ssh_config`, or the named file. Throws `config` for what ssh would refuse. */
export async function readSshConfig({ named, home }: SshConfigPlace): Promise<SshConfig> {
  const files: string[] = [];
  const base = join(home, '.ssh');
  if (named !== undefined)
    return { entries: await readEntries({ path: named, must: true, isOwn: false, base, files, home }), files };
  const own = { path: join(base, 'config'), must: false, isOwn: true, base, files, home };
  const common = { path: SYSTEM_FILE, must: false, isOwn: false, base: dirname(SYSTEM_FILE), files, home };
  return { entries: [...(await readEntries(own)), ...(await readEntries(common))], files };
}

interface Reading {
  readonly path: string;
  /** Whether it is an error if the file does not exist. */
  readonly must: boolean;
  /** Whether only the user and root may be able to change it. */
  readonly isOwn: boolean;
  /** Where relative includes are looked for. */
  readonly base: string;
  readonly home: string;
  readonly files: string[];
  readonly depth?: number;
}

async function readEntries(reading: Reading): Promise<readonly ConfigEntry[]> {
  const { path, must, isOwn, files } = reading;
  let text: string;
  try {
    // As with ssh, the user's own files are read only if nobody else can change them.
    text = withoutMark(await (isOwn ? readOwnFile(path) : readFile(path, 'utf8')));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!must && ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(code ?? '')) return [];
    throw cannotRead(path, error);
  }
  files.push(path);
  const entries: ConfigEntry[] = [];
  let current = entries;
  for (const [index, line] of text.split('\n').entries()) {
    try {
      const read = configLine(line);
      if (!read) continue;
      const keyword = read.written.toLowerCase();
      if (keyword === 'host' || keyword === 'match') {
        current = [];
        entries.push({ kind: 'block', when: keyword, words: conditionOf(keyword, read), entries: current, path });
      } else if (keyword === 'include') {
        const { words } = read;
        current.push({ kind: 'block', when: 'always', words, entries: await included(words, reading), path });
      } else current.push({ kind: 'set', keyword, words: settingOf(keyword, read), written: read.written, path });
    } catch (error) {
      if (error instanceof AppError) throw error;
      throw cannotRead(path, new Error(`line ${index + 1}: ${messageOf(error)}`));
    }
  }
  return entries;
}

function cannotRead(path: string, cause: unknown): AppError {
  return new AppError('config', `Cannot read the SSH settings in ${path}: ${messageOf(cause)}`, {
    cause,
    hint: cause instanceof AppError ? cause.hint : '--ssh-config FILE reads another file, --ssh-config none reads none',
  });
}

function conditionOf(keyword: 'host' | 'match', { words, rest }: ConfigLine): readonly string[] {
  if (keyword === 'match') return matchWords(rest);
  if (words.includes('')) throw new Error('Host with an empty pattern');
  return words;
}

/** Keywords that take more than one word. */
const LISTS = ['globalknownhostsfile', 'userknownhostsfile', 'sendenv', 'setenv'];

/** The words of a setting. Throws an Error for what ssh refuses; keywords that azlin does not know may have any words. */
function settingOf(keyword: string, { written, words, rest }: ConfigLine): readonly string[] {
  if (keyword === 'proxycommand' || keyword === 'proxyjump') {
    const given = rest.replace(/^[ \t\r\n=]+/, '');
    // A command is passed to a shell, including comments.
    const value = keyword === 'proxyjump' ? given.replace(/\s*#.*$/, '') : given;
    if (value === '') throw new Error(`"${written}" has no value`);
    return [value];
  }
  if (!isKnown(keyword)) return words;
  if (words.length === 0 || words.includes('')) throw new Error(`"${written}" has no value`);
  if (words.length > 1 && !LISTS.includes(keyword)) throw new Error(`"${written}" takes one value: ${rest}`);
  return words;
}

async function included(patterns: readonly string[], reading: Reading): Promise<readonly ConfigEntry[]> {
  const { base, home, depth = 0 } = reading;
  if (depth >= MAX_DEPTH) throw new Error('too many files include each other');
  const entries: ConfigEntry[] = [];
  for (const pattern of patterns) {
    const full = pattern.startsWith('~/') ? join(home, pattern.slice(2)) : pattern;
    for (const path of await filesOf(full.startsWith('/') ? full : join(base, full)))
      entries.push(...(await readEntries({ ...reading, path, must: false, isOwn: true, depth: depth + 1 })));
  }
  return entries;
}

/** The files that match a path with wildcards, as in glob(7): case matters, and they are sorted by their bytes. */
async function filesOf(pattern: string): Promise<readonly string[]> {
  let found = ['/'];
  for (const part of pattern.split('/').filter((one) => one !== '')) {
    if (!/[*?[]/.test(part)) {
      found = found.map((folder) => join(folder, part.replace(/\\(.)/g, '$1')));
      continue;
    }
    const fits = picomatch(part.replace(/(?<!\\)\[!/g, '[^'), GLOB);
    const folders = found;
    found = [];
    for (const folder of folders) {
      const names = await readdir(folder).catch(() => []);
      const isSeen = (name: string) => !name.startsWith('.') || /^\\?\./.test(part);
      found.push(...names.filter((name) => isSeen(name) && fits(name)).map((name) => join(folder, name)));
    }
  }
  return found.sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}

/** Only `*`, `?`, `[...]` and the backslash are special. Hidden files match only a pattern that starts with a dot. */
const GLOB = { nobrace: true, noextglob: true, noglobstar: true, nonegate: true, posix: true } as const;
