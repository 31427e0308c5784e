/** Splits at a character, but not inside brackets or braces, nor after a backslash. */
export function splitOutside(text: string, separator: string): readonly string[] {
  const parts: string[] = [''];
  const closing: string[] = [];
  for (const token of text.match(/\\.|./gsu) ?? []) {
    if (token === '[' || token === '{') closing.push(token === '[' ? ']' : '}');
    else if (token === closing.at(-1)) closing.pop();
    if (token === separator && closing.length === 0) parts.push('');
    else parts.push(`${parts.pop()}${token}`);
  }
  return parts;
}
