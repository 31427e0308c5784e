import { readFileSync } from 'node:fs';
import { compact, include } from './include.ts';
import { VALUES } from './values.ts';

/** The text of a script of this folder, its parts included. The build puts the texts in the place of this file, so that the package needs no others. */
export function shellFile(name: string): string {
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
  return compact(include(`./${name}.sh`, read), VALUES);
}
