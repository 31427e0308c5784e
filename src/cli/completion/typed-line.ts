import type { Described, Option, Options, Shorthands } from '../command.ts';
import { BUILT_IN, GLOBAL_OPTIONS } from '../line/options.ts';
import { isOption, optionsIn } from '../line/tokens.ts';

/** What is being typed: a command, an option, the value of an option, a positional, or something that is not for azlin. */
export type TypedWord =
  | { readonly kind: 'command'; readonly options: Options }
  | { readonly kind: 'option'; readonly options: Options; readonly given: ReadonlySet<string> }
  | { readonly kind: 'value'; readonly option: Option; readonly prefix: string }
  | { readonly kind: 'positional'; readonly name: string; readonly before: readonly string[] }
  | { readonly kind: 'remote' };

export interface TypedLine {
  readonly typed: TypedWord;
  readonly command: Described | undefined;
  /** The part of the current word that is to be completed. */
  readonly text: string;
  /** Settings that options typed before have set. */
  readonly overrides: Readonly<Record<string, string>>;
}

interface Reading {
  options: Options;
  command: Described | undefined;
  readonly positionals: string[];
  readonly given: Set<string>;
  readonly overrides: Record<string, string>;
  /** The option whose value comes next. */
  open: readonly [string, Option] | undefined;
  hasEnded: boolean;
  isRemote: boolean;
}

/** The commands and shorthands that can be typed. */
export interface Vocabulary {
  readonly shorthands: Shorthands;
  describe(name: string): Promise<Described | undefined>;
}

/** `words`: those after azlin itself and before the current one. A line is read as far as it makes sense. */
export async function typedLine(words: readonly string[], current: string, vocabulary: Vocabulary): Promise<TypedLine> {
  const reading: Reading = {
    options: { ...GLOBAL_OPTIONS, ...BUILT_IN },
    command: undefined,
    positionals: [],
    given: new Set(),
    overrides: {},
    open: undefined,
    hasEnded: false,
    isRemote: false,
  };
  for (const word of words) await read(reading, word, vocabulary);
  const { typed, text } = typedNow(reading, current);
  return { typed, text, command: reading.command, overrides: reading.overrides };
}

async function read(reading: Reading, word: string, { shorthands, describe }: Vocabulary): Promise<void> {
  const { command, options, open, hasEnded } = reading;
  if (reading.isRemote) return;
  if (open) {
    take(reading, open, word);
    reading.open = undefined;
  } else if (!hasEnded && word === '--') {
    reading.hasEnded = true;
    if (command?.remote === 'after-dashes') reading.isRemote = true;
  } else if (!hasEnded && isOption(word)) {
    readOption(reading, word);
  } else if (!command) {
    const [name = word] = Object.hasOwn(shorthands, word) ? (shorthands[word] ?? []) : [word];
    reading.command = await describe(name);
    reading.options = { ...reading.command?.options, ...options };
    reading.isRemote = reading.command === undefined;
  } else {
    reading.positionals.push(word);
    const isCommand = command.remote === 'after-options' && reading.positionals.length > 1;
    if (command.remote === 'after-identifier' || isCommand) reading.isRemote = true;
  }
}

function readOption(reading: Reading, word: string): void {
  for (const { name, option, value } of optionsIn(word, reading.options))
    if (name !== undefined && option) note(reading, [name, option], value);
}

function note(reading: Reading, [name, option]: readonly [string, Option], value: string | undefined): void {
  reading.given.add(name);
  if (option.kind === 'flag') take(reading, [name, option], option.value ?? '');
  else if (value === undefined) reading.open = [name, option];
  else take(reading, [name, option], value);
}

function take(reading: Reading, [, { setting }]: readonly [string, Option], value: string): void {
  if (setting !== undefined && value !== '') reading.overrides[setting] = value;
}

function typedNow(reading: Reading, current: string): Pick<TypedLine, 'typed' | 'text'> {
  const { command, options, open, given, hasEnded, isRemote, positionals } = reading;
  if (isRemote) return { typed: { kind: 'remote' }, text: current };
  if (open) return { typed: { kind: 'value', option: open[1], prefix: '' }, text: current };
  if (!hasEnded && current.startsWith('-')) {
    const [, long = '', text] = /^--([^=]+)=(.*)$/.exec(current) ?? [];
    const option = Object.hasOwn(options, long) ? options[long] : undefined;
    if (text !== undefined && option && option.kind !== 'flag')
      return { typed: { kind: 'value', option, prefix: `--${long}=` }, text };
    return { typed: { kind: 'option', options, given }, text: current };
  }
  if (!command) return { typed: { kind: 'command', options }, text: current };
  const wanted = [...command.usage.matchAll(/[<[]([\w-]+)(\.\.)?[\]>]/g)];
  const [, name, many] = wanted[Math.min(positionals.length, wanted.length - 1)] ?? [];
  const isOpen = name !== undefined && (positionals.length < wanted.length || many !== undefined);
  if (!isOpen) return { typed: { kind: 'remote' }, text: current };
  // With options that choose VMs, no identifier follows; but there is nothing else to suggest either.
  return { typed: { kind: 'positional', name, before: positionals }, text: current };
}
