import type { Caller } from '../domain/caller.ts';
import type { AppError } from '../domain/errors.ts';
import type { FleetAccess } from '../operations/access/fleet-access.ts';
import type { Print } from '../operations/many/output-sinks.ts';
import type { Config } from '../settings/config.ts';
import type { SettingName } from '../settings/settings.ts';
import type { App, Interrupts, IoStreams } from './app.ts';
import type { Style } from './output/style.ts';

export interface Option {
  /** `texts` can be given several times. */
  readonly kind: 'flag' | 'text' | 'texts';
  readonly describe: string;
  readonly short?: string;
  readonly choices?: readonly string[];
  /** The placeholder for its value in help: FILE, TIME. Completion knows some of them. */
  readonly takes?: string;
  /** The setting that the option overrides. */
  readonly setting?: SettingName;
  /** What a flag sets that setting to. */
  readonly value?: string;
  /** The heading under which help shows it, if that is not the usual one. */
  readonly heading?: string;
  /** It says which VMs are meant, so that no identifier follows. */
  readonly choosesVms?: boolean;
}
export type Options = Readonly<Record<string, Option>>;

interface ValueOf {
  readonly flag: boolean;
  readonly text: string | undefined;
  readonly texts: readonly string[];
}

export type Args<O extends Options> = { readonly [Name in keyof O]: ValueOf[O[Name]['kind']] };

export interface Example {
  readonly line: string;
  readonly does: string;
}

/** How a call writes output. */
export interface CallOutput {
  readonly io: IoStreams;
  readonly note: (line: string) => void;
  readonly warn: (line: string) => void;
  /** Reports one failure of several, also with --quiet. */
  readonly failed: (line: string) => void;
  readonly hint: (line: string) => void;
  /** Writes data without garbling the progress line. If it returns a promise, wait for that before writing more. */
  readonly print: Print;
  /** How stdout and stderr may be coloured. */
  readonly styles: { readonly stdout: Style; readonly stderr: Style };
  /** Until the returned function is called, something else uses the screen: notes, warnings and progress wait. */
  readonly holdOutput: () => () => void;
  /** Prints records as they come; undefined if the format does not allow it. What was printed this way is not returned again. */
  readonly emit: ((records: readonly object[]) => Promise<void> | undefined) | undefined;
}

/** What every call has, whatever its options are. */
export interface CallContext extends CallOutput {
  readonly app: App;
  readonly contents: Contents;
  readonly config: Config;
  readonly interrupts: Interrupts;
  /** Whom operations tell and ask. It gives up on an interrupt. */
  readonly caller: Caller;
  /** Access to the fleet, built on first use. */
  access(): Promise<FleetAccess>;
  /** Access to the fleet that other settings describe. */
  accessWith(config: Config): Promise<FleetAccess>;
}

/** One call of a command. */
export interface Call<O extends Options = Options> extends CallContext {
  readonly args: Args<O>;
  readonly positionals: Readonly<Record<string, string | undefined>>;
  /** The values of the positional that can be given several times. */
  readonly several: readonly string[];
  /** The remote command, for commands that take one. */
  readonly remote: readonly string[];
}

export interface ViewContext {
  readonly style: Style;
  /** Columns of the terminal; undefined if it is not one: then nothing is cut or left out, and times are ISO 8601. */
  readonly width: number | undefined;
  /** By the clock. */
  readonly now: number;
}

/** How the result of a command is printed. */
export interface View<Data> {
  /** For people; ends with a line break unless it is empty. */
  text(data: Data, context: ViewContext): string | Promise<string>;
  /** For programs: an array becomes a JSON array or rows of CSV, a single record becomes one object or row. */
  records(data: Data): readonly object[] | object;
  /** The columns of CSV, for results that may have no record to take them from. */
  readonly fields?: readonly string[];
}

export interface Result<Data> {
  /** What the view prints. */
  readonly data?: Data;
  /** Lines for stderr, after the data. */
  readonly notes?: readonly string[];
  /** Lines about what failed for some of several, after the notes; also with --quiet. */
  readonly failures?: readonly string[];
  /** What to do about them. */
  readonly hints?: readonly string[];
  /** The error of the whole command. The data is printed before it. */
  readonly failure?: AppError | undefined;
  readonly exitCode?: number;
}

/** What a word that is not an option means. With `choices`, it must be one of them. */
export type Positional = string | { readonly describe: string; readonly choices: readonly string[] };

/** What a command takes and does; its name and summary are in the table of contents. */
export interface Definition<O extends Options = Options, Data = unknown> {
  /** Positionals in the notation of usage lines: `<identifier> [name]`, `<host..>`. */
  readonly usage: string;
  readonly positionals: Readonly<Record<string, Positional>>;
  readonly examples: readonly Example[];
  /** Commands, and topics of help. */
  readonly seeAlso: readonly string[];
  readonly options: O;
  /** Where a remote command begins: after the identifier, or only after `--`. */
  readonly remote?: 'after-identifier' | 'after-options' | 'after-dashes';
  /** As with ssh, azlin's own failures exit with 255; for some commands only with a remote command. */
  readonly failsWith255?: boolean | 'with-command';
  /** It takes lists and patterns in place of an identifier. */
  readonly takesMany?: boolean;
  /**
   * It may take the terminal. Then it connects itself: what others do over the daemon's connection must not be felt while somebody types. `always`: it also asks
   * whether to start a stopped VM.
   */
  readonly takesTerminal?: 'always' | 'with-tty';
  /** It works on the settings themselves, so it must run even if they have mistakes. */
  readonly mendsSettings?: boolean;
  run(call: Call<O>): Promise<Result<Data>>;
  readonly view?: View<Data>;
}

/** Checks that the types of options and data fit together. The list of commands does not need these types. */
export function defineCommand<const O extends Options, Data>(definition: Definition<O, Data>): Definition {
  return definition;
}

/** An entry of the table of contents. The code of a command is loaded when the command is used. */
export interface ContentsEntry {
  readonly name: string;
  readonly summary: string;
  /** The heading that lists it in help; undefined for commands that only programs call. */
  readonly heading: string | undefined;
  readonly load: () => Promise<Definition>;
}

export interface LoadedCommand extends ContentsEntry, Definition {}

/** The description of a command, without its code. */
export type Described = Pick<LoadedCommand, 'name' | 'usage' | 'positionals' | 'options' | 'remote' | 'takesMany'>;

/** Words that stand for other words: `close` for `disconnect --kill`. */
export type Shorthands = Readonly<Record<string, readonly string[]>>;

/** The table of contents. */
export interface Contents {
  readonly entries: readonly ContentsEntry[];
  readonly shorthands: Shorthands;
}

/** The command of that name; undefined where there is none. */
export async function commandNamed({ entries }: Contents, name: string): Promise<LoadedCommand | undefined> {
  const entry = entries.find((one) => one.name === name);
  return entry && { ...entry, ...(await entry.load()) };
}

/** `azlin exec [identifier] [command..]`. */
export function usageLine({ name, usage }: Pick<LoadedCommand, 'name' | 'usage'>): string {
  return `azlin ${name} ${usage}`.trim();
}

export function choicesOf(positional: Positional | undefined): readonly string[] | undefined {
  return typeof positional === 'object' ? positional.choices : undefined;
}
