import type { Caller, StartPolicy } from '../domain/caller.ts';
import { AppError, toAppError } from '../domain/errors.ts';
import { splitOutside } from '../domain/split-outside.ts';
import { shellWord } from '../domain/text.ts';
import type { FleetAccess } from '../operations/access/fleet-access.ts';
import { type Aliases, withoutAliases } from '../settings/aliases.ts';
import type { Config } from '../settings/config.ts';
import type { SettingName } from '../settings/settings.ts';
import type { App, Interrupts, IoStreams } from './app.ts';
import type { Call, LoadedCommand, Option } from './command.ts';
import { CONTENTS } from './commands/index.ts';
import { styleOn } from './line/built-in.ts';
import { GLOBAL_OPTIONS, SCOPE_OPTIONS } from './line/options.ts';
import { diagnostics } from './output/diagnostics.ts';
import { type ProgressLine, progressLine } from './output/progress.ts';
import type { ColorChoice } from './output/style.ts';
import { type Format, ndjson } from './views/print.ts';

export interface Run {
  readonly argv: readonly string[];
  readonly app: App;
  readonly io: IoStreams;
  readonly interrupts: Interrupts;
}

/** What is known about a call when something goes wrong. */
export interface SettledSoFar {
  format?: Format;
  /** The options that say which VMs are meant, as they were given. */
  scope?: readonly string[];
  progress?: ProgressLine;
  warn?: (line: string) => void;
}

/** The words of a line as plain values. */
export interface Line {
  readonly known: SettledSoFar;
  readonly args: Readonly<Record<string, unknown>>;
  readonly positionals: Readonly<Record<string, string | undefined>>;
  readonly several: readonly string[];
  readonly remote: readonly string[];
}

export interface MadeCall {
  readonly call: Call;
  readonly progress: ProgressLine;
  readonly format: Format;
}

/** Makes a call of the command: its output, whom operations tell and ask, and access to the fleet. Rejects with `usage` or `config`. */
export async function makeCall({ app, io, interrupts }: Run, command: LoadedCommand, line: Line): Promise<MadeCall> {
  const { args, positionals, several, remote, known } = line;
  known.scope = scopeWords(args);
  const overrides = overridesOf(command, args);
  const config = await app.config(overrides).catch((error: unknown) => {
    // Mistakes in the settings must not stop a command that can fix them.
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
  known.warn = notes.warn;
  const accessWith = (settings: Config) =>
    app.access({
      config: settings,
      user: args['user'] as string | undefined,
      port: portOf(args['port']),
      forwardAgent: args['forward-agent'] === true ? true : undefined,
      isAlone: takesTerminal(app, command, line),
    });
  const caller: Caller = {
    ...{ signal: interrupts.signal, start: startPolicy({ app, interrupts }, command, args) },
    ...{ progress: progress.show, aside: progress.aside, warn: notes.warn, trace: notes.trace },
    // Standard input is not touched before it is needed.
    get questions() {
      return app.questions(() => progress.show(undefined));
    },
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
  return { call, progress, format };
}

/** Whether the call will probably give the terminal to something on a VM. */
function takesTerminal(app: App, { takesTerminal: when }: LoadedCommand, { args, remote }: Line): boolean {
  if (when === 'with-tty') return args['tty'] === true;
  return when === 'always' && remote.length === 0 && args['detach'] !== true && app.terminal() !== undefined;
}

function startPolicy(
  { app, interrupts }: Pick<Run, 'app' | 'interrupts'>,
  { options, takesTerminal: when }: LoadedCommand,
  args: Line['args'],
): StartPolicy {
  return {
    always: args['start'] === true,
    isOption: 'start' in options,
    ask: async (question) => when === 'always' && (await app.confirm(question, interrupts.signal)) === true,
  };
}

function overridesOf(
  command: LoadedCommand,
  args: Readonly<Record<string, unknown>>,
): Partial<Record<SettingName, string>> {
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

/** The positionals, with aliases of VMs and sessions replaced by what they mean. Throws `usage`. */
function meantWords(
  { name, usage, takesMany = false }: LoadedCommand,
  { positionals, several }: Pick<Call, 'positionals' | 'several'>,
  aliases: Aliases,
): Pick<Call, 'positionals' | 'several'> {
  const meant = (text: string) => {
    const expanded = withoutAliases(text, aliases);
    if (expanded === undefined) return text;
    const count = splitOutside(expanded, ',').length;
    if (takesMany || count === 1) return expanded;
    throw new AppError('usage', `The alias "${text}" means ${count} identifiers, but azlin ${name} takes one`, {
      hint: `${expanded.split(',').join(', ')}; azlin aliases lists all aliases`,
    });
  };
  const isName = (key: string) => ['identifier', 'host', 'vm', 'job'].includes(key);
  const named = Object.entries(positionals).map(([key, text]) => [key, text && isName(key) ? meant(text) : text]);
  const [, repeated = ''] = /[<[]([\w-]+)\.\.[\]>]/.exec(usage) ?? [];
  return { positionals: Object.fromEntries(named), several: isName(repeated) ? several.map(meant) : several };
}

/** The scope options as words, for hints: a command from a hint must mean the same VMs. */
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
  throw new AppError('usage', `Invalid port "${text}"`, { hint: 'expected a number from 1 to 65535' });
}
