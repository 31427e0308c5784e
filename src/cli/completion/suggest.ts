import { escapedIdentifier } from '../../domain/fold-names.ts';
import { compareVms, qualifiedNames } from '../../domain/vm.ts';
import type { Config } from '../../settings/config.ts';
import { ENTRIES } from '../../settings/settings.ts';
import type { App } from '../app.ts';
import { type Contents, choicesOf, type Option, type Options } from '../command.ts';
import { TOPICS } from '../topics/index.ts';
import { EXPLAINED } from '../topics/settings.ts';
import {
  type CompletionCandidate,
  fitting,
  groupCandidates,
  identifierCandidates,
  jobCandidates,
  labelCandidates,
  type Names,
  sessionNames,
  tagCandidates,
  vmCandidates,
  vmNamed,
} from './candidates.ts';
import type { TypedLine } from './typed-line.ts';

/** What the shell should offer: these words, or files that it finds itself. */
export interface Suggestions {
  readonly kind: 'words' | 'files' | 'directories';
  readonly candidates: readonly CompletionCandidate[];
}

export interface CompletionSurroundings {
  readonly app: App;
  readonly contents: Contents;
}

/** What could be typed there, from the command list and the caches. */
export async function suggest(line: TypedLine, around: CompletionSurroundings): Promise<Suggestions> {
  const { typed, text, command } = line;
  switch (typed.kind) {
    case 'remote':
      return words([]);
    case 'command':
      return words(fitting(text.startsWith('-') ? optionNames(typed.options) : commandNames(around.contents), text));
    case 'option':
      return words(fitting(optionNames(typed.options, typed.given), text));
    case 'value': {
      const found = await valuesOf(typed.option, line, around);
      return { ...found, candidates: prefixed(fitting(found.candidates, text), typed.prefix) };
    }
    case 'positional': {
      const choices = choicesOf(command?.positionals[typed.name]);
      if (choices) return words(fitting(choices.map(plain), text));
      return positional(typed.name, { line, before: typed.before, around });
    }
  }
}

const words = (candidates: readonly CompletionCandidate[]): Suggestions => ({ kind: 'words', candidates });
const plain = (value: string): CompletionCandidate => ({ value, description: '' });
const FILES: Suggestions = { kind: 'files', candidates: [] };

function commandNames({ entries, shorthands }: Contents): readonly CompletionCandidate[] {
  return [
    ...entries.flatMap(({ name, summary, heading }) => (heading ? [{ value: name, description: summary }] : [])),
    ...Object.entries(shorthands).map(([value, meant]) => ({ value, description: `azlin ${meant.join(' ')}` })),
  ];
}

function optionNames(options: Options, given: ReadonlySet<string> = new Set()): readonly CompletionCandidate[] {
  return Object.entries(options)
    .filter(([name, { kind }]) => kind === 'texts' || !given.has(name))
    .map(([name, { describe }]) => ({ value: `--${name}`, description: describe }));
}

interface Positional {
  readonly line: TypedLine;
  readonly before: readonly string[];
  readonly around: CompletionSurroundings;
}

async function positional(name: string, { line, before, around }: Positional): Promise<Suggestions> {
  const { text, command } = line;
  const { app, contents } = around;
  switch (name) {
    case 'identifier':
      return words(await identifiers(line, around, command?.takesMany === true));
    case 'host':
    case 'vm':
      return words(fitting(vmCandidates(await namesFor(line, app), text), text));
    case 'job': {
      const names = await namesFor(line, app);
      const more = command?.name === 'logs' ? identifierCandidates(names, text) : [];
      return words(fitting([...jobCandidates(names.known), ...more], text));
    }
    case 'topic':
      return words(
        fitting(
          [
            ...TOPICS.map(({ name: value, summary: description }) => ({ value, description })),
            ...commandNames(contents),
          ],
          text,
        ),
      );
    case 'key':
      return words(fitting(['get', 'set', 'unset'].includes(before[0] ?? '') ? await keys(app) : [], text));
    case 'value':
      return ['ssh.identity', 'ssh.config_file', 'inventory.source'].includes(before[1] ?? '') ? FILES : words([]);
    case 'name':
      return words(fitting(command?.name === 'context' && before[0] !== 'create' ? await contexts(app) : [], text));
    default:
      return words([]);
  }
}

