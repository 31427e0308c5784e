import type { Readable, Writable } from 'node:stream';
import type { Config, Overrides, SettingName } from '../config.ts';
import type { Clock } from '../domain/clock.ts';
import type { AppError } from '../domain/errors.ts';
import type { FleetAccess, StartPolicy } from '../operations/fleet-access.ts';
import type { Picked, Picking } from '../terminal/picker.ts';
import type { TextQuestion } from '../terminal/prompts.ts';
import type { TerminalStreams } from '../terminal/terminal.ts';
import type { Style } from './style.ts';

export interface Option {
  /** `texts` can be given several times. */
  readonly kind: 'flag' | 'text' | 'texts';
  readonly describe: string;
  readonly short?: string;
  readonly choices?: readonly string[];
  /** The setting that the option overrides. */
  readonly setting?: SettingName;
  /** What a flag sets that setting to. */
  readonly value?: string;
  /** The heading under which help shows it, where that is not the usual one. */
  readonly heading?: string;
  /** It says which VMs are meant; no identifier follows then. */
  readonly choosesVms?: boolean;
}
export type Options = Readonly<Record<string, Option>>;

export type Args<O extends Options> = {
  readonly [Name in keyof O]: O[Name]['kind'] extends 'flag'
    ? boolean
    : O[Name]['kind'] extends 'texts'
      ? readonly string[]
      : string | undefined;
};

export interface Example {
  readonly line: string;
  readonly does: string;
}

/** The streams of this process, or a test's. */
export interface IoStreams {
  /** Not touched before it is needed: whoever called us may want it. */
  readonly stdin: () => Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean };
}

/** Ctrl-C and the like. */
export interface Interrupts {
  /** Aborts with an AppError `interrupted`. */
  readonly signal: AbortSignal;
  /** Until the returned function is called, Ctrl-C calls `handler` and aborts nothing. */
  takeOver(handler: () => void): () => void;
  /** Until the returned function is called, `restore` runs when this process ends, however that happens. */
  onExit(restore: () => void): () => void;
  /** Until the returned function is called, `back` runs when this process was stopped and goes on. */
  onContinue(back: () => void): () => void;
}

/** What a run of the program lives in; `app.ts` makes the real one. */
export interface App {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly version: () => string;
  /** Takes the arguments out of the list of processes. */
  hideArguments(): void;
  config(overrides: Overrides): Promise<Config>;
  access(request: AccessRequest): Promise<FleetAccess>;
  /** The terminal of this process; undefined when input or output is something else. */
  terminal(): TerminalStreams | undefined;
  /** Whether somebody sits at a terminal. */
  canAsk(): boolean;
  /** Undefined where nobody can be asked. */
  confirm(question: string, signal: AbortSignal): Promise<boolean | undefined>;
  pick(picking: Picking, signal: AbortSignal): Promise<Picked>;
  askText(question: TextQuestion, signal: AbortSignal): Promise<string>;
  demo(request: DemoRequest, signal: AbortSignal): Promise<number>;
  /** Ends connections. */
  close(): void;
}

export interface DemoRequest {
  /** Runs the tour even on a terminal. */
  readonly tour: boolean;
  readonly stdout: Writable;
  readonly note: (line: string) => void;
  readonly onExit: Interrupts['onExit'];
}

export interface AccessRequest {
  readonly config: Config;
  readonly user: string | undefined;
  readonly port: number | undefined;
  /** `--forward-agent`; undefined where it was not given. */
  readonly forwardAgent: boolean | undefined;
  readonly start: StartPolicy;
  readonly progress: (text: string | undefined) => void;
  /** What holds it up; undefined when that is over. */
  readonly aside: (text: string | undefined) => void;
  readonly warn: (line: string) => void;
  readonly trace: (line: string) => void;
}

/** One call of a command. */
export interface Call<O extends Options = Options> {
  readonly args: Args<O>;
  readonly positionals: Readonly<Record<string, string | undefined>>;
  /** The values of the positional that can be given several times. */
  readonly several: readonly string[];
  /** The remote command, for commands that take one. */
  readonly remote: readonly string[];
  readonly app: App;
  readonly config: Config;
  readonly io: IoStreams;
  readonly interrupts: Interrupts;
  /** Builds the way to the fleet, on first use. */
  access(): Promise<FleetAccess>;
  readonly note: (line: string) => void;
  readonly warn: (line: string) => void;
  /** One failure of several, also with --quiet. */
  readonly failed: (line: string) => void;
  readonly hint: (line: string) => void;
  /** Writes what is data, beside the progress line. A promise asks to wait before more is written. */
  readonly print: (to: 'stdout' | 'stderr', data: string | Uint8Array) => Promise<void> | undefined;
  /** How stdout and stderr may be coloured. */
  readonly styles: { readonly stdout: Style; readonly stderr: Style };
  /** Until the returned function is called the screen is somebody else's: notes, warnings and progress wait. */
  readonly holdOutput: () => () => void;
  /** Gives records out as they come, where the format allows it; what went out so is not returned again. */
  readonly emit: ((records: readonly object[]) => Promise<void> | undefined) | undefined;
}

export interface ViewContext {
  readonly style: Style;
  /** Columns of the terminal; undefined where nothing may be cut. */
  readonly width: number | undefined;
}

/** How the result of a command is printed. */
export interface View<Data> {
  /** For people; ends with a line break unless it is empty. */
  text(data: Data, context: ViewContext): string | Promise<string>;
  /** For programs: an array becomes a JSON array and rows of CSV, a record one of each. */
  records(data: Data): readonly object[] | object;
  /** The columns of CSV, for results that may have no record to take them from. */
  readonly fields?: readonly string[];
}

export interface Result<Data> {
  /** What the view prints. */
  readonly data?: Data;
  /** Lines for stderr, after the data. */
  readonly notes?: readonly string[];
  /** What went wrong for some of several, last; also with --quiet. */
  readonly failures?: readonly string[];
  /** What to do about them. */
  readonly hints?: readonly string[];
  /** What went wrong besides; the data is printed before it. */
  readonly failure?: AppError | undefined;
  readonly exitCode?: number;
}

export interface Command<O extends Options = Options, Data = unknown> {
  readonly name: string;
  /** Positionals in the notation of yargs: `<identifier> [name]`, `<host..>`. */
  readonly usage: string;
  readonly positionals: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly examples: readonly Example[];
  readonly options: O;
  /** Where a remote command begins: after the identifier, or only after `--`. */
  readonly remote?: 'after-identifier' | 'after-dashes';
  /** As with ssh, every failure of ours is 255; for some only with a remote command. */
  readonly failsWith255?: boolean | 'with-command';
  /** Lists and patterns may stand where an identifier stands. */
  readonly takesMany?: boolean;
  /** On a terminal, asks whether to start a stopped VM. */
  readonly offersStart?: boolean;
  /** For programs; help does not mention it. */
  readonly hidden?: boolean;
  run(call: Call<O>): Promise<Result<Data>>;
  readonly view?: View<Data>;
}

/** Keeps the types of options and data together; the list of commands does not need them any more. */
export function defineCommand<const O extends Options, Data>(command: Command<O, Data>): Command {
  return command as unknown as Command;
}
