import { type Contents, commandNamed, type LoadedCommand, type Options } from '../command.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from './options.ts';
import { isOption, optionsIn, tokensOf } from './tokens.ts';

export interface SplitArgv {
  /** What the parser of the command line gets. */
  readonly own: readonly string[];
  /** The remote command, word for word. */
  readonly remote: readonly string[];
  /** The word that names the command, if there is one. */
  readonly verb: string | undefined;
  readonly command: LoadedCommand | undefined;
  /** Options in the place where the remote command should begin. */
  readonly misplaced: Misplaced | undefined;
}

/** Options that somebody typed after the identifier, but azlin takes before it. */
export interface Misplaced {
  readonly identifier: string;
  readonly words: readonly string[];
}

/**
 * Cuts off the remote command before the line is parsed: as with ssh, everything after the identifier belongs to the remote
 * command, flags included. The first word that is not an option is the verb, the second one is the identifier.
 */
export async function splitArgv(argv: readonly string[], contents: Contents, globals: Options): Promise<SplitArgv> {
  const { shorthands } = contents;
  // Options of a command may also come before its name, with their values.
  const verbAt = firstWord(argv, 0, { ...SCOPE_OPTIONS, ...SSH_OPTIONS, ...globals });
  const verb = argv[verbAt];
  if (verb === undefined)
    return { own: spellOut(argv, globals), remote: [], verb, command: undefined, misplaced: undefined };
  const words = Object.hasOwn(shorthands, verb) ? (shorthands[verb] ?? []) : [verb];
  const expanded = [...argv.slice(0, verbAt), ...words, ...argv.slice(verbAt + 1)];
  const command = await commandNamed(contents, words[0] ?? '');
  const options = { ...globals, ...command?.options };
  const start = verbAt + words.length;
  const typed = 'tty' in options ? withTty(expanded, start, options) : expanded;
  const { own, remote, misplaced } = cut({ words: typed, start, command, options });
  return { own: spellOut(own, options), remote, verb, command, misplaced };
}

/** `-it`, as docker and kubectl have it, asks for a terminal, not for an identity file called "t". */
function withTty(words: readonly string[], start: number, options: Options): readonly string[] {
  const at = words.findIndex((word, index) => index >= start && /^-(it|ti)$/.test(word));
  const isOption = at >= 0 && firstWord(words.slice(0, at), start, options) === at;
  return isOption ? words.with(at, '--tty') : words;
}

interface Uncut {
  readonly words: readonly string[];
  /** Where the words after the verb start. */
  readonly start: number;
  readonly command: LoadedCommand | undefined;
  readonly options: Options;
}

function cut({ words, start, command, options }: Uncut): Pick<SplitArgv, 'own' | 'remote' | 'misplaced'> {
  const uncut = { own: words, remote: [], misplaced: undefined };
  // Without a remote command, `--` only says that options have ended.
  if (!command?.remote) return uncut;
  if (command.remote === 'after-dashes') {
    const dashes = words.indexOf('--', start);
    return dashes < 0 ? uncut : { ...uncut, own: words.slice(0, dashes), remote: words.slice(dashes + 1) };
  }
  const first = firstWord(words, start, options);
  if (command.remote === 'after-options') {
    // As with ssh, options may also stand between the host and the command.
    const next = firstWord(words, first + 1, options);
    const own = words.slice(0, next).filter((word, index) => !(word === '--' && index >= start));
    return { own, remote: words.slice(next), misplaced: undefined };
  }
  // If options say which VMs are meant, the first word belongs to the remote command.
  const identifierAt = choosesVms(words.slice(start, first), options) ? first - 1 : first;
  const rest = words.slice(identifierAt + 1);
  const own = words.slice(0, identifierAt + 1).filter((word, index) => !(word === '--' && index >= start));
  const identifier = words[identifierAt] ?? '';
  const misplaced = isOption(rest[0] ?? '') ? { identifier, words: rest } : undefined;
  return { own, remote: rest[0] === '--' ? rest.slice(1) : rest, misplaced };
}

/** Turns `-lalice` and `-l=alice` into `--user=alice`: users of ssh type them, but yargs does not read them. */
function spellOut(words: readonly string[], options: Options): readonly string[] {
  const end = words.indexOf('--');
  return words.flatMap((word, index) => {
    if ((end >= 0 && index > end) || !/^-[A-Za-z]/.test(word)) return [word];
    const letters = optionsIn(word, options);
    const last = letters.at(-1);
    if (last?.name === undefined || last.value === undefined) return [word];
    const flags = letters.length - 1;
    return [...(flags > 0 ? [word.slice(0, flags + 1)] : []), `--${last.name}=${last.value}`];
  });
}

/** The first option among the words that is not one of `options`, and its index. */
export function unknownOption(
  words: readonly string[],
  options: Options,
): { readonly written: string; readonly index: number } | undefined {
  for (const token of tokensOf(words, options)) if (token.kind === 'option' && !token.option) return token;
  return undefined;
}

/** Returns a function that tells whether an option is among the words. */
export function givenOptions(words: readonly string[], options: Options): (name: string) => boolean {
  const given = new Set(
    [...tokensOf(words, options)].map((token) => (token.kind === 'option' ? token.name : undefined)),
  );
  return (name) => given.has(name);
}

/** The index of the first word from `start` that is neither an option nor an option's value. */
function firstWord(argv: readonly string[], start: number, options: Options): number {
  for (const token of tokensOf(argv, options, start)) {
    if (token.kind === 'word') return token.index;
    if (token.kind === 'end') return token.index + 1;
  }
  return argv.length;
}

function choosesVms(words: readonly string[], options: Options): boolean {
  return [...tokensOf(words, options)].some((token) => token.kind === 'option' && token.option?.choosesVms);
}
