/**
 * One shell line that gives back `argv` as it is. Right in POSIX shells and in fish, where a backslash inside single quotes
 * is not literal: backslashes and single quotes are therefore escaped outside of the quotes.
 */
export function quoteArgv(argv: readonly string[]): string {
  return argv.map(quoteWord).join(' ');
}

function quoteWord(word: string): string {
  if (/^[A-Za-z0-9_/.,:@%+-]+$/.test(word)) return word;
  return `'${word.replace(/['\\]/g, (character) => `'\\${character}'`)}'`;
}
