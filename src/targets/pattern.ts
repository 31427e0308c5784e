import picomatch from 'picomatch';
import { AppError } from '../domain/errors.ts';

export interface PatternOptions {
  /** As Azure compares its names. */
  readonly ignoreCase: boolean;
}

/** A list of numbers in brackets, as `foldNames` writes it: `[8-12]`, `[1,3]`. A list that a glob would read in the same way is left to the glob. */
const NUMBERS = /(?<!\\)\[(\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)\]/g;
/** A range of numbers as shells write it: `{8..12}`. */
const BRACE_NUMBERS = /(?<!\\)\{(\d+)\.\.(\d+)\}/g;
/** A longer list is hardly intended, and a pattern cannot hold it. */
const MOST_NUMBERS = 1_000;

/** Compiles a pattern: `*`, `?`, `[a-z]`, `{a,b}`, and `[8-12]` for numbers. A backslash makes the next character literal. */
export function namePattern(text: string, { ignoreCase }: PatternOptions): (name: string) => boolean {
  const brackets = text.replace(BRACE_NUMBERS, (_, from: string, to: string) => `[${from}-${to}]`);
  const glob = brackets.replace(NUMBERS, (whole, list: string) => {
    if (/^(\d-\d|\d+)$/.test(list)) return whole;
    const numbers = list.split(',').flatMap(numbersOf);
    if (numbers.length > MOST_NUMBERS)
      throw new AppError('invalid-identifier', `${whole} in a pattern means more than ${MOST_NUMBERS} numbers`, {
        hint: '* matches any of them',
      });
    return numbers.length === 1 ? `${numbers[0]}` : `{${numbers.join(',')}}`;
  });
  // Shells write `[!a]`; picomatch only knows `[^a]`.
  const matches = picomatch(glob.replace(/(?<!\\)\[!/g, '[^'), {
    nocase: ignoreCase,
    dot: true,
    bash: true,
    noextglob: true,
    nonegate: true,
  });
  return (name) => matches(name);
}

/** The pattern with its lists of numbers padded: `node-[01-03]` for `node-[1-3]` and width 2; undefined if it has none. */
export function paddedPattern(text: string, width: number): string | undefined {
  const pad = (list: string) => list.replace(/\d+/g, (number) => number.padStart(width, '0'));
  const padded = text
    .replace(BRACE_NUMBERS, (_, from: string, to: string) => `{${pad(from)}..${pad(to)}}`)
    .replace(NUMBERS, (_, list: string) => `[${pad(list)}]`);
  return padded === text ? undefined : padded;
}

/** Whether the text has characters with a special meaning in patterns. */
export function isPattern(text: string): boolean {
  return /[*?[\]{}]/.test(text.replace(/\\./gs, ''));
}

/** The text without the backslashes that escape special characters; other backslashes stay. */
export function unescaped(text: string): string {
  return text.replace(/\\([\\,*?[\]{}])/g, '$1');
}

function numbersOf(range: string): readonly string[] {
  const [from = '', to = from] = range.split('-');
  const [first, last] = [Number(from), Number(to)];
  const width = /^0\d/.test(from) ? from.length : 0;
  const length = Math.max(0, Math.min(MOST_NUMBERS + 1, last - first + 1));
  return Array.from({ length }, (_, index) => String(first + index).padStart(width, '0'));
}
