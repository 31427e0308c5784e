import { Parser } from 'yargs/helpers';
import { AppError } from '../../domain/errors.ts';
import { choicesOf, type LoadedCommand, type Options, usageLine } from '../command.ts';
import { GLOBAL_OPTIONS } from './options.ts';
import { tokensOf } from './tokens.ts';

/** The words of a command line as plain values. */
export interface ParsedLine {
  readonly args: Readonly<Record<string, unknown>>;
  readonly positionals: Readonly<Record<string, string | undefined>>;
  /** The values of the positional that can be given several times. */
  readonly several: readonly string[];
}

/** Reads the words. The first one that is not an option is the verb; unknown options were refused before. Throws `usage`. */
export function parseLine(words: readonly string[], command: LoadedCommand): ParsedLine {
  const options: Options = { ...GLOBAL_OPTIONS, ...command.options };
  const entries = Object.entries(options);
  const kinds = (...wanted: readonly string[]) =>
    entries.flatMap(([name, { kind }]) => (wanted.includes(kind) ? name : []));
  const { argv, error } = Parser.detailed([...words], {
    boolean: kinds('flag'),
    string: [...kinds('text', 'texts'), '_'],
    array: kinds('texts'),
    alias: Object.fromEntries(entries.flatMap(([name, { short }]) => (short ? [[name, short]] : []))),
    narg: Object.fromEntries(kinds('text', 'texts').map((name) => [name, 1])),
    configuration: {
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    },
  });
  if (error) throw problem(command, missingValue(error.message, options) ?? error.message);
  const valued = valuedFlag(words, options);
  if (valued !== undefined) throw problem(command, `--${valued} takes no value`);
  const args = Object.fromEntries(
    entries.map(([name, option]) => [name, argument(command, name, { option, value: argv[name] })]),
  );
  return { args, ...positionalsOf(command, argv._.slice(1).map(String)) };
}

function argument(
  command: LoadedCommand,
  name: string,
  { option, value }: { option: Options[string]; value: unknown },
): unknown {
  const { kind, choices } = option;
  // If an option is given twice, the last one counts.
  if (kind === 'flag') return value === true || (Array.isArray(value) && value.at(-1) === true);
  const texts = [value].flat() as readonly (string | undefined)[];
  if (texts.includes('')) throw problem(command, `--${name} needs a value`);
  if (kind === 'texts') return texts.filter((text) => text !== undefined);
  const text = texts.at(-1);
  if (text !== undefined) checkChoice(command, choices, { text, of: `for --${name}` });
  return text;
}

/** Rewords the parser's message `Not enough arguments following: tag`; undefined for other messages. */
function missingValue(message: string, options: Options): string | undefined {
  const said = /^Not enough arguments following: (.*)/.exec(message)?.[1];
  const [name = said] = Object.entries(options).find(([, { short }]) => short === said) ?? [];
  return name && `--${name} needs a value`;
}

/** The first flag that is given a value, which would have no effect. */
function valuedFlag(words: readonly string[], options: Options): string | undefined {
  for (const token of tokensOf(words, options))
    if (token.kind === 'option' && token.option?.kind === 'flag' && token.value !== undefined) return token.name;
  return undefined;
}

function positionalsOf(command: LoadedCommand, given: readonly string[]): Pick<ParsedLine, 'positionals' | 'several'> {
  const wanted = [...command.usage.matchAll(/([<[])([\w-]+)(\.\.)?[\]>]/g)];
  const positionals: Record<string, string | undefined> = {};
  let several: readonly string[] = [];
  let at = 0;
  for (const [, bracket, name = '', isMany] of wanted) {
    const own = given.slice(at, isMany ? undefined : at + 1);
    if (bracket === '<' && own.length === 0) throw problem(command, `Missing argument: ${usageLine(command)}`);
    for (const text of own) checkChoice(command, choicesOf(command.positionals[name]), { text, of: `as ${name}` });
    if (isMany) several = own;
    else positionals[name] = own[0];
    at += own.length;
  }
  const rest = given.slice(at);
  if (rest.length > 0) throw problem(command, `Unexpected argument${rest.length > 1 ? 's' : ''}: ${rest.join(', ')}`);
  return { positionals, several };
}

function checkChoice(
  command: LoadedCommand,
  choices: readonly string[] | undefined,
  { text, of }: { readonly text: string; readonly of: string },
): void {
  if (choices && !choices.includes(text))
    throw problem(command, `Invalid value "${text}" ${of}: expected one of ${choices.join(', ')}`);
}

function problem({ name }: LoadedCommand, message: string): AppError {
  return new AppError('usage', message, { hint: `azlin ${name} --help` });
}
