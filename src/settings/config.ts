import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, messageOf } from '../domain/errors.ts';
import { didYouMean } from '../domain/nearest.ts';
import { notTrusted, strangerTo } from '../store/trusted-file.ts';
import { isInCi } from './ci.ts';
import { ENTRIES, KEYS, SETTINGS, type Setting, type SettingName, type SettingValues } from './settings.ts';
import { type KeptValues, NO_FILE, parseSettings, readSettingsFile, type SettingsFile } from './settings-file.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where the value of a setting comes from. */
export type Source = 'flag' | 'environment' | 'context' | 'file' | 'default';

/** The current value of one setting, and where it comes from. */
export interface Settled {
  readonly name: SettingName;
  readonly key: string;
  readonly variable: string | undefined;
  /** As it was given; undefined for a default. */
  readonly given: unknown;
  readonly value: unknown;
  readonly source: Source;
  /** The variable, the context, or the file and line. */
  readonly where: string;
}

export interface Config extends SettingValues {
  /** `$AZLIN_HOME`. */
  readonly home: string;
  readonly sources: Readonly<Record<SettingName, Source>>;
  readonly settled: readonly Settled[];
  /** The environment variables that gave a setting. */
  readonly variables: readonly string[];
  /** The settings file. */
  readonly file: SettingsPlace & { readonly exists: boolean; readonly contexts: SettingsFile['contexts'] };
}

/** Where the settings file is. */
export interface SettingsPlace {
  readonly path: string;
  /** The user has named it, so it must be there. */
  readonly isNamed: boolean;
}

export interface SettingsSurroundings {
  readonly environment: Environment;
  /** The home directory of the user. */
  readonly home: string;
  /** For commands that fix the settings: a setting with a mistake gets its default. */
  readonly isMending?: boolean;
}

/** Texts from the command line, by setting. */
export type Overrides = Partial<Readonly<Record<SettingName, string | readonly string[]>>>;

/** `$AZLIN_HOME`, or `~/.azlin`. */
export function azlinHome(environment: Environment, userHome: string): string {
  return environment['AZLIN_HOME'] || join(userHome, '.azlin');
}

export function settingsPlace(environment: Environment, userHome: string): SettingsPlace {
  const named = environment['AZLIN_CONFIG'];
  return { path: named || join(azlinHome(environment, userHome), 'config.toml'), isNamed: Boolean(named) };
}

/**
 * A flag overrides the environment, which overrides config.toml, which overrides the default. In config.toml, the context overrides the rest; a context
 * that a flag names also overrides the environment. Throws `config`, naming the place of the mistake.
 */
export async function loadConfig(
  { environment, home: userHome, isMending = false }: SettingsSurroundings,
  overrides: Overrides,
): Promise<Config> {
  const place = settingsPlace(environment, userHome);
  if (!isMending) await checkHome(azlinHome(environment, userHome));
  const reading = readSettingsFile(place.path, { isRequired: place.isNamed, keys: KEYS });
  const file = await (isMending ? reading.catch(() => NO_FILE) : reading);
  const settleOne = (name: SettingName, from: Sources): Settled => {
    try {
      return settle(name, from);
    } catch (error) {
      if (!isMending) throw error;
      return settle(name, { ...from, environment: {}, overrides: {}, file: NO_FILE, context: undefined });
    }
  };
  const sources = { environment, overrides, file, path: place.path, context: undefined };
  const chosen = settleOne('context', sources);
  const context = isMending && !file.contexts.has(String(chosen.value)) ? undefined : contextNamed(chosen, sources);
  const settled = ENTRIES.map(([name]) => settledInCi(settleOne(name, { ...sources, context }), environment));
  const values = Object.fromEntries(settled.map(({ name, value }) => [name, value])) as SettingValues;
  const fromHome = (text: string) => text.replace(/^~(?=\/)/, userHome);
  return Object.freeze({
    ...values,
    home: azlinHome(environment, userHome),
    settled,
    sources: Object.fromEntries(settled.map(({ name, source }) => [name, source])) as Config['sources'],
    variables: settled.flatMap(({ source, where }) => (source === 'environment' ? [where] : [])),
    file: { ...place, exists: file.exists, contexts: file.contexts },
    inventory: fromHome(values.inventory),
    sshConfig: values.sshConfig && fromHome(values.sshConfig),
    identities: values.identities.map(fromHome),
    registryPath: values.registryPath && fromHome(values.registryPath),
    mcpAudit: values.mcpAudit && fromHome(values.mcpAudit),
  });
}

