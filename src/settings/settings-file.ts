import { readFile } from 'node:fs/promises';
import { AppError, messageOf } from '../domain/errors.ts';
import { didYouMean } from '../domain/nearest.ts';
import { withoutMark } from '../domain/text.ts';
import { readOwnFile } from '../store/trusted-file.ts';
import { contextNameProblem } from './setting-values.ts';

/** Settings by key, as TOML has them. */
export type KeptValues = ReadonlyMap<string, unknown>;

export interface SettingsFile {
  readonly exists: boolean;
  readonly values: KeptValues;
  /** By name. */
  readonly contexts: ReadonlyMap<string, KeptValues>;
  /** `:12`, or nothing if the line is not found. `key`: it starts with `contexts.NAME.` for a setting of a context. */
  readonly lineOf: (key: string) => string;
}

export const NO_FILE: SettingsFile = { exists: false, values: new Map(), contexts: new Map(), lineOf: () => '' };

export interface ReadWish {
  /** The user has named the file, so it must be there. */
  readonly isRequired: boolean;
  /** The keys of all settings. */
  readonly keys: readonly string[];
}

/** Reads config.toml. Rejects with `config`, naming the line of the mistake. */
export async function readSettingsFile(path: string, { isRequired, keys }: ReadWish): Promise<SettingsFile> {
  let content: string;
  try {
    // If the user has named the file, it does not matter who can write to it.
    content = await (isRequired ? readFile(path, 'utf8') : readOwnFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !isRequired) return NO_FILE;
    const hint = error instanceof AppError ? error.hint : undefined;
    throw new AppError('config', `Cannot read the settings in ${path}: ${messageOf(error)}`, { cause: error, hint });
  }
  return parseSettings(content, path, keys);
}

/** The settings in a text. `path`: what it is called in errors. Rejects with `config`. */
export async function parseSettings(content: string, path: string, keys: readonly string[]): Promise<SettingsFile> {
  const lineOf = (key: string) => lineIn(content, key);
  const known = new Set(keys);
  const { contexts: tables = {}, ...general } = (await parseToml(content, path)) as Readonly<Record<string, unknown>>;
  const contexts = Object.entries(isTable(tables) ? tables : { '': tables }).map(([name, table]) => {
    const where = `${path}${lineOf(`contexts.${name}`)}`;
    const problem = isTable(table) ? contextNameProblem(name) : 'expected a table: [contexts.NAME]';
    if (problem !== undefined || !isTable(table))
      throw new AppError('config', `${where}: Invalid context "${name}": ${problem}`);
    return [name, valuesOf(table, { path, prefix: `contexts.${name}.`, known, lineOf })] as const;
  });
  const values = valuesOf(general, { path, prefix: '', known, lineOf });
  return { exists: true, values, contexts: new Map(contexts), lineOf };
}

interface Reading {
  readonly path: string;
  readonly prefix: string;
  readonly known: ReadonlySet<string>;
  readonly lineOf: (key: string) => string;
}

function valuesOf(table: object, { path, prefix, known, lineOf }: Reading): KeptValues {
  const values = new Map(flatten(table, known));
  for (const key of values.keys()) {
    if (!known.has(key)) throw unknownSetting(key, known, `${path}${lineOf(`${prefix}${key}`)}: `);
    if (key === 'context' && prefix !== '')
      throw new AppError('config', `${path}${lineOf(`${prefix}${key}`)}: a context cannot select another one`);
  }
  return values;
}

/** `where`: what the message begins with. */
export function unknownSetting(key: string, known: Iterable<string>, where = ''): AppError {
  const keys = [...known];
  const hint = didYouMean(key, keys) ?? `azlin help configuration lists them: ${keys.slice(0, 4).join(', ')}, …`;
  return new AppError('config', `${where === '' ? 'Unknown' : `${where}unknown`} setting "${key}"`, { hint });
}

/** Rejects with `config`, naming the line. */
export async function parseToml(content: string, path: string): Promise<object> {
  const { parse, TomlError } = await import('smol-toml');
  try {
    return parse(withoutMark(content));
  } catch (error) {
    const line = error instanceof TomlError ? `:${error.line}` : '';
    const reason = messageOf(error).split('\n')[0];
    throw new AppError('config', `Cannot read the settings in ${path}${line}: ${reason}`, { cause: error });
  }
}

function isTable(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** Pairs of a key, `ssh.user`, and its value. A table that is itself a setting stays a table. */
function flatten(table: object, known: ReadonlySet<string>, prefix = ''): [string, unknown][] {
  return Object.entries(table).flatMap(([name, value]) => {
    const key = `${prefix}${name}`;
    return isTable(value) && !known.has(key) ? flatten(value, known, `${key}.`) : [[key, value] as [string, unknown]];
  });
}

/** `:12` for the line of `[section]` that sets the key; nothing if it is not found. */
function lineIn(content: string, key: string): string {
  let section = '';
  for (const [index, line] of content.split('\n').entries()) {
    section = /^\s*\[\[?([^\]]+)\]/.exec(line)?.[1]?.trim() ?? section;
    if (section === key) return `:${index + 1}`;
    const name = /^\s*([\w.-]+)\s*=/.exec(line)?.[1];
    if (name !== undefined && (section === '' ? name : `${section}.${name}`) === key) return `:${index + 1}`;
  }
  return '';
}
