import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Reads a text file of this package, wherever in the package the bundler has put this module. */
export function readResource(path: string): Promise<string> {
  return readFile(join(packageRoot(import.meta.dirname), path), 'utf8');
}

function packageRoot(directory: string): string {
  // dist has a package.json too, which only sets the type of its modules.
  const isRoot = existsSync(join(directory, 'package.json')) && existsSync(join(directory, 'completions'));
  return isRoot || directory === dirname(directory) ? directory : packageRoot(dirname(directory));
}
