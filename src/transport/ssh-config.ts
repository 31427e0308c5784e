import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Line, parse } from 'ssh-config';
import { AppError, messageOf } from '../domain/errors.ts';
import { matchesPattern } from './patterns.ts';

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

/** `Host`, `Match` or `Include`: what follows holds where the condition does. */
export interface Block {
  readonly kind: 'block';
  readonly when: 'always' | 'host' | 'match';
  /** Patterns, or the criteria of `Match` and their values. */
  readonly words: readonly string[];
  readonly entries: readonly Entry[];
  readonly path: string;
}

export type Entry = Directive | Block;

/** The SSH settings of the user and the system, as they are written. */
export interface SshConfig {
  /** Those of the user first: what is said first counts. */
  readonly entries: readonly Entry[];
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

/** Reads `~/.ssh/config` and `/etc/ssh/ssh_config`, or the named file. Throws `config` for what cannot be read. */
export async function readSshConfig({ named, home }: SshConfigPlace): Promise<SshConfig> {
  const files: string[] = [];
  const base = join(home, '.ssh');
  if (named !== undefined) return { entries: await readEntries({ path: named, must: true, base, files, home }), files };
  const user = await readEntries({ path: join(base, 'config'), must: false, base, files, home });
  const system = await readEntries({ path: SYSTEM_FILE, must: false, base: dirname(SYSTEM_FILE), files, home });
  return { entries: [...user, ...system], files };
}

interface Reading {
  readonly path: string;
  /** Whether it is a mistake that it is not there. */
  readonly must: boolean;
  /** Where relative includes are looked for. */
  readonly base: string;
  readonly home: string;
  readonly files: string[];
  readonly depth?: number;
}

async function readEntries(reading: Reading): Promise<readonly Entry[]> {
  const { path, must, files } = reading;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!must && ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(code ?? '')) return [];
    throw cannotRead(path, error);
  }
  files.push(path);
  let lines: readonly Line[];
  try {
    lines = parse(text);
  } catch (error) {
    throw cannotRead(path, error);
  }
  // The parser takes a command's quotes apart; what its shell gets is the text as it stands.
  const commands = [...text.matchAll(/^[ \t]*ProxyCommand(?![^ \t=\r\n])[ \t]*=?[ \t]*(.*?)[ \t\r]*$/gim)].map(
    ([, rest = '']) => rest,
  );
  return entriesOf(lines, { ...reading, commands });
}

function cannotRead(path: string, cause: unknown): AppError {
  return new AppError('config', `Cannot read the SSH settings in ${path}: ${messageOf(cause)}`, {
    cause,
    hint: '--ssh-config FILE reads another file, --ssh-config none reads none',
  });
}

interface Walk extends Reading {
  /** The commands of ProxyCommand that are still to come. */
  readonly commands: string[];
}

async function entriesOf(lines: readonly Line[], walk: Walk): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  const { path } = walk;
  for (const line of lines) {
    if (!('param' in line) || line.param === '') continue;
    const keyword = line.param.toLowerCase();
    const { value } = line;
    const words = typeof value === 'string' ? [value] : value.map(({ val }) => val);
    if ('config' in line) {
      const when = keyword === 'host' ? 'host' : 'match';
      entries.push({ kind: 'block', when, words, entries: await entriesOf(line.config, walk), path });
    } else if (keyword === 'include') {
      entries.push({ kind: 'block', when: 'always', words, entries: await included(words, walk), path });
    } else {
      const command = keyword === 'proxycommand' ? walk.commands.shift() : undefined;
      if (command === '') throw cannotRead(path, new Error('ProxyCommand without a command'));
      entries.push({ kind: 'set', keyword, words: command ? [command] : words, written: line.param, path });
    }
  }
  return entries;
}

async function included(patterns: readonly string[], walk: Walk): Promise<readonly Entry[]> {
  const { base, home, depth = 0, path } = walk;
  if (depth >= MAX_DEPTH) throw cannotRead(path, new Error('too many files include each other'));
  const entries: Entry[] = [];
  for (const pattern of patterns) {
    const full = pattern.startsWith('~/') ? join(home, pattern.slice(2)) : pattern;
    for (const file of await filesOf(full.startsWith('/') ? full : join(base, full)))
      entries.push(...(await readEntries({ ...walk, path: file, must: false, depth: depth + 1 })));
  }
  return entries;
}

/** The files that a path with wildcards names, in order. */
async function filesOf(pattern: string): Promise<readonly string[]> {
  let found = ['/'];
  for (const part of pattern.split('/').filter((one) => one !== '')) {
    if (!/[*?]/.test(part)) {
      found = found.map((folder) => join(folder, part));
      continue;
    }
    const folders = found;
    found = [];
    for (const folder of folders) {
      const names = await readdir(folder).catch(() => []);
      // As in a shell, a wildcard at the start does not find hidden files.
      const fitting = names.filter(
        (name) => matchesPattern(name, part) && (!name.startsWith('.') || part.startsWith('.')),
      );
      found.push(...fitting.sort().map((name) => join(folder, name)));
    }
  }
  return found;
}
