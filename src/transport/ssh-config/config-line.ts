/*
 * Splits a line of ssh_config as OpenSSH 9 does (readconf.c, misc.c). The keyword ends with a blank or an equals sign. Then come words, which may be in
 * quotes of either kind, with a few escapes. `#` starts a comment only where a word could start.
 */

export interface ConfigLine {
  /** The keyword as it is written. */
  readonly written: string;
  readonly words: readonly string[];
  /** What follows the keyword, unchanged. */
  readonly rest: string;
}

/** Undefined for an empty line and a comment. Throws an Error that says why ssh refuses the line. */
export function configLine(line: string): ConfigLine | undefined {
  const text = line.replace(/(?<=.)[ \t\r\n\f]+$/s, '');
  const first = nextDelimited(text);
  const { word: written, rest } = (first.word === '' && first.rest !== undefined && nextDelimited(first.rest)) || first;
  if (written === '' || written.startsWith('#')) return undefined;
  const given = rest?.replace(/^[ \t\r\n]+/, '') ?? '';
  if (given === '') throw new Error(`"${written}" has no value`);
  return { written, words: wordsOf(given), rest: given };
}

/** The words of `Match`, which are split in the same way as keywords. */
export function matchWords(rest: string): readonly string[] {
  const words: string[] = [];
  for (let left: string | undefined = rest; left !== undefined; ) {
    const next = nextDelimited(left);
    if (next.word === '' || next.word.startsWith('#')) break;
    words.push(next.word);
    left = next.rest;
  }
  return words;
}

interface Delimited {
  readonly word: string;
  /** Undefined at the end. */
  readonly rest: string | undefined;
}

/** Takes the text up to a blank or the first equals sign, or the text in double quotes. */
function nextDelimited(text: string): Delimited {
  const at = text.search(/[ \t\r\n"=]/);
  if (at < 0) return { word: text, rest: undefined };
  if (text[at] === '"') {
    const end = text.indexOf('"', at + 1);
    if (end < 0) throw new Error('a quote is not closed');
    const word = text.slice(0, at) + text.slice(at + 1, end);
    return { word, rest: text.slice(end + 1).replace(/^[ \t\r\n]+/, '') };
  }
  const after = text.slice(at + 1).replace(/^[ \t\r\n]+/, '');
  const rest = text[at] === '=' ? after : after.replace(/^=[ \t\r\n]*/, '');
  return { word: text.slice(0, at), rest };
}

function wordsOf(text: string): readonly string[] {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (text[at] === ' ' || text[at] === '\t') at++;
    if (at >= text.length || text[at] === '#') return words;
    let word = '';
    let quote = '';
    for (; at < text.length; at++) {
      const character = text.charAt(at);
      const next = text.charAt(at + 1);
      if (character === '\\' && (["'", '"', '\\'].includes(next) || (quote === '' && next === ' '))) word += text[++at];
      else if (quote === '' && (character === ' ' || character === '\t')) break;
      else if (quote === '' && (character === '"' || character === "'")) quote = character;
      else if (character === quote) quote = '';
      else word += character;
    }
    if (quote !== '') throw new Error('a quote is not closed');
    words.push(word);
  }
}