/** Refuses a directory that others can write to: they could change host keys, and which VM a name means. */
async function checkHome(path: string): Promise<void> {
  const stats = await stat(path).catch(() => undefined);
  const stranger = stats && (await strangerTo(stats));
  if (!stranger) return;
  const { hint } = notTrusted(path, stranger);
  throw new AppError('config', `Cannot use ${path} as azlin's directory: ${stranger}`, { hint });
}

/** Checks a text that is to become the settings file, reading it as `loadConfig` would. Rejects with `config`. */
export async function checkSettings(content: string, path: string): Promise<void> {
  const file = await parseSettings(content, path, KEYS);
  const sources: Sources = { environment: {}, overrides: {}, file, path, context: undefined };
  contextNamed(settle('context', sources), sources);
  const contexts = [...file.contexts].map(([name, values]) => ({ name, values, isFlag: false }));
  for (const context of [undefined, ...contexts]) for (const [name] of ENTRIES) settle(name, { ...sources, context });
}

interface Sources {
  readonly environment: Environment;
  readonly overrides: Overrides;
  readonly file: SettingsFile;
  readonly path: string;
  readonly context: Context | undefined;
}

interface Context {
  readonly name: string;
  readonly values: KeptValues;
  /** A flag names it, so it overrides the environment. */
  readonly isFlag: boolean;
}

function contextNamed({ value, source, where }: Settled, { file, path }: Sources): Context | undefined {
  if (value === undefined) return undefined;
  const name = String(value);
  const values = file.contexts.get(name);
  if (values) return { name, values, isFlag: source === 'flag' };
  const names = [...file.contexts.keys()];
  const hint =
    didYouMean(name, names) ?? (names.length > 0 ? `contexts: ${names.join(', ')}` : 'azlin context create NAME');
  const from = source === 'flag' ? '' : ` (${where})`;
  throw new AppError(source === 'flag' ? 'usage' : 'config', `There is no context "${name}" in ${path}${from}`, {
    hint,
  });
}

/** The setting from the place with the highest priority that gives it. Throws `usage` or `config`. */
function settle(name: SettingName, { environment, overrides, file, path, context }: Sources): Settled {
  const one: Setting<unknown> = SETTINGS[name];
  const { key, variable } = one;
  const from = (source: Source, where: string, given: unknown): Settled => {
    const read = () =>
      readAs(one, given, { code: source === 'flag' ? 'usage' : 'config', where: placeOf(source, where, key) });
    return { name, key, variable, given, source, where, value: source === 'default' ? one.fallback : read() };
  };
  const kept = (values: KeptValues | undefined, source: Source, prefix: string) => {
    const given = values?.get(key);
    return given === undefined ? undefined : from(source, `${path}${file.lineOf(`${prefix}${key}`)}`, given);
  };
  const ofContext = () => kept(context?.values, 'context', `contexts.${context?.name}.`);
  const flag = overrides[name];
  if (flag !== undefined) return from('flag', 'the command line', flag);
  // As usual, an empty variable counts as unset.
  const set = variable && environment[variable];
  return (
    (context?.isFlag ? ofContext() : undefined) ??
    (variable && set ? from('environment', variable, set) : undefined) ??
    ofContext() ??
    kept(file.values, 'file', '') ??
    from('default', 'default', undefined)
  );
}

/** Workflows leave no processes behind: where `CI` is set, no file turns on the daemon. */
function settledInCi(one: Settled, environment: Environment): Settled {
  const isChosen = one.source === 'flag' || one.source === 'environment';
  if (one.name !== 'persist' || isChosen || !isInCi(environment)) return one;
  return { ...one, given: '0', value: 0, source: 'environment', where: 'CI' };
}

/** How the message about a wrong value names its place. */
function placeOf(source: Source, where: string, key: string): string {
  if (source === 'flag') return `the flag for ${key}`;
  return source === 'environment' ? where : `${where}: ${key}`;
}

interface Place {
  readonly code: 'usage' | 'config';
  readonly where: string;
}

function readAs(one: Setting<unknown>, value: unknown, { code, where }: Place): unknown {
  try {
    return one.read(value);
  } catch (error) {
    const said = one.shown ? '' : `${JSON.stringify(value)}: `;
    throw new AppError(code, `Invalid value for ${where}: ${said}${messageOf(error)}`, {
      cause: error,
    });
  }
}
