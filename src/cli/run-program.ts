import { isUtf8 } from 'node:buffer';
import type { Caller, StartPolicy } from '../domain/caller.ts';
import { exitCodeOf } from '../domain/error-traits.ts';
import { AppError, toAppError } from '../domain/errors.ts';
import { splitOutside } from '../domain/split-outside.ts';
import { shellWord, shorten } from '../domain/text.ts';
import type { FleetAccess } from '../operations/access/fleet-access.ts';
import { type Aliases, withoutAliases } from '../settings/aliases.ts';
import type { Config } from '../settings/config.ts';
import type { SettingName } from '../settings/settings.ts';
import type { App, Interrupts, IoStreams } from './app.ts';
import type { Call, Command, Option } from './command.ts';
import { CONTENTS } from './commands/index.ts';
import { builtIn, styleOn, wordAfter } from './line/built-in.ts';
import { GLOBAL_OPTIONS, SCOPE_OPTIONS } from './line/options.ts';
import { parseLine } from './line/parse-line.ts';
import { type SplitArgv, splitArgv } from './line/split-argv.ts';
import { diagnostics } from './output/diagnostics.ts';
import { type ProgressLine, progressLine } from './output/progress.ts';
import { errorJson, errorText, hintInScope } from './output/report-error.ts';
import type { ColorChoice } from './output/style.ts';
import { type Format, ndjson, render } from './views/print.ts';

export interface Run {
  readonly argv: readonly string[];
  readonly app: App;
  readonly io: IoStreams;
  readonly interrupts: Interrupts;
}

/** One line in, the exit code out. Never rejects. */
export async function runProgram(run: Run): Promise<number> {
  const { argv, app, io } = run;
  let split: SplitArgv = { own: argv, remote: [], verb: undefined, command: undefined };
  const known: Known = {};
  try {
    split = await splitArgv(argv, CONTENTS, GLOBAL_OPTIONS);
    checkEncoding(argv, app);
    const text = await builtIn(run, split);
    if (text !== undefined) {
      await write(io, text);
      return 0;
    }
    const { command, own, remote } = split;
    if (!command) throw new AppError('usage', 'Something is missing: azlin COMMAND', { hint: 'azlin --help' });
    const { exitCode, failure } = await callCommand(run, command, { ...parseLine(own, command), remote, known });
    return failure ? await reportError(run, failure, { ...split, ...known }) : exitCode;
  } catch (thrown) {
    known.progress?.show(undefined);
    return await reportError(run, toAppError(thrown), { ...split, ...known });
  } finally {
    app.close();
  }
}

