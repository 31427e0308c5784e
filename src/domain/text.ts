// C0 and C1 controls, bidirectional controls, line and paragraph separators, the byte order mark: they can forge or garble a line.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences start with a control character
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|.)?/g;

/** Text from a VM or from Azure, fit for one line of a terminal. */
export function printable(text: string): string {
  return text.replace(ESCAPES, '').replace(UNPRINTABLE, '');
}

/** `text`, at most `length` characters long, marked where it was cut. */
export function shorten(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, Math.max(0, length - 1)).join('')}…`;
}

/** Whether the text is printable ASCII, so that each character takes one cell of a terminal. */
export const isPlain = (text: string): boolean => /^[ -~]*$/.test(text);

/** `1 VM`, `2 VMs`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/**
 * A word quoted for a shell. It works in POSIX shells and in fish, where a backslash inside single quotes is not literal:
 * backslashes and single quotes are therefore escaped outside of the quotes.
 */
export function shellWord(word: string): string {
  if (/^[A-Za-z0-9_/.,:@%+-]+$/.test(word)) return word;
  return `'${word.replace(/['\\]/g, (character) => `'\\${character}'`)}'`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escape sequences
const COLOURS = /(\u001b\[[0-9;:]*m)/;

/** Like `printable`, but keeps colours and tabs. Of a line that was overwritten with carriage returns, only the last state is kept. */
export function colouredLine(line: string): string {
  const last = line.replace(/\r+$/, '').split('\r').at(-1) ?? '';
  const parts = last.split(COLOURS);
  if (parts.length === 1) return tabbed(last);
  return `${parts.map((part, index) => (index % 2 === 1 ? part : tabbed(part))).join('')}\u001b[0m`;
}

function tabbed(text: string): string {
  return text.split('\t').map(printable).join('\t');
}

/** Text without the byte order mark that some editors and az put before it. */
export const withoutMark = (text: string): string => text.replace(/^\ufeff/, '');

/** One shell line that any login shell reads as exactly the words of `argv`. */
export function quoteArgv(argv: readonly string[]): string {
  return argv.map(shellWord).join(' ');
}
