const INCLUDE = /^\. (\.\/parts\/[\w/-]+\.sh)$/;

/** Returns the file with each line `. ./parts/NAME.sh` or `. ./parts/FOLDER/NAME.sh` replaced by that part, also within parts; each part only once. */
export function include(path: string, read: (path: string) => string): string {
  const seen = new Set<string>();
  const linesOf = (text: string): string[] =>
    text.split('\n').flatMap((line) => {
      const [, part] = INCLUDE.exec(line) ?? [];
      if (part === undefined) return [line];
      if (seen.has(part)) return [];
      seen.add(part);
      return linesOf(read(part));
    });
  return linesOf(read(path)).join('\n');
}

const NAME = /\bazlin_[a-z_]+\b/g;

/**
 * Takes comments and indentation out of a script: it is sent with each command, and what fits into ten packets arrives a round trip earlier. Its own names
 * become short ones, `_q0` and so on, which context.sh keeps out of the session's environment; those in `kept` stay.
 */
export function compact(script: string, kept: readonly string[]): string {
  const lines = script
    .split('\n')
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const stays = new Set(kept.map((name) => `azlin_${name}`));
  const short = new Map<string, string>();
  return lines.join('\n').replace(NAME, (name) => {
    if (stays.has(name)) return name;
    const known = short.get(name) ?? `_q${short.size.toString(36)}`;
    short.set(name, known);
    return known;
  });
}
