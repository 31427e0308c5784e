import { rm } from 'node:fs/promises';
import { messageOf } from '../domain/errors.ts';
import { readKept, writeKept } from './kept-file.ts';

/** Changes with the format of what is kept. A file of another version is dropped. */
const VERSION = 5;

/** The value kept at `path`; undefined when there is none. A broken file is dropped with a warning. */
export async function readCache<T>(
  path: string,
  isValid: (value: unknown) => value is T,
  warn: (line: string) => void,
): Promise<T | undefined> {
  let text: string;
  try {
    text = await readKept(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') warn(`cannot read the cache ${path}: ${messageOf(error)}`);
    return undefined;
  }
  try {
    const { version, value } = JSON.parse(text) as { version: number; value: unknown };
    if (version !== VERSION) {
      await rm(path, { force: true }).catch(() => {});
      return undefined;
    }
    if (isValid(value)) return value;
    throw new Error('its contents are not valid');
  } catch (error) {
    warn(`removed the broken cache ${path}: ${messageOf(error)}`);
    await rm(path, { force: true }).catch(() => {});
    return undefined;
  }
}

/** Writes `value` to `path`, atomically. A cache that cannot be written only makes azlin slower, so this only warns. */
export async function writeCache(path: string, value: unknown, warn: (line: string) => void): Promise<void> {
  try {
    await writeKept(path, JSON.stringify({ version: VERSION, value }));
  } catch (error) {
    warn(`cannot write the cache ${path}: ${messageOf(error)}`);
  }
}