/** Node puts another character in the place of what is not UTF-8: something else would run than what was typed. */
function checkEncoding(argv: readonly string[], app: App): void {
  if (!argv.some((word) => word.includes('\ufffd'))) return;
  const bad = app.givenArguments()?.find((bytes) => !isUtf8(bytes));
  if (!bad) return;
  const shown = bad
    .toString('latin1')
    .replace(/[^ -~]/g, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`);
  throw new AppError('usage', `An argument is not UTF-8: ${shorten(shown, 200)}`, {
    hint: 'a script on standard input and --env-file keep any bytes',
  });
}

/** What is settled by the time something goes wrong. */
interface Known {
  format?: Format;
  /** The options that say which VMs are meant, as they were given. */
  scope?: readonly string[];
  progress?: ProgressLine;
}

interface Line {
  readonly known: Known;
  readonly args: Readonly<Record<string, unknown>>;
  readonly positionals: Readonly<Record<string, string | undefined>>;
  readonly several: readonly string[];
  readonly remote: readonly string[];
}

async function callCommand(
  { app, io, interrupts }: Run,
  command: Command,
  { args, positionals, several, remote, known }: Line,
): Promise<{ readonly exitCode: number; readonly failure: AppError | undefined }> {
  known.scope = scopeWords(args);
  const overrides = overridesOf(command, args);
  const config = await app.config(overrides).catch((error: unknown) => {
    // Who mends the settings must not be stopped by them.
    if (!command.mendsSettings || toAppError(error).code !== 'config') throw error;
    return app.config(overrides, true);
  });
  const format: Format = config.format;
  known.format = format;
  const style = styleOn(io.stdout, args['color'] as ColorChoice | undefined, app);
  const errorStyle = styleOn(io.stderr, args['color'] as ColorChoice | undefined, app);
  const isShown = io.stderr.isTTY === true && !args['quiet'] && app.environment['TERM'] !== 'dumb';
  const progress = progressLine({
    clock: app.clock,
    terminal: isShown ? io.stderr : undefined,
    dim: errorStyle.dim,
  });
  known.progress = progress;
  const { holdOutput, print, failed, hint, ...notes } = diagnostics({ io, args, style: errorStyle, progress });
  const start: StartPolicy = {
    always: args['start'] === true,
    isOption: 'start' in command.options,
    ask: async (question) => command.offersStart === true && (await app.confirm(question, interrupts.signal)) === true,
  };
  const accessWith = (settings: Config) =>
    app.access({
      config: settings,
      user: args['user'] as string | undefined,
      port: portOf(args['port']),
      forwardAgent: args['forward-agent'] === true ? true : undefined,
    });
  const caller: Caller = {
    ...{ signal: interrupts.signal, start, progress: progress.show, aside: progress.aside },
    ...{ warn: notes.warn, trace: notes.trace, questions: app.questions(() => progress.show(undefined)) },
  };
  let access: Promise<FleetAccess> | undefined;
  const call: Call = {
    args: args as Call['args'],
    ...meantWords(command, { positionals, several }, config.aliases),
    remote,
    app,
    contents: CONTENTS,
    config,
    io,
    interrupts,
    caller,
    access: () => {
      access ??= accessWith(config);
      return access;
    },
    accessWith,
    note: notes.note,
    warn: notes.warn,
    failed,
    hint,
    print,
    styles: { stdout: style, stderr: errorStyle },
    holdOutput,
    emit: format === 'ndjson' ? (records) => print('stdout', ndjson(records)) : undefined,
  };
  const { data, exitCode = 0, notes: last = [], failures = [], hints = [], failure } = await command.run(call);
  progress.show(undefined);
  const width = io.stdout.isTTY ? io.stdout.columns : undefined;
  if (data !== undefined && command.view)
    await write(io, await render({ view: command.view, data, format, context: { style, width } }));
  for (const line of last) notes.note(line);
  for (const line of failures) failed(line);
  for (const line of hints) hint(line);
  return { exitCode, failure };
}

function overridesOf(command: Command, args: Readonly<Record<string, unknown>>): Partial<Record<SettingName, string>> {
  const options = Object.entries<Option>({ ...GLOBAL_OPTIONS, ...command.options });
  const set = options.flatMap(([name, { setting, kind, value }]) => {
    const given = kind === 'flag' ? (args[name] ? value : undefined) : (args[name] as string | undefined);
    return setting !== undefined && given !== undefined ? [{ name, setting, given }] : [];
  });
  for (const { name, setting } of set) {
    const other = set.find((one) => one.setting === setting && one.name !== name);
    if (other) throw new AppError('usage', `Give --${name} or --${other.name}, not both`);
  }
  return Object.fromEntries(set.map(({ setting, given }) => [setting, given]));
}

/** The words that name VMs and sessions, with what their aliases mean. Throws `usage`. */
function meantWords(
  { name, takesMany = false }: Command,
  { positionals, several }: Pick<Call, 'positionals' | 'several'>,
  aliases: Aliases,
): Pick<Call, 'positionals' | 'several'> {
  const meant = (text: string) => {
    const expanded = withoutAliases(text, aliases);
    if (expanded === undefined) return text;
    const count = splitOutside(expanded, ',').length;
    if (takesMany || count === 1) return expanded;
    throw new AppError('usage', `The alias "${text}" means ${count} identifiers, and azlin ${name} takes one`, {
      hint: `${expanded.split(',').join(', ')}; azlin aliases shows them all`,
    });
  };
  const isName = (key: string) => ['identifier', 'host', 'vm'].includes(key);
  const named = Object.entries(positionals).map(([key, text]) => [key, text && isName(key) ? meant(text) : text]);
  return { positionals: Object.fromEntries(named), several: several.map(meant) };
}

/** Whoever types a hint means the same VMs. */
function scopeWords(args: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(SCOPE_OPTIONS).flatMap((name) => {
    const value = args[name];
    if (value === true) return [`--${name}`];
    return typeof value === 'string' ? [`--${name}`, shellWord(value)] : [];
  });
}

function portOf(text: unknown): number | undefined {
  if (text === undefined) return undefined;
  const port = /^[1-9]\d{0,4}$/.test(String(text)) ? Number(text) : Number.NaN;
  if (port < 65_536) return port;
  throw new AppError('usage', `Invalid port "${text}"`, { hint: 'a number from 1 to 65535' });
}

/** The error may come before the options are parsed, or from parsing them: what it needs of them is read from the words. */
async function reportError(
  { app, io }: Run,
  error: AppError,
  { own, remote, command, format, scope = [] }: SplitArgv & Known,
): Promise<number> {
  const asJson = /json$/.test(format ?? wordAfter(own, 'format') ?? app.environment['AZLIN_FORMAT'] ?? '');
  const style = styleOn(io.stderr, wordAfter(own, 'color') as ColorChoice | undefined, app);
  const verbose = own.some((word) => word === '--verbose' || /^-[a-z]*v/.test(word));
  const hint = error.hint && hintInScope(error.hint, { verbs: await scoped(scope), words: scope });
  io.stderr.write(asJson ? errorJson(error, hint) : errorText(error, hint, { style, verbose }));
  const { failsWith255 = false } = command ?? {};
  const asSsh = failsWith255 === 'with-command' ? remote.length > 0 : failsWith255;
  return asSsh && error.code !== 'interrupted' ? 255 : exitCodeOf(error.code);
}

/** The commands that take the options which say what VMs are meant. */
async function scoped(scope: readonly string[]): Promise<readonly string[]> {
  if (scope.length === 0) return [];
  const definitions = await Promise.all(CONTENTS.entries.map(async ({ name, load }) => ({ name, ...(await load()) })));
  return definitions.filter(({ options }) => 'all-subscriptions' in options).map(({ name }) => name);
}

function write({ stdout }: IoStreams, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stdout.write(text, (error) => {
      // The reader has gone, as with `| head`: that is no failure of ours.
      if (!error || (error as NodeJS.ErrnoException).code === 'EPIPE') return resolve();
      reject(new AppError('usage', `Cannot write to standard output: ${error.message}`, { cause: error }));
    });
  });
}
