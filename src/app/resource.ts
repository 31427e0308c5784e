import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A text file of this package, wherever in it this module has been bundled to. */
export function readResource(path: string): Promise<string> {
  return readFile(join(packageRoot(import.meta.dirname), path), 'utf8');
}

function packageRoot(directory: string): string {
  // dist has a package.json of its own, which says nothing but how its modules are to be read.
  const isRoot = existsSync(join(directory, 'package.json')) && existsSync(join(directory, 'completions'));
  return isRoot || directory === dirname(directory) ? directory : packageRoot(dirname(directory));
}