/** Completes an identifier, also the last one of a list, and after a user name. */
async function identifiers(
  line: TypedLine,
  { app }: CompletionSurroundings,
  takesMany: boolean,
): Promise<readonly CompletionCandidate[]> {
  const head = takesMany ? line.text.slice(0, line.text.lastIndexOf(',') + 1) : '';
  const user = /^[^:/]+@/.exec(line.text.slice(head.length))?.[0] ?? '';
  const typed = line.text.slice(head.length + user.length);
  const names = await namesFor(line, app);
  const isCompound = typed.includes(':');
  const vm = isCompound ? vmNamed(names, typed.slice(0, typed.lastIndexOf(':'))) : undefined;
  // An address or an unknown VM is no reason to ask all VMs.
  if (!isCompound || vm) await names.known.renewSessions(vm);
  const found = identifierCandidates(names, typed);
  // Where lists are allowed, some characters have a special meaning.
  const typable = takesMany ? found.map((one) => ({ ...one, value: escapedIdentifier(one.value) })) : found;
  return prefixed(fitting(typable, typed), head + user);
}

function prefixed(candidates: readonly CompletionCandidate[], prefix: string): readonly CompletionCandidate[] {
  return prefix === '' ? candidates : candidates.map((one) => ({ ...one, value: `${prefix}${one.value}` }));
}

/** The names to offer, in the scope that the options on the line give. */
async function namesFor({ overrides }: TypedLine, app: App): Promise<Names> {
  const config = await configFor(app, overrides);
  const known = await app.known(config);
  const vms = [...known.vms].sort(compareVms);
  const vmsByName = new Map([...qualifiedNames(vms)].map(([vm, name]) => [name, vm]));
  return { known, vmsByName, aliases: config.aliases };
}

/** A mistake in a setting or an option must not stop completion of the rest. */
function configFor(app: App, overrides: Readonly<Record<string, string>>): Promise<Config> {
  return app.config(overrides, true);
}

async function keys(app: App): Promise<readonly CompletionCandidate[]> {
  const { aliases } = await configFor(app, {});
  return [
    ...ENTRIES.map(([name, { key }]) => ({ value: key, description: EXPLAINED[name].meaning })),
    ...Object.entries(aliases).map(([name, means]) => ({ value: `aliases.${name}`, description: means.join(', ') })),
  ];
}

async function contexts(app: App): Promise<readonly CompletionCandidate[]> {
  const { file, context } = await configFor(app, {});
  return [...file.contexts.keys()].map((value) => ({ value, description: value === context ? 'in use' : 'context' }));
}

const TMUX_KEYS = [
  'Enter',
  'C-c',
  'C-d',
  'C-z',
  'Escape',
  'Tab',
  'Space',
  'Up',
  'Down',
  'Left',
  'Right',
  'PageUp',
  'F1',
];

/** The values of an option, by what it takes. */
async function valuesOf(
  { choices, takes }: Option,
  line: TypedLine,
  { app }: CompletionSurroundings,
): Promise<Suggestions> {
  if (choices) return words(choices.map(plain));
  const known = async (candidates: (names: Names) => readonly CompletionCandidate[]) =>
    words(candidates(await namesFor(line, app)));
  switch (takes) {
    case 'FILE':
      return FILES;
    case 'DIRECTORY':
      return { kind: 'directories', candidates: [] };
    case 'SOURCE':
      return line.text === '' || /^(az|res)/.test(line.text) ? words(['azure', 'resource-graph'].map(plain)) : FILES;
    case 'VM':
    case 'PATTERN':
      return known((names) => vmCandidates(names, line.text));
    case 'HOST':
      return known((names) => [plain('none'), ...vmCandidates(names, line.text)]);
    case 'SESSION':
      return known((names) => sessionNames(names.known));
    case 'JOB':
      return known((names) => jobCandidates(names.known));
    case 'GROUP':
      // From the whole scope, not only from the group that is being typed.
      return known((names) => groupCandidates(names.known));
    case 'TAG':
      return known((names) => tagCandidates(names.known));
    case 'LABEL':
      return known((names) => labelCandidates(names.known));
    case 'CONTEXT':
      return words(await contexts(app));
    case 'SUBSCRIPTION': {
      const { subscriptions } = await app.detect();
      return words(subscriptions.map(({ id, name }) => ({ value: name ?? id, description: id })));
    }
    case 'TENANT': {
      const { subscriptions } = await app.detect();
      return words([...new Set(subscriptions.flatMap(({ tenant }) => tenant ?? []))].map(plain));
    }
    case 'VARIABLE':
      return words(Object.keys(app.environment).map(plain));
    case 'KEY':
      return words(TMUX_KEYS.map(plain));
    default:
      return words([]);
  }
}
