import { closest, distance } from 'fastest-levenshtein';
import yargs, { type Argv, type Options as YargsOptions } from 'yargs';
import { AppError } from '../domain/errors.ts';
import type { Command, Options } from './command.ts';
import { FORWARD_OPTION, GLOBAL_OPTIONS, SCOPE_OPTIONS, SSH_OPTIONS } from './options.ts';
import { type SplitArgv, unknownOption } from './split-argv.ts';

/** Declared by yargs itself. */
const BUILT_IN: Options = {
  help: { kind: 'flag', short: 'h', describe: '' },
  version: { kind: 'flag', describe: '' },
};

export interface Product {
  readonly commands: readonly Command[];
  /** The last lines of the main help. */
  readonly epilogue: string;
  readonly version: string;
  /** Columns that help may use. */
  readonly width: number;
}

export type ParsedLine =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'call';
      readonly command: Command;
      readonly args: Readonly<Record<string, unknown>>;
      readonly positionals: Readonly<Record<string, string | undefined>>;
      readonly several: readonly string[];
    };

/** The command line as plain values, or the text of --help and --version. Throws `usage`. */
export async function parseLine({ own: argv, verb, command }: SplitArgv, product: Product): Promise<ParsedLine> {
  if (verb !== undefined && !command) throw unknownCommand(verb, product.commands);
  refuseUnknownOptions(argv, command);
  let parsed: ParsedLine | undefined;
  const parser = yargs()
    .scriptName('azlin')
    .usage('$0 <command>\n\nNamed tmux sessions on Azure VMs: list, connect, exec, disconnect.')
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
    .detectLocale(false)
    .exitProcess(false)
    .wrap(product.width)
    .version(product.version)
    .alias('help', 'h')
    .epilogue(product.epilogue)
    .strict()
    .demandCommand(1)
    .fail((message, error) => {
      // What yargs throws itself is about the line, too.
      throw error && error.name !== 'YError' ? error : usageError(message || error.message, command);
    });
  declare(parser, GLOBAL_OPTIONS);
  // The others matter for the help that lists them.
  for (const one of command ? [command] : product.commands)
    register(parser, one, (call) => {
      parsed = call;
      // yargs would go on and write the help text, in case that somebody wants it.
      throw DONE;
    });
  let text = '';
  try {
    await parser.parseAsync(
      argv.length === 0 ? ['--help'] : [...argv],
      {},
      (_error: unknown, _argv: unknown, output: string) => {
        text = output;
      },
    );
  } catch (thrown) {
    if (thrown !== DONE) throw thrown;
  }
  return parsed ?? { kind: 'text', text: `${text}\n` };
}

const DONE = new Error('the line is parsed');

/** Before yargs, which would take the word after an unknown option for its value and complain of something else. */
function refuseUnknownOptions(argv: readonly string[], command: Command | undefined): void {
  const unknown = unknownOption(argv, { ...GLOBAL_OPTIONS, ...command?.options, ...BUILT_IN });
  if (unknown === undefined) return;
  const known = command ? `azlin ${command.name} --help` : 'azlin --help';
  throw new AppError('usage', `Unknown option ${unknown}`, { hint: `${known}   shows what there is` });
}

function register(parser: Argv, command: Command, chosen: (call: ParsedLine) => void): void {
  parser.command({
    command: `${command.name} ${command.usage}`.trim(),
    describe: command.hidden ? false : command.summary,
    builder: (own: Argv) => {
      own.usage(`$0 ${command.name} ${command.usage}\n\n${command.summary}`).demandCommand(0).epilogue('');
      // Help would say that none is the default.
      for (const [name, describe] of Object.entries(command.positionals))
        own.positional(name, { describe, default: undefined });
      for (const { line, does } of command.examples) own.example(line, does);
      declare(own, command.options);
      return own;
    },
    handler: (values: Readonly<Record<string, unknown>>) => {
      const options: Options = { ...GLOBAL_OPTIONS, ...command.options };
      const args = Object.fromEntries(
        Object.entries(options).map(([name, { kind }]) => [name, argument(name, kind, values[name])]),
      );
      const given = Object.keys(command.positionals).map((name) => [name, values[name]] as const);
      const positionals = Object.fromEntries(
        given.filter(([, value]) => !Array.isArray(value)) as [string, string | undefined][],
      );
      const several = given.flatMap(([, value]) =>
        Array.isArray(value) ? value.filter((one) => one !== undefined) : [],
      );
      chosen({ kind: 'call', command, args, positionals, several });
    },
  });
}

function argument(name: string, kind: Options[string]['kind'], value: unknown): unknown {
  if (kind !== 'flag' && (Array.isArray(value) ? value.includes('') : value === ''))
    throw new AppError('usage', `--${name} needs a value`);
  if (kind === 'flag') return value === true || (Array.isArray(value) && value.at(-1) === true);
  if (kind === 'texts') return value ?? [];
  return Array.isArray(value) ? value.at(-1) : value;
}

function declare(parser: Argv, options: Options): void {
  for (const [name, { kind, describe, short, choices, heading }] of Object.entries(options)) {
    const declared: YargsOptions = {
      describe,
      group: heading ?? groupOf(name),
      type: kind === 'flag' ? 'boolean' : kind === 'texts' ? 'array' : 'string',
    };
    if (short) declared.alias = short;
    if (choices) declared.choices = choices;
    if (kind !== 'flag') declared.requiresArg = true;
    parser.option(name, declared);
  }
  parser.group(['help', 'version'], 'Output:');
}

function groupOf(name: string): string {
  if (name in GLOBAL_OPTIONS) return 'Output:';
  if (name in SCOPE_OPTIONS) return 'Scope:';
  if (name in SSH_OPTIONS || name in FORWARD_OPTION) return 'SSH:';
  return 'Options:';
}

function unknownCommand(verb: string, commands: readonly Command[]): AppError {
  const near = closest(
    verb,
    commands.filter(({ hidden }) => !hidden).map(({ name }) => name),
  );
  const hint = distance(verb, near) <= 2 ? `did you mean azlin ${near}?` : 'azlin --help   shows the commands';
  return new AppError('usage', `Unknown command "${verb}"`, { hint });
}

/** What yargs says, in words of ours. */
function usageError(message: string, command: Command | undefined): AppError {
  const [, option, given, choices] = /Argument: (\S+), Given: "(.*)", Choices: (.*)/.exec(message) ?? [];
  const missing = /^Not enough arguments following: (.*)/.exec(message)?.[1];
  let text = message.trim().replace(/\s*\n\s*/g, '; ');
  if (option) text = `Invalid value "${given}" for --${option}: expected one of ${choices?.replaceAll('"', '')}`;
  else if (missing) text = `--${missing} needs a value`;
  else if (/^Not enough non-option/.test(message))
    text = `Something is missing: azlin ${command?.name} ${command?.usage}`;
  else if (/^Unknown (argument|command)s?: /.test(message))
    text = text.replace(/^Unknown \w+?(s?): /, 'Unexpected word$1: ');
  return new AppError('usage', text, { hint: command ? `azlin ${command.name} --help` : 'azlin --help' });
}
