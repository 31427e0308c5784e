import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CLOUDS, type CloudName, cloudNamed } from './domain/cloud.ts';
import { parseDuration } from './domain/duration.ts';
import { AppError, messageOf } from './domain/errors.ts';
import { sessionNameProblem } from './domain/session.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A value from a text (flag, environment) or from TOML. Throws an Error that says what was expected. */
type Read<T> = (value: unknown) => T;

interface Setting<T> {
  /** Its key in config.toml. */
  readonly key: string;
  readonly variable?: string;
  readonly read: Read<T>;
  readonly fallback: T;
}

/** `name`: the key in config.toml, and after a blank the environment variable. */
const setting = <T>(name: string, read: Read<T>, fallback: T): Setting<T> => {
  const [key = '', variable] = name.split(' ');
  return variable === undefined ? { key, read, fallback } : { key, variable, read, fallback };
};

const text: Read<string> = (value) => {
  if (typeof value === 'string' && value !== '') return value;
  throw new Error('expected a text');
};
const optionalText: Read<string | undefined> = text;
const list: Read<readonly string[]> = (value) =>
  (Array.isArray(value) ? value : text(value).split(',')).map((one) => text(one).trim());
/** Paths: a list in TOML, one path elsewhere; a comma is part of a name. */
const paths: Read<readonly string[]> = (value) => (Array.isArray(value) ? value : [value]).map(text);
const duration: Read<number> = (value) => {
  const ms = parseDuration(String(value));
  if (ms !== undefined) return ms;
  throw new Error('expected a duration: 30, "30s", "5m", "1h"');
};
/** A time to wait: none at all would be no chance. */
const limit: Read<number> = (value) => {
  const ms = duration(value);
  if (ms > 0) return ms;
  throw new Error('expected more than nothing');
};
const groupName: Read<string | undefined> = (value) => {
  if (/^[\p{L}\p{N}_().-]{1,90}$/u.test(text(value)) && !text(value).endsWith('.')) return text(value);
  throw new Error('expected the name of a resource group');
};
const port: Read<number | undefined> = (value) => {
  const number = Number(value);
  if (Number.isInteger(number) && number > 0 && number < 65_536) return number;
  throw new Error('expected a port number');
};
const optionalUrl: Read<string | undefined> = (value) => {
  const parsed = URL.canParse(text(value)) ? new URL(text(value)) : undefined;
  if (parsed?.protocol === 'https:') return parsed.href.replace(/\/$/, '');
  throw new Error('expected an https:// URL');
};
const cloud: Read<CloudName | undefined> = (value) => {
  const name = cloudNamed(text(value));
  if (name !== undefined) return name;
  throw new Error(`expected one of ${Object.keys(CLOUDS).join(', ')}`);
};
const sessionName: Read<string> = (value) => {
  const problem = sessionNameProblem(text(value));
  if (problem === undefined) return text(value);
  throw new Error(`expected a session name: ${problem}`);
};
const choice =
  <T extends string>(...choices: readonly T[]): Read<T> =>
  (value) => {
    const chosen = choices.find((one) => one === value);
    if (chosen !== undefined) return chosen;
    throw new Error(`expected one of ${choices.join(', ')}`);
  };

export const FORMATS = ['table', 'json', 'ndjson', 'csv'] as const;

/** Every setting: where it can be set, how it is read, what it is by default. Durations are milliseconds. */
const SETTINGS = {
  subscriptions: setting('azure.subscriptions AZURE_SUBSCRIPTION_ID', list, []),
  resourceGroup: setting('azure.resource_group AZLIN_RESOURCE_GROUP', groupName, undefined),
  cloud: setting('azure.cloud', cloud, undefined),
  resourceManager: setting('azure.resource_manager AZLIN_ARM_ENDPOINT', optionalUrl, undefined),
  credential: setting(
    'azure.credential',
    choice<'environment' | 'workload-identity' | 'cli' | 'managed-identity' | 'any'>(
      'environment',
      'workload-identity',
      'cli',
      'managed-identity',
      'any',
    ),
    'any',
  ),
  azureDeadline: setting('azure.deadline', limit, 30_000),
  powerDeadline: setting('azure.power_deadline', limit, 600_000),
  inventory: setting('inventory.source AZLIN_INVENTORY', text, 'azure'),
  inventoryTtl: setting('cache.inventory_ttl', duration, 300_000),
  sessionsTtl: setting('cache.sessions_ttl', duration, 30_000),
  resolveDeadline: setting('resolve.deadline', limit, 3_000),
  defaultSession: setting('session.default', sessionName, 'azlin'),
  sshUser: setting('ssh.user AZLIN_SSH_USER', optionalText, undefined),
  sshPort: setting('ssh.port AZLIN_SSH_PORT', port, undefined),
  identities: setting('ssh.identity AZLIN_IDENTITY', paths, []),
  hostKeys: setting('ssh.host_keys', choice<'accept-new' | 'strict'>('accept-new', 'strict'), 'accept-new'),
  keepalive: setting('ssh.keepalive AZLIN_KEEPALIVE', duration, 15_000),
  startDeadline: setting('ssh.start_deadline', limit, 300_000),
  connectTimeout: setting('ssh.connect_timeout', limit, 10_000),
  commandDeadline: setting('ssh.command_deadline', limit, 15_000),
  listDeadline: setting('list.deadline', limit, 5_000),
  listWholeDeadline: setting('list.whole_deadline', limit, 60_000),
  format: setting('output.format AZLIN_FORMAT', choice(...FORMATS), 'table' as const),
} as const;

