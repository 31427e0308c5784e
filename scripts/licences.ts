import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Package {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  /** Used by older packages. */
  readonly licenses?: readonly { readonly type: string }[];
  readonly author?: string | { readonly name?: string };
}

/** The names, versions and licences of the packages that the modules belong to, as one text. Throws for a package without a licence. */
export function licencesOf(root: string, modules: readonly string[]): string {
  const folders = new Set(
    modules.flatMap((module) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(module.replace(/^\0/, ''))?.[0] ?? []),
  );
  const texts = [...folders].map((folder) => licenceIn(folder)).sort((a, b) => a.title.localeCompare(b.title));
  const parts = new Map(texts.map(({ title, text }) => [title, text]));
  if (parts.size === 0) throw new Error(`nothing of node_modules is bundled from ${root}`);
  const head = 'azlin contains parts of these packages. Its own licence is in LICENSE.\n';
  return [head, ...[...parts].map(([title, text]) => `${'-'.repeat(80)}\n${title}\n\n${text.trim()}\n`)].join('\n');
}

function licenceIn(folder: string): { readonly title: string; readonly text: string } {
  const { name, version, author, ...said } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Package;
  const license = said.license ?? said.licenses?.map(({ type }) => type).join(' OR ');
  const title = `${name} ${version} (${license ?? 'see below'})`;
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one) && existsSync(join(folder, one)));
  if (file) return { title, text: readFileSync(join(folder, file), 'utf8') };
  const readme = readdirSync(folder).find((one) => /^readme/i.test(one));
  const section = readme && /^#+ *licen[cs]e\b[\s\S]*/im.exec(readFileSync(join(folder, readme), 'utf8'))?.[0];
  if (!license && !section) throw new Error(`${name} ${version} says nothing about its licence`);
  const by = typeof author === 'string' ? author : author?.name;
  return {
    title,
    text: section ?? `Licence: ${license}${by ? `. Author: ${by}` : ''}. The package has no file with its text.`,
  };
}
