import { AppError } from '../../domain/errors.ts';
import { shellWord } from '../../domain/text.ts';
import type { App, IoStreams } from '../app.ts';
import type { LoadedCommand, Options } from '../command.ts';
import { CONTENTS } from '../commands/index.ts';
import { type ColorChoice, type Style, styleFor, wantsColor } from '../output/style.ts';
import { BUILT_IN, GLOBAL_OPTIONS } from './options.ts';
import { givenOptions, type Misplaced, type SplitArgv, unknownOption } from './split-argv.ts';
import { tokensOf } from './tokens.ts';

interface Surroundings {
  readonly app: App;
  readonly io: IoStreams;
}

/** The text of --help or --version, for which no command runs. Throws `usage` for unknown commands and options. */
export async function builtIn(
  { app, io }: Surroundings,
  { own, verb, command, misplaced }: SplitArgv,
): Promise<string | undefined> {
  const options: Options = { ...GLOBAL_OPTIONS, ...command?.options, ...BUILT_IN };
  const unknown = unknownOption(own, options);
  // The word after an unknown option may be its value.
  const isAfterUnknown = unknown !== undefined && unknown.index < own.indexOf(verb ?? '');
  if (verb !== undefined && !command && !isAfterUnknown) throw await unknownCommand(verb);
  if (unknown !== undefined) throw await unknownOptionError(unknown.written, command, options);
  const isGiven = givenOptions(own, options);
  if (isGiven('version')) return `${app.version()}\n`;
  const wantsHelp = isGiven('help') || /^(-h|--help)$/.test(misplaced?.words[0] ?? '');
  if (command && misplaced && !wantsHelp) throw misplacedOption(command, misplaced, options);
  if (own.length > 0 && !wantsHelp) return undefined;
  const { commandHelp, mainHelp } = await import('../help-text.ts');
  const page = {
    width: Math.min(100, io.stdout.columns ?? 100),
    style: styleOn(io.stdout, wordAfter(own, 'color') as ColorChoice | undefined, app),
  };
  return command ? commandHelp(command, page) : mainHelp(CONTENTS, page);
}

/** An option where the command should begin, since no command begins with a dash. Values are not repeated: they may be secret. */
function misplacedOption({ name }: LoadedCommand, { identifier, words }: Misplaced, options: Options): AppError {
  // `-it` is for a terminal, and not an identity file.
  const [first = '', ...others] = words;
  const typed = 'tty' in options && /^-(it|ti)$/.test(first) ? ['-t', ...others] : words;
  const tokens = [...tokensOf(typed, options)];
  const end = tokens.findIndex(({ kind }) => kind !== 'option');
  const given = tokens.slice(0, end < 0 ? undefined : end).flatMap((token) => (token.kind === 'option' ? token : []));
  const [vm, known] = [shellWord(identifier), given.every(({ option }) => option)];
  const written = given.map((one) => [one.written, ...(one.option?.takes ? [one.option.takes] : [])].join(' '));
  return new AppError('usage', `Unexpected option after "${identifier}": ${given[0]?.written ?? ''}`, {
    hint: known
      ? `options come before the identifier: azlin ${name} ${written.join(' ')} ${vm} COMMAND`
      : `put a command that begins with a dash after --: azlin ${name} ${vm} -- COMMAND`,
  });
}

/** Commands that end or close something are never suggested: somebody may just run them. */
const NEVER_SUGGESTED = ['stop', 'restart', 'close', 'cancel', 'prune'];

async function unknownCommand(verb: string): Promise<AppError> {
  const { didYouMean } = await import('../../domain/nearest.ts');
  const names = [
    ...CONTENTS.entries.filter(({ heading }) => heading).map(({ name }) => name),
    ...Object.keys(CONTENTS.shorthands),
  ].filter((name) => !NEVER_SUGGESTED.includes(name));
  const hint = didYouMean(verb, names, 'azlin ') ?? 'azlin --help lists the commands';
  return new AppError('usage', `Unknown command "${verb}"`, { hint });
}

async function unknownOptionError(
  word: string,
  command: LoadedCommand | undefined,
  options: Options,
): Promise<AppError> {
  const { didYouMean } = await import('../../domain/nearest.ts');
  const known = command ? `azlin ${command.name} --help` : 'azlin --help';
  const typed = /^--([^=]+)/.exec(word)?.[1];
  const meant = typed && didYouMean(typed, Object.keys(options), '--');
  return new AppError('usage', `Unknown option ${word}`, { hint: meant || `${known} lists the options` });
}

/** The value of an option among words that may not be valid yet. */
export function wordAfter(own: readonly string[], name: string): string | undefined {
  for (const token of tokensOf(own, GLOBAL_OPTIONS))
    if (token.kind === 'option' && token.name === name) return token.value;
  return undefined;
}

/** The format that was asked for, in whichever way. */
export function formatIn(own: readonly string[]): string | undefined {
  for (const token of tokensOf(own, GLOBAL_OPTIONS))
    if (token.kind === 'option' && token.name === 'json') return 'json';
  return wordAfter(own, 'format') ?? wordAfter(own, 'output');
}

export function styleOn(stream: { readonly isTTY?: boolean }, choice: ColorChoice | undefined, app: App): Style {
  return styleFor(wantsColor(choice, app.environment, stream.isTTY === true));
}
