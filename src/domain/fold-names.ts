/** A name, split at one of its numbers. */
interface Split {
  readonly before: string;
  readonly digits: string;
  readonly after: string;
}

/**
 * Shortens a list of names: `web-1:main`, `web-2:main`, `web-3:main` become `web-[1-3]:main`. Each result can be used as a pattern, and has the
 * place of the first name in it.
 */
export function foldNames(names: readonly string[]): readonly string[] {
  // The number of the VM first; where that folds nothing, the number of the session.
  return foldAt(foldAt(names.map(escapedIdentifier), /^([^:]*?)(\d+)([^\d:]*(?::.*)?)$/s), /^([^:[]*:.*?)(\d+)(\D*)$/s);
}

function foldAt(names: readonly string[], place: RegExp): readonly string[] {
  const groups = new Map<string, Split[]>();
  for (const name of new Set(names)) {
    const [, before, digits = '', after] = place.exec(name) ?? [];
    const split = { before: before ?? name, digits, after: after ?? '' };
    const key = JSON.stringify([split.before, digits === '', split.after]);
    groups.set(key, [...(groups.get(key) ?? []), split]);
  }
  return [...groups.values()].flatMap(foldGroup);
}

/** The names of a group differ only in their number. */
function foldGroup(group: readonly Split[]): readonly string[] {
  const [first] = group;
  if (!first || first.digits === '') return group.map(({ before }) => before);
  // `08` and `10` are padded to the same length, `8` and `10` are not padded; the two do not mix.
  const padded = new Set(group.flatMap(({ digits }) => (/^0\d/.test(digits) ? [digits.length] : [])));
  const byWidth = new Map<number, string[]>();
  for (const { digits } of group) {
    const width = padded.has(digits.length) ? digits.length : 0;
    byWidth.set(width, [...(byWidth.get(width) ?? []), digits]);
  }
  return [...byWidth.values()].map((numbers) => `${first.before}${rangesOf(numbers)}${first.after}`);
}

function rangesOf(numbers: readonly string[]): string {
  const [only] = numbers;
  if (only !== undefined && numbers.length === 1) return only;
  const sorted = [...numbers].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
  const ranges: [from: string, to: string][] = [];
  for (const number of sorted) {
    const last = ranges.at(-1);
    if (last && BigInt(last[1]) + 1n === BigInt(number)) last[1] = number;
    else ranges.push([number, number]);
  }
  return `[${ranges.map(([from, to]) => (from === to ? from : `${from}-${to}`)).join(',')}]`;
}

/** Names for a sentence: folded, and at most `most` of them. */
export function listNames(names: readonly string[], most = 8): string {
  const folded = foldNames(names);
  if (folded.length <= most) return folded.join(', ');
  return `${folded.slice(0, most).join(', ')} and ${folded.length - most} more`;
}

/** The identifier, escaped so that it means only itself where patterns are allowed. */
export function escapedIdentifier(identifier: string): string {
  const [, address = '', rest = ''] = /^((?:[^@[\]]*@)?\[[0-9a-fA-F.]*:[0-9a-fA-F:.]*\])?(.*)$/s.exec(identifier) ?? [];
  return `${address}${rest.replace(/[\\,*?[\]{}]/g, '\\$&')}`;
}
