import type { Command, Option, Options } from './command.ts';

export interface SplitArgv {
  /** What the parser of the command line gets. */
  readonly own: readonly string[];
  /** The remote command, word for word. */
  readonly remote: readonly string[];
  readonly command: Command | undefined;
}

/** Words that stand for other words: `close` for `disconnect --kill`. */
export type Shorthands = Readonly<Record<string, readonly string[]>>;

/**
 * Cuts the remote command off before anybody parses it: as with ssh, everything after the identifier belongs to the remote
 * command, flags included. Only the first word that is no option can be the verb, the second one the identifier.
 */
export function splitArgv(
  argv: readonly string[],
  {
    commands,
    shorthands,
    globals,
  }: { readonly commands: readonly Command[]; readonly shorthands: Shorthands; readonly globals: Options },
): SplitArgv {
  const verbAt = firstWord(argv, 0, globals);
  const verb = argv[verbAt];
  if (verb === undefined) return { own: argv, remote: [], command: undefined };
  const words = shorthands[verb] ?? [verb];
  const expanded = [...argv.slice(0, verbAt), ...words, ...argv.slice(verbAt + 1)];
  const command = commands.find(({ name }) => name === words[0]);
  const start = verbAt + words.length;
  if (!command?.remote) return { own: expanded, remote: [], command };
  const dashes = expanded.indexOf('--', start);
  if (command.remote === 'after-dashes') {
    if (dashes < 0) return { own: expanded, remote: [], command };
    return { own: expanded.slice(0, dashes), remote: expanded.slice(dashes + 1), command };
  }
  const identifierAt = firstWord(expanded, start, { ...globals, ...command.options });
  const rest = expanded.slice(identifierAt + 1);
  const own = expanded.slice(0, identifierAt + 1).filter((word, index) => !(word === '--' && index >= start));
  return { own, remote: rest[0] === '--' ? rest.slice(1) : rest, command };
}

/** The first option among the words that is not one of `options`. */
export function unknownOption(words: readonly string[], options: Options): string | undefined {
  const shorts = Object.values(options).flatMap(({ short }) => short ?? []);
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--') return undefined;
    if (!word.startsWith('-') || word === '-') continue;
    const isKnown = word.startsWith('--')
      ? Object.hasOwn(options, word.slice(2).split('=')[0] ?? '')
      : shorts.includes(word.charAt(1));
    if (!isKnown) return word;
    if (takesNext(word, options)) index++;
  }
  return undefined;
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

function takesNext(word: string, options: Options): boolean {
  if (word.startsWith('--')) return !word.includes('=') && takesValue(options[word.slice(2)]);
  const withValue = Object.values(options).filter(takesValue);
  const letters = [...word.slice(1)];
  // `-l alice` takes the next word, `-lalice` and `-l=alice` do not.
  return letters.some(
    (letter, index) => index === letters.length - 1 && withValue.some(({ short }) => short === letter),
  );
}

function takesValue(option: Option | undefined): boolean {
  return option !== undefined && option.kind !== 'flag';
}
