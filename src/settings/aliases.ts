import { splitOutside } from '../domain/split-outside.ts';

/** What each alias means, in the notation of identifiers. */
export type Aliases = Readonly<Record<string, readonly string[]>>;

/** Reads `[aliases]`. Throws an Error that says what was expected. */
export function readAliases(value: unknown): Aliases {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('expected a table: [aliases]');
  const aliases = Object.fromEntries(Object.entries(value).map(([name, means]) => [name, meaning(name, means)]));
  for (const name of Object.keys(aliases)) expand(aliases, name, []);
  return aliases;
}

/** The text with every alias in it replaced by what it means; undefined if there is no alias. A list stays a list. */
export function withoutAliases(text: string, aliases: Aliases): string | undefined {
  const parts = splitOutside(text, ',').map((part) => part.trim());
  if (!parts.some((part) => Object.hasOwn(aliases, part))) return undefined;
  return parts.flatMap((part) => expand(aliases, part, [])).join(',');
}

function expand(aliases: Aliases, name: string, within: readonly string[]): readonly string[] {
  const means = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
  // An alias may have the name of a VM. In its own meaning, that name stands for the VM.
  if (means === undefined || within.at(-1) === name) return [name];
  if (within.includes(name)) throw new Error(`"${name}" refers to itself: ${[...within, name].join(' -> ')}`);
  return means
    .flatMap((text) => splitOutside(text, ','))
    .flatMap((part) => expand(aliases, part.trim(), [...within, name]));
}

function meaning(name: string, means: unknown): readonly string[] {
  if (name in Object.prototype) throw new Error(`"${name}" cannot be an alias: it is a reserved word`);
  if (!/^[\p{L}\p{N}_][\p{L}\p{N}_.-]{0,63}$/u.test(name))
    throw new Error(`"${name}" cannot be an alias: use letters, digits, "-", "_" and "."`);
  const texts = Array.isArray(means) ? means : [means];
  if (texts.length === 0 || texts.some((text) => typeof text !== 'string' || text.trim() === ''))
    throw new Error(`expected an identifier or a list of them for "${name}"`);
  return texts as readonly string[];
}
