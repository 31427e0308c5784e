import { readFile } from 'node:fs/promises';
import { AppError, messageOf } from './domain/errors.ts';

export interface SettingsFile {
  readonly exists: boolean;
  readonly values: ReadonlyMap<string, unknown>;
  /** `:12`, or nothing when the line cannot be told. */
  readonly lineOf: (key: string) => string;
}

const NO_FILE: SettingsFile = { exists: false, values: new Map(), lineOf: () => '' };

export interface ReadWish {
  /** The user has named it. */
  readonly isRequired: boolean;
  /** The settings there are. */
  readonly keys: readonly string[];
}

/** Reads config.toml. Rejects with `config`, naming the line of the mistake. */
export async function readSettingsFile(path: string, { isRequired, keys }: ReadWish): Promise<SettingsFile> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !isRequired) return NO_FILE;
    throw new AppError('config', `Cannot read the settings in ${path}: ${messageOf(error)}`, { cause: error });
  }
  const lineOf = (key: string) => lineIn(content, key);
  const known = new Set(keys);
  const values = new Map(flatten(await parseToml(content, path), known));
  for (const key of values.keys())
    if (!known.has(key))
      throw new AppError('config', `${path}${lineOf(key)}: unknown setting "${key}"`, {
        hint: `settings: ${[...known].join(', ')}`,
      });
  return { exists: true, values, lineOf };
}

async function parseToml(content: string, path: string): Promise<object> {
  const { parse, TomlError } = await import('smol-toml');
  try {
    return parse(content);
  } catch (error) {
    const line = error instanceof TomlError ? `:${error.line}` : '';
    const reason = messageOf(error).split('\n')[0];
    throw new AppError('config', `Cannot read the settings in ${path}${line}: ${reason}`, { cause: error });
  }
}

/** `ssh.user` and its value; a table that is a setting by itself stays one. */
function flatten(table: object, known: ReadonlySet<string>, prefix = ''): [string, unknown][] {
  return Object.entries(table).flatMap(([name, value]) => {
    const key = `${prefix}${name}`;
    const isTable = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isTable && !known.has(key) ? flatten(value, known, `${key}.`) : [[key, value] as [string, unknown]];
  });
}

/** `:12` for the line of `[section]` that sets the key; nothing where it cannot be told. */
function lineIn(content: string, key: string): string {
  let section = '';
  for (const [index, line] of content.split('\n').entries()) {
    section = /^\s*\[([\w.]+)\]/.exec(line)?.[1] ?? section;
    if (section === key) return `:${index + 1}`;
    const name = /^\s*([\w.]+)\s*=/.exec(line)?.[1];
    if (name !== undefined && (section === '' ? name : `${section}.${name}`) === key) return `:${index + 1}`;
  }
  return '';
}