export type SettingName = keyof typeof SETTINGS;
type Values = { readonly [Name in SettingName]: ReturnType<(typeof SETTINGS)[Name]['read']> };

export interface Config extends Values {
  /** `$AZLIN_HOME`. */
  readonly home: string;
}

/** Texts from the command line, by setting. */
export type Overrides = Partial<Readonly<Record<SettingName, string | readonly string[]>>>;

/** Flag over environment over config.toml over default. Throws `config`, naming the place of the mistake. */
export async function loadConfig(environment: Environment, userHome: string, overrides: Overrides): Promise<Config> {
  const home = environment['AZLIN_HOME'] || join(userHome, '.azlin');
  const named = environment['AZLIN_CONFIG'];
  const path = named || join(home, 'config.toml');
  const file = await readSettingsFile(path, Boolean(named));
  const values = Object.entries(SETTINGS).map(([name, one]) => [
    name,
    settingOf(name as SettingName, one, { environment, overrides, file, path }),
  ]);
  const settled = Object.fromEntries(values) as Values;
  const fromHome = (text: string) => text.replace(/^~(?=\/)/, userHome);
  return Object.freeze({
    ...settled,
    home,
    inventory: fromHome(settled.inventory),
    identities: settled.identities.map(fromHome),
  });
}

interface Sources {
  readonly environment: Environment;
  readonly overrides: Overrides;
  readonly file: SettingsFile;
  readonly path: string;
}

function settingOf(name: SettingName, one: Setting<unknown>, { environment, overrides, file, path }: Sources): unknown {
  const flag = overrides[name];
  if (flag !== undefined) return readAs(one, flag, { code: 'usage', where: `the flag for ${one.key}` });
  const variable = one.variable && environment[one.variable];
  // As everywhere in the shell, an empty variable is as good as none.
  if (variable) return readAs(one, variable, { code: 'config', where: `${one.variable}` });
  const kept = file.values.get(one.key);
  if (kept === undefined) return one.fallback;
  return readAs(one, kept, { code: 'config', where: `${path}${file.lineOf(one.key)}: ${one.key}` });
}

interface Place {
  readonly code: 'usage' | 'config';
  readonly where: string;
}

function readAs(one: Setting<unknown>, value: unknown, { code, where }: Place): unknown {
  try {
    return one.read(value);
  } catch (error) {
    throw new AppError(code, `Invalid value for ${where}: ${JSON.stringify(value)}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

interface SettingsFile {
  readonly values: ReadonlyMap<string, unknown>;
  /** `:12`, or nothing when the line cannot be told. */
  readonly lineOf: (key: string) => string;
}

async function readSettingsFile(path: string, required: boolean): Promise<SettingsFile> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !required) return { values: new Map(), lineOf: () => '' };
    throw new AppError('config', `Cannot read the settings in ${path}: ${messageOf(error)}`, { cause: error });
  }
  const lineOf = (key: string) => lineIn(content, key);
  const values = new Map(flatten(await parseToml(content, path)));
  const known = new Set<string>(Object.values(SETTINGS).map(({ key }) => key));
  for (const key of values.keys())
    if (!known.has(key))
      throw new AppError('config', `${path}${lineOf(key)}: unknown setting "${key}"`, {
        hint: `settings: ${[...known].join(', ')}`,
      });
  return { values, lineOf };
}

async function parseToml(content: string, path: string): Promise<object> {
  const { parse, TomlError } = await import('smol-toml');
  try {
    return parse(content);
  } catch (error) {
    const line = error instanceof TomlError ? `:${error.line}` : '';
    const reason = messageOf(error).split('\n')[0];
    throw new AppError('config', `Cannot read the settings in ${path}${line}: ${reason}`, { cause: error });
  }
}

function flatten(table: object, prefix = ''): [string, unknown][] {
  return Object.entries(table).flatMap(([key, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? flatten(value, `${prefix}${key}.`)
      : [[`${prefix}${key}`, value]],
  );
}

/** `:12` for the line of `[section]` that sets the key; nothing where it cannot be told. */
function lineIn(content: string, key: string): string {
  let section = '';
  for (const [index, line] of content.split('\n').entries()) {
    section = /^\s*\[([\w.]+)\]/.exec(line)?.[1] ?? section;
    const name = /^\s*([\w.]+)\s*=/.exec(line)?.[1];
    if (name !== undefined && (section === '' ? name : `${section}.${name}`) === key) return `:${index + 1}`;
  }
  return '';
}
