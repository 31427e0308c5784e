import type { Option, Options } from '../command.ts';

/** An option as it is written: `--user=alice`, `-lalice`, `-v`. */
export interface WrittenOption {
  /** Without its value: `--user`, `-l`. */
  readonly written: string;
  /** Undefined for an unknown option. */
  readonly name: string | undefined;
  readonly option: Option | undefined;
  /** The value, if it is in the same word. */
  readonly value: string | undefined;
}

export type Token =
  | ({ readonly kind: 'option'; readonly index: number } & WrittenOption)
  /** `--`: no options follow. */
  | { readonly kind: 'end'; readonly index: number }
  | { readonly kind: 'word'; readonly index: number; readonly text: string };

/** Splits a line into tokens, up to `--`. If the value of an option is the next word, that word is not a token of its own. */
export function* tokensOf(words: readonly string[], options: Options, start = 0): Generator<Token> {
  for (let index = start; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--') return void (yield { kind: 'end', index });
    if (!isOption(word)) {
      yield { kind: 'word', index, text: word };
      continue;
    }
    const written = optionsIn(word, options);
    const last = written.at(-1);
    const next = last && takesNext(last) ? words[index + 1] : undefined;
    for (const one of written)
      yield { kind: 'option', index, ...one, value: one === last ? (one.value ?? next) : one.value };
    if (last && takesNext(last)) index++;
  }
}

export function isOption(word: string): boolean {
  return word.startsWith('-') && word !== '-' && word !== '--';
}

/** The options in one word: a long one, or letters. The first letter that takes a value has the rest of the word as its value. */
export function optionsIn(word: string, options: Options): readonly WrittenOption[] {
  const [, name, value] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
  if (name !== undefined) {
    const option = Object.hasOwn(options, name) ? options[name] : undefined;
    return [{ written: name === '' ? word : `--${name}`, name: option && name, option, value }];
  }
  const found: WrittenOption[] = [];
  let at = 1;
  for (const letter of word.slice(1)) {
    const [long, option] = Object.entries(options).find(([, { short }]) => short === letter) ?? [];
    at += letter.length;
    const rest = takesValue(option) ? word.slice(at) : '';
    found.push({ written: `-${letter}`, name: long, option, value: rest === '' ? undefined : rest.replace(/^=/, '') });
    if (takesValue(option)) break;
  }
  return found;
}

/** Whether its value is the next word. */
function takesNext({ option, value }: WrittenOption): boolean {
  return takesValue(option) && value === undefined;
}

function takesValue(option: Option | undefined): boolean {
  return option !== undefined && option.kind !== 'flag';
}
