/** `exact` distinguishes upper and lower case. */
export type PatternCase = 'exact' | 'any';

const compiled = { exact: new Map<string, RegExp>(), any: new Map<string, RegExp>() };

/** OpenSSH's pattern language: `*` is any text, `?` any character. */
export function matchesPattern(text: string, pattern: string, kind: PatternCase = 'any'): boolean {
  // Most are plain names, and known_hosts files have thousands of them.
  if (!/[*?]/.test(pattern)) {
    if (text.length !== pattern.length) return false;
    return kind === 'exact' ? text === pattern : text.toLowerCase() === pattern.toLowerCase();
  }
  let expression = compiled[kind].get(pattern);
  if (!expression) {
    const source = pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*+/g, '.*')
      .replace(/\?/g, '.');
    expression = new RegExp(`^${source}$`, kind === 'exact' ? 's' : 'is');
    compiled[kind].set(pattern, expression);
  }
  return expression.test(text);
}

/** A list of patterns: one must match one of the texts, and none that starts with `!` may match. */
export function matchesPatterns(
  texts: readonly string[],
  patterns: readonly string[],
  kind: PatternCase = 'any',
): boolean {
  const fits = (pattern: string) => texts.some((text) => matchesPattern(text, pattern, kind));
  const refused = patterns.some((pattern) => pattern.startsWith('!') && fits(pattern.slice(1)));
  return !refused && patterns.some((pattern) => !pattern.startsWith('!') && fits(pattern));
}
