const compiled = new Map<string, RegExp>();

/** OpenSSH's pattern language, without case: `*` is any text, `?` any character. */
export function matchesPattern(text: string, pattern: string): boolean {
  // Most are plain names, and known_hosts files have thousands of them.
  if (!/[*?]/.test(pattern)) return text.length === pattern.length && text.toLowerCase() === pattern.toLowerCase();
  let expression = compiled.get(pattern);
  if (!expression) {
    const source = pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*+/g, '.*')
      .replace(/\?/g, '.');
    expression = new RegExp(`^${source}$`, 'is');
    compiled.set(pattern, expression);
  }
  return expression.test(text);
}

/** A list of patterns: one must fit one of the texts, and none that starts with `!` may. */
export function matchesPatterns(texts: readonly string[], patterns: readonly string[]): boolean {
  const fits = (pattern: string) => texts.some((text) => matchesPattern(text, pattern));
  const refused = patterns.some((pattern) => pattern.startsWith('!') && fits(pattern.slice(1)));
  return !refused && patterns.some((pattern) => !pattern.startsWith('!') && fits(pattern));
}
