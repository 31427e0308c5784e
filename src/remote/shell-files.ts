import { readFileSync } from 'node:fs';
import { compact, include } from './include.ts';
import { VALUES } from './values.ts';

const texts = new Map<string, string>();

/** The text of a script of this folder, its parts included. The build puts the texts in the place of this file, so that the package needs no others. */
export function shellFile(name: string): string {
  const text = texts.get(name) ?? compact(include(`./${name}.sh`, read), VALUES);
  texts.set(name, text);
  return text;
}

function read(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}
