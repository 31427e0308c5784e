import { readFileSync } from 'node:fs';
import { compact, include } from './include.ts';
import { VALUES } from './values.ts';

const texts = new Map<string, string>();

/** The text of a script in this folder, including its parts. The build replaces this file with the texts, so that the package needs no other files. */
export function shellFile(name: string): string {
  const text = texts.get(name) ?? compact(include(`./${name}.sh`, read), VALUES);
  texts.set(name, text);
  return text;
}

function read(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}
