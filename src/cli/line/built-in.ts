import { AppError } from '../../domain/errors.ts';
import type { App, IoStreams } from '../app.ts';
import type { LoadedCommand, Options } from '../command.ts';
import { CONTENTS } from '../commands/index.ts';
import { type ColorChoice, type Style, styleFor, wantsColor } from '../output/style.ts';
import { BUILT_IN, GLOBAL_OPTIONS } from './options.ts';
import { givenOptions, type SplitArgv, unknownOption } from './split-argv.ts';
import { tokensOf } from './tokens.ts';

interface Surroundings {
  readonly app: App;
  readonly io: IoStreams;
}

/** The text of --help and --version, which need no command to run. Throws `usage` for what is none. */
export async function builtIn(
  { app, io }: Surroundings,
  { own, verb, command }: SplitArgv,
): Promise<string | undefined> {
  const options: Options = { ...GLOBAL_OPTIONS, ...command?.options, ...BUILT_IN };
  const unknown = unknownOption(own, options);
  // What follows an option that is not known may be its value.
  const isAfterUnknown = unknown !== undefined && unknown.index < own.indexOf(verb ?? '');
  if (verb !== undefined && !command && !isAfterUnknown) throw await unknownCommand(verb);
  if (unknown !== undefined) throw await unknownOptionError(unknown.written, command, options);
  const isGiven = givenOptions(own, options);
  if (isGiven('version')) return `${app.version()}\n`;
  if (own.length > 0 && !isGiven('help')) return undefined;
  const { commandHelp, mainHelp } = await import('../help-text.ts');
  const page = {
    width: Math.min(100, io.stdout.columns ?? 100),
    style: styleOn(io.stdout, wordAfter(own, 'color') as ColorChoice | undefined, app),
  };
  return command ? commandHelp(command, page) : mainHelp(CONTENTS, page);
}

async function unknownCommand(verb: string): Promise<AppError> {
  const { didYouMean } = await import('../../domain/nearest.ts');
  const names = [
    ...CONTENTS.entries.filter(({ heading }) => heading).map(({ name }) => name),
    ...Object.keys(CONTENTS.shorthands),
  ];
  const hint = didYouMean(verb, names, 'azlin ') ?? 'azlin --help   shows the commands';
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
  return new AppError('usage', `Unknown option ${word}`, { hint: meant || `${known}   shows what there is` });
}

/** The value of an option among words that may make no sense yet. */
export function wordAfter(own: readonly string[], name: string): string | undefined {
  for (const token of tokensOf(own, GLOBAL_OPTIONS))
    if (token.kind === 'option' && token.name === name) return token.value;
  return undefined;
}

export function styleOn(stream: { readonly isTTY?: boolean }, choice: ColorChoice | undefined, app: App): Style {
  return styleFor(wantsColor(choice, app.environment, stream.isTTY === true));
}
