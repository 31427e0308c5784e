import type { SettingName } from '../config.ts';
import { type Aliases, withoutAliases } from '../domain/aliases.ts';
import { AppError, toAppError } from '../domain/errors.ts';
import { splitOutside } from '../domain/split-outside.ts';
import { shellWord } from '../domain/text.ts';
import type { FleetAccess, StartPolicy } from '../operations/fleet-access.ts';
import type { App, Call, Command, Interrupts, IoStreams, Option } from './command.ts';
import { COMMANDS, EPILOGUE, SHORTHANDS } from './commands/index.ts';
import { diagnostics } from './diagnostics.ts';
import { exitCodeOf } from './exit-codes.ts';
import { GLOBAL_OPTIONS, SCOPE_OPTIONS } from './options.ts';
import { parseLine } from './program.ts';
import { type ProgressLine, progressLine } from './progress.ts';
import { errorJson, errorText, hintInScope } from './report-error.ts';
import { type SplitArgv, splitArgv } from './split-argv.ts';
import { type ColorChoice, type Style, styleFor, wantsColor } from './style.ts';
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
  const split = splitArgv(argv, { commands: COMMANDS, shorthands: SHORTHANDS, globals: GLOBAL_OPTIONS });
  const known: Known = {};
  try {
    const width = Math.min(100, io.stdout.columns ?? 100);
    const product = { commands: COMMANDS, epilogue: EPILOGUE, version: app.version(), width };
    const line = await parseLine(split, product);
    if (line.kind === 'call') {
      const asked = { ...line, remote: split.remote, known };
      const { exitCode, failure } = await callCommand(run, line.command, asked);
      return failure ? reportError(run, failure, { ...split, ...known }) : exitCode;
    }
    await write(io, line.text);
    return 0;
  } catch (thrown) {
    known.progress?.show(undefined);
    return reportError(run, toAppError(thrown), { ...split, ...known });
  } finally {
    app.close();
  }
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
  const config = await app.config(overridesOf(command, args));
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
  let access: Promise<FleetAccess> | undefined;
  const call: Call = {
    args: args as Call['args'],
    ...meantWords(command, { positionals, several }, config.aliases),
    remote,
    app,
    config,
    io,
    interrupts,
    access: () => {
      access ??= app.access({
        config,
        user: args['user'] as string | undefined,
        port: portOf(args['port']),
        forwardAgent: args['forward-agent'] === true ? true : undefined,
        start,
        progress: progress.show,
        aside: progress.aside,
        ...notes,
      });
      return access;
    },
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

const SCOPED = COMMANDS.filter(({ options }) => 'subscription' in options).map(({ name }) => name);

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
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new AppError('usage', `Invalid port "${text}"`, { hint: 'a number from 1 to 65535' });
}

function styleOn(stream: { readonly isTTY?: boolean }, choice: ColorChoice | undefined, app: App): Style {
  return styleFor(wantsColor(choice, app.environment, stream.isTTY === true));
}

/** The error may come before the options are parsed, or from parsing them: what it needs of them is read from the words. */
function reportError(
  { app, io }: Run,
  error: AppError,
  { own, remote, command, format, scope = [] }: SplitArgv & Known,
): number {
  const optionText = (name: string) =>
    own.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3) ??
    (own.includes(`--${name}`) ? own[own.indexOf(`--${name}`) + 1] : undefined);
  const asJson = /json$/.test(format ?? optionText('format') ?? app.environment['AZLIN_FORMAT'] ?? '');
  const style = styleOn(io.stderr, optionText('color') as ColorChoice | undefined, app);
  const verbose = own.some((word) => word === '--verbose' || /^-[a-z]*v/.test(word));
  const hint = error.hint && hintInScope(error.hint, { verbs: SCOPED, words: scope });
  io.stderr.write(asJson ? errorJson(error, hint) : errorText(error, hint, { style, verbose }));
  const { failsWith255 = false } = command ?? {};
  const asSsh = failsWith255 === 'with-command' ? remote.length > 0 : failsWith255;
  return asSsh && error.code !== 'interrupted' ? 255 : exitCodeOf(error.code);
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
