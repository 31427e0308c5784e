/** The words of a line up to the cursor, as bash would read them. */
export interface BashLine {
  /** Those before the word that is being typed. */
  readonly words: readonly string[];
  readonly current: string;
  /** The open quote that the current word is in. */
  readonly quote: '' | '"' | "'";
  /** Whether the current word is the file of a redirection. */
  readonly isRedirection: boolean;
  /** The start of the current word, which readline does not replace: to readline, a word ends at a colon and at some other characters. */
  readonly kept: string;
}

/** Reads `COMP_LINE` up to `COMP_POINT`. `breaks`: `COMP_WORDBREAKS`. */
export function bashLine(line: string, breaks: string): BashLine {
  let words: string[] = [];
  let word: string | undefined;
  let kept = '';
  let quote: BashLine['quote'] = '';
  // The word after a redirection is not an argument of the command.
  let isRedirection = false;
  const endWord = () => {
    if (word !== undefined && !isRedirection) words.push(word);
    if (word !== undefined) isRedirection = false;
    [word, kept] = [undefined, ''];
  };
  for (let at = 0; at < line.length; at++) {
    const character = line.charAt(at);
    const next = line.charAt(at + 1);
    if (quote === '' && /\s/.test(character)) {
      endWord();
    } else if (quote === '' && character === '&' && isRedirection && word === undefined) {
      // `>&1`: another stream.
    } else if (quote === '' && /[;|&()]/.test(character)) {
      // Another command begins.
      [words, word, kept, isRedirection] = [[], undefined, '', false];
    } else if (quote === '' && (character === '<' || character === '>')) {
      // A number before it is the stream that it redirects.
      if (word !== undefined && /^\d+$/.test(word)) word = undefined;
      endWord();
      isRedirection = true;
      kept = '';
    } else if (quote === '' && (character === '"' || character === "'")) {
      quote = character;
      word ??= '';
    } else if (character === quote) {
      quote = '';
    } else if (character === '\\' && quote !== "'" && next !== '' && (quote === '' || '"$`\\'.includes(next))) {
      word = `${word ?? ''}${next}`;
      at++;
    } else {
      word = `${word ?? ''}${character}`;
      if (quote === '' && breaks.includes(character)) kept = word;
    }
  }
  return { words, current: word ?? '', quote, kept, isRedirection };
}

/** The rest of a value, quoted so that bash runs nothing in it; undefined if it cannot be quoted there. */
export function bashWord(value: string, { quote, kept }: Pick<BashLine, 'quote' | 'kept'>): string | undefined {
  const rest = value.startsWith(kept) ? value.slice(kept.length) : value;
  if (quote === "'") return rest.includes("'") ? undefined : rest;
  // In double quotes, a backslash before an exclamation mark would stay in the word.
  if (quote === '"') return rest.includes('!') ? undefined : rest.replace(/["$`\\]/g, (character) => `\\${character}`);
  return rest
    .replace(/[^\w@%+=:,./~-]/gu, (character) => (character > '\u007f' ? character : `\\${character}`))
    .replace(/^~/, '\\~');
}
