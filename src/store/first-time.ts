import { join } from 'node:path';
import { readCache, writeCache } from './cache-file.ts';

const KEPT = 100;

/** Whether this user has not been told `what` before; from now on they have. `home`: `$AZLIN_HOME`. */
export async function isFirstTime(home: string, what: string): Promise<boolean> {
  const path = join(home, 'cache', 'told.json');
  // A file that cannot be read or written is not worth a warning: the user is just told again.
  const silent = () => {};
  const told = (await readCache(path, isTexts, silent)) ?? [];
  if (told.includes(what)) return false;
  await writeCache(path, [what, ...told.slice(0, KEPT - 1)], silent);
  return true;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
