import { mkdir, readFile, readlink, realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { AppError, messageOf } from '../domain/errors.ts';
import { withoutMark } from '../domain/text.ts';
import { type Locking, withLock } from '../store/lock.ts';
import { replaceFile } from '../store/replace-file.ts';
import { checkSettings } from './config.ts';
import { KEYS } from './settings.ts';
import { parseSettings, parseToml } from './settings-file.ts';
import { keepsComments, withKey, withoutKey } from './settings-lines.ts';

/** The settings file as a TOML table. */
export interface SettingsTable {
  [name: string]: unknown;
}

/** The text of the settings file; empty if there is no file. Rejects with `config`. */
export async function readSettingsText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new AppError('config', `Cannot read the settings in ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** The contexts of the settings file, even if the one in use is not among them. Rejects with `config`. */
export async function contextsIn(path: string): Promise<readonly string[]> {
  return [...(await parseSettings(await readSettingsText(path), path, KEYS)).contexts.keys()];
}

/** Whether the file says that the context is in use. Rejects with `config`. */
export async function usesContext(path: string, name: string): Promise<boolean> {
  return (await parseSettings(await readSettingsText(path), path, KEYS)).values.get('context') === name;
}

/** One change to the settings file. */
export interface SettingsChange {
  /** `['ssh', 'user']`. */
  readonly at: readonly string[];
  /** Undefined removes it. */
  readonly value: unknown;
}

/**
 * Makes changes to the settings file, one after the other, and keeps comments and order. `look` gets the settings before the changes, and may
 * throw. Rejects with `config`; the file is unchanged then.
 */
export async function changeSettings(
  { path, clock }: Locking,
  changes: readonly SettingsChange[],
  look: (table: SettingsTable) => void = () => {},
): Promise<void> {
  const toml = await import('smol-toml');
  const { patch } = await import('@decimalturn/toml-patch');
  await withLock({ path, clock }, async (isHeld) => {
    const original = await readSettingsText(path);
    let text = withoutMark(original);
    const mark = original.slice(0, original.length - text.length);
    look((await parseToml(text, path)) as SettingsTable);
    for (const change of changes) text = changed(text, change, { path, toml, patch });
    if (!(await isHeld()))
      throw new AppError('config', `Another azlin changed ${path} at the same time`, { hint: 'try again' });
    await writeSettings(path, mark + text);
  });
}

interface Tools {
  readonly path: string;
  readonly toml: Pick<typeof import('smol-toml'), 'parse' | 'stringify'>;
  readonly patch: (text: string, table: SettingsTable) => string;
}

function changed(text: string, { at, value }: SettingsChange, { path, toml, patch }: Tools): string {
  const before = toml.parse(text) as SettingsTable;
  const after = structuredClone(before);
  putAt(after, at, value);
  const wanted = plain(pruned(after));
  if (isDeepStrictEqual(plain(pruned(before)), wanted)) return text;
  const isRight = (one: string) =>
    isDeepStrictEqual(plain(pruned(toml.parse(one))), wanted) && keepsComments(text, one);
  const isDos = text.includes('\r\n');
  // The patch library knows only one kind of line break.
  const patched = (table: SettingsTable) => {
    const made = patch(text.replaceAll('\r\n', '\n'), table);
    return isDos ? made.replaceAll('\n', '\r\n') : made;
  };
  const literal = () => toml.stringify({ key: value }).replace(/^key = |\n$/g, '');
  const ways =
    value === undefined
      ? [() => withoutKey(text, at.join('.'), isRight), () => patched(pruned(after))]
      : [() => withKey(text, at, literal()), () => patched(after)];
  for (const way of ways) {
    const made = attempt(way);
    if (made !== undefined && attempt(() => isRight(made))) return made;
  }
  throw new AppError('config', `Cannot change ${at.join('.')} in ${path} without losing something else in the file`, {
    hint: 'azlin config edit opens it in your editor',
  });
}

/** Writes the settings file, atomically and only for the user. Rejects with `config` if the text has a mistake or cannot be written. */
export async function writeSettings(path: string, text: string): Promise<void> {
  await checkSettings(text, path);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // If the file is a link, for example into a directory of dotfiles, it stays one.
    const place = await realpath(path).catch(async () =>
      resolve(dirname(path), await readlink(path).catch(() => path)),
    );
    await replaceFile(place, text);
  } catch (error) {
    throw new AppError('config', `Cannot write the settings to ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Whether there is a value at `['ssh', 'user']`. */
export function isAt(table: SettingsTable, [name = '', ...rest]: readonly string[]): boolean {
  if (!Object.hasOwn(table, name)) return false;
  const inner = table[name];
  return rest.length === 0 || (isTable(inner) && isAt(inner, rest));
}

/** Puts a value at `['ssh', 'user']`; undefined removes it. */
function putAt(table: SettingsTable, [name = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    if (value === undefined) delete table[name];
    else table[name] = value;
    return;
  }
  const inner = Object.hasOwn(table, name) ? table[name] : undefined;
  if (isTable(inner)) putAt(inner, rest, value);
  else if (value !== undefined) {
    const made: SettingsTable = {};
    putAt(made, rest, value);
    table[name] = made;
  }
}

/** Without empty tables. */
function pruned(table: SettingsTable): SettingsTable {
  return Object.fromEntries(
    Object.entries(table).flatMap(([name, value]) => {
      const kept = isTable(value) ? pruned(value) : value;
      return isTable(kept) && Object.keys(kept).length === 0 ? [] : [[name, kept]];
    }),
  );
}

function isTable(value: unknown): value is SettingsTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** A copy without prototypes, in which the TOML libraries differ. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null));
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
