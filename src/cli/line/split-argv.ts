import { type Contents, commandNamed, type LoadedCommand, type Option, type Options } from '../command.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from './options.ts';

export interface SplitArgv {
  /** What the parser of the command line gets. */
  readonly own: readonly string[];
  /** The remote command, word for word. */
  readonly remote: readonly string[];
  /** The word that names the command, if there is one. */
  readonly verb: string | undefined;
  readonly command: LoadedCommand | undefined;
}

/**
 * Cuts the remote command off before anybody parses it: as with ssh, everything after the identifier belongs to the remote
 * command, flags included. Only the first word that is no option can be the verb, the second one the identifier.
 */
export async function splitArgv(argv: readonly string[], contents: Contents, globals: Options): Promise<SplitArgv> {
  const { shorthands } = contents;
  // Options of the commands may come before their names, too, and take their values along.
  const verbAt = firstWord(argv, 0, { ...SCOPE_OPTIONS, ...SSH_OPTIONS, ...globals });
  const verb = argv[verbAt];
  if (verb === undefined) return { own: spellOut(argv, globals), remote: [], verb, command: undefined };
  const words = Object.hasOwn(shorthands, verb) ? (shorthands[verb] ?? []) : [verb];
  const expanded = [...argv.slice(0, verbAt), ...words, ...argv.slice(verbAt + 1)];
  const command = await commandNamed(contents, words[0] ?? '');
  const options = { ...globals, ...command?.options };
  const { own, remote } = cut({ words: expanded, start: verbAt + words.length, command, options });
  return { own: spellOut(own, options), remote, verb, command };
}

interface Uncut {
  readonly words: readonly string[];
  /** Where the words after the verb start. */
  readonly start: number;
  readonly command: LoadedCommand | undefined;
  readonly options: Options;
}

function cut({ words, start, command, options }: Uncut) {
  if (!command) return { own: words, remote: [] };
  // With nothing to hand on, `--` only says that options have ended.
  if (!command.remote) return { own: words, remote: [] };
  if (command.remote === 'after-dashes') {
    const dashes = words.indexOf('--', start);
    return dashes < 0 ? { own: words, remote: [] } : { own: words.slice(0, dashes), remote: words.slice(dashes + 1) };
  }
  const first = firstWord(words, start, options);
  // Where options say which VMs are meant, the first word is the command's.
  const identifierAt = choosesVms(words.slice(start, first), options) ? first - 1 : first;
  const rest = words.slice(identifierAt + 1);
  const own = words.slice(0, identifierAt + 1).filter((word, index) => !(word === '--' && index >= start));
  return { own, remote: rest[0] === '--' ? rest.slice(1) : rest };
}

/** `-lalice` and `-l=alice` as `--user=alice`: as users of ssh type it, and as yargs does not read it. */
function spellOut(words: readonly string[], options: Options): readonly string[] {
  const end = words.indexOf('--');
  return words.flatMap((word, index) => {
    if ((end >= 0 && index > end) || !/^-[A-Za-z]/.test(word)) return [word];
    const at = [...word].findIndex((letter, position) => position > 0 && takesValue(optionOf(letter, options)?.[1]));
    const option = optionOf(word.charAt(at), options);
    const value = word.slice(at + 1);
    if (at < 0 || !option || value === '') return [word];
    return [...(at > 1 ? [word.slice(0, at)] : []), `--${option[0]}=${value.replace(/^=/, '')}`];
  });
}

function optionOf(letter: string, options: Options): readonly [string, Option] | undefined {
  return Object.entries(options).find(([, { short }]) => short === letter);
}

/** The first option among the words that is not one of `options`. */
export function unknownOption(words: readonly string[], options: Options): string | undefined {
  const shorts = Object.values(options).flatMap(({ short }) => short ?? []);
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--') return undefined;
    if (!word.startsWith('-') || word === '-') continue;
    if (word.startsWith('--')) {
      if (!Object.hasOwn(options, word.slice(2).split('=')[0] ?? '')) return word;
    } else {
      // Letters up to the one that takes the rest for its value.
      const letters = [...word.slice(1)];
      const end = letters.findIndex((letter) => takesValue(optionOf(letter, options)?.[1]));
      const odd = letters.slice(0, end < 0 ? undefined : end).find((letter) => !shorts.includes(letter));
      if (odd !== undefined) return `-${odd}`;
    }
    if (takesNext(word, options)) index++;
  }
  return undefined;
}

/** Tells which options stand among the words. */
export function givenOptions(words: readonly string[], options: Options): (name: string) => boolean {
  const given = new Set<string>();
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--') break;
    if (!word.startsWith('-') || word === '-') continue;
    if (word.startsWith('--')) given.add(word.slice(2).split('=')[0] ?? '');
    else for (const letter of word.slice(1)) given.add(optionOf(letter, options)?.[0] ?? '');
    if (takesNext(word, options)) index++;
  }
  return (name) => given.has(name);
}

/** The index of the first word from `start` that is neither an option nor an option's value. */
function firstWord(argv: readonly string[], start: number, options: Options): number {
  for (let index = start; index < argv.length; index++) {
    const word = argv[index] ?? '';
    if (word === '--') return index + 1;
    if (!word.startsWith('-') || word === '-') return index;
    if (takesNext(word, options)) index++;
  }
  return argv.length;
}

function choosesVms(words: readonly string[], options: Options): boolean {
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    const name = /^--([^=]+)/.exec(word)?.[1] ?? '';
    if (Object.hasOwn(options, name) && options[name]?.choosesVms) return true;
    if (takesNext(word, options)) index++;
  }
  return false;
}

function takesNext(word: string, options: Options): boolean {
  if (word.startsWith('--')) return !word.includes('=') && takesValue(options[word.slice(2)]);
  const letters = [...word.slice(1)];
  const at = letters.findIndex((letter) => takesValue(optionOf(letter, options)?.[1]));
  // `-l alice` takes the next word, `-lalice` and `-l=alice` do not.
  return at >= 0 && at === letters.length - 1;
}

function takesValue(option: Option | undefined): boolean {
  return option !== undefined && option.kind !== 'flag';
}
