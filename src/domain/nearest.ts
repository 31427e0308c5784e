import { distance } from 'fastest-levenshtein';

/** Up to `most` of the known names, the nearest first. Names that have little in common with `text` are left out. */
export function nearestNames(text: string, names: readonly string[], most = 5): readonly string[] {
  const wanted = text.toLowerCase();
  // At least 2, because two swapped letters are two edits.
  const limit = wanted.length < 4 ? 1 : Math.max(2, Math.floor(wanted.length / 3));
  return [...new Set(names)]
    .map((name) => ({ name, away: awayness(wanted, name.toLowerCase()) }))
    .filter(({ away }) => away <= limit)
    .sort((a, b) => a.away - b.away || (a.name < b.name ? -1 : 1))
    .slice(0, most)
    .map(({ name }) => name);
}

/** A name that contains the wanted one is near, however long it is: `prodvm` for `prod`, most of all where a word of it begins so. So is one with the same letters in another order. */
function awayness(wanted: string, name: string): number {
  if (wanted.length >= 3 && sorted(wanted) === sorted(name)) return 0.5;
  if (wanted.length < 3 || !name.includes(wanted)) return distance(wanted, name);
  const isWord = name.startsWith(wanted) || /[^\p{L}\p{N}]/u.test(name.charAt(name.indexOf(wanted) - 1));
  return isWord ? 1 : 2;
}

function sorted(text: string): string {
  return [...text].sort().join('');
}

/** A hint; undefined if no name is near. `before`: what is typed before the word. */
export function didYouMean(typed: string, known: readonly string[], before = ''): string | undefined {
  const [near] = nearestNames(typed, known, 1);
  return near && `did you mean ${before}${near}?`;
}
