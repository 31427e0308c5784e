import { join } from 'node:path';
import { type Aliases, readAliases } from './domain/aliases.ts';
import { AppError, messageOf } from './domain/errors.ts';
import {
  attempts,
  choice,
  cloud,
  duration,
  groupName,
  jumpHosts,
  jumpRules,
  label,
  limit,
  list,
  optionalChoice,
  optionalDuration,
  optionalLimit,
  optionalText,
  optionalUrl,
  paths,
  port,
  type Read,
  rsaSize,
  sessionName,
  text,
} from './domain/setting-values.ts';
import { CIPHERS, KEX, MACS, WEAKEST } from './domain/ssh-algorithms.ts';
import { readSettingsFile, type SettingsFile } from './settings-file.ts';

type Environment = Readonly<Record<string, string | undefined>>;

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
  label: setting('session.label AZLIN_LABEL', label, undefined),
  reconnect: setting('session.reconnect AZLIN_RECONNECT', attempts, undefined),
  sshUser: setting('ssh.user AZLIN_SSH_USER', optionalText, undefined),
  sshPort: setting('ssh.port AZLIN_SSH_PORT', port, undefined),
  identities: setting('ssh.identity AZLIN_IDENTITY', paths, []),
  sshConfig: setting('ssh.config_file AZLIN_SSH_CONFIG', optionalText, undefined),
  proxyJump: setting('ssh.proxyjump AZLIN_PROXYJUMP', jumpHosts, undefined),
  jumps: setting('ssh.jumps', jumpRules, []),
  hostKeys: setting('ssh.host_keys', optionalChoice('accept-new', 'strict', 'ask'), undefined),
  weakestKex: setting('ssh.weakest_kex', choice(...KEX), WEAKEST.kex),
  weakestCipher: setting('ssh.weakest_cipher', choice(...CIPHERS), WEAKEST.cipher),
  weakestMac: setting('ssh.weakest_mac', choice(...MACS), WEAKEST.mac),
  weakestRsa: setting('ssh.weakest_rsa', rsaSize, 2048),
  keepalive: setting('ssh.keepalive AZLIN_KEEPALIVE', optionalDuration, undefined),
  startDeadline: setting('ssh.start_deadline', limit, 300_000),
  connectTimeout: setting('ssh.connect_timeout', optionalLimit, undefined),
  commandDeadline: setting('ssh.command_deadline', limit, 15_000),
  durable: setting('exec.durable AZLIN_DURABLE', choice('auto', 'always', 'never'), 'auto' as const),
  reconnectDeadline: setting('exec.reconnect_deadline', limit, 600_000),
  runTimeout: setting('run.timeout', limit, 3_600_000),
  disconnectGrace: setting('exec.disconnect_grace', limit, 90_000),
  listDeadline: setting('list.deadline', limit, 5_000),
  listWholeDeadline: setting('list.whole_deadline', limit, 60_000),
  aliases: setting('aliases', readAliases, {} as Aliases),
  format: setting('output.format AZLIN_FORMAT', choice(...FORMATS), 'table' as const),
} as const;

/** How they are called in the file. */
const KEYS = Object.values(SETTINGS).map(({ key }) => key);

export type SettingName = keyof typeof SETTINGS;
type Values = { readonly [Name in SettingName]: ReturnType<(typeof SETTINGS)[Name]['read']> };

/** Where the value of a setting comes from. */
export type Source = 'flag' | 'environment' | 'file' | 'default';

export interface Config extends Values {
  /** `$AZLIN_HOME`. */
  readonly home: string;
  readonly sources: Readonly<Record<SettingName, Source>>;
  /** The environment variables that gave a setting. */
  readonly variables: readonly string[];
  /** The settings file. */
  readonly file: { readonly path: string; readonly exists: boolean };
}

/** Texts from the command line, by setting. */
export type Overrides = Partial<Readonly<Record<SettingName, string | readonly string[]>>>;

/** Flag over environment over config.toml over default. Throws `config`, naming the place of the mistake. */
export async function loadConfig(environment: Environment, userHome: string, overrides: Overrides): Promise<Config> {
  const home = environment['AZLIN_HOME'] || join(userHome, '.azlin');
  const named = environment['AZLIN_CONFIG'];
  const path = named || join(home, 'config.toml');
  const file = await readSettingsFile(path, { isRequired: Boolean(named), keys: KEYS });
  const found = Object.entries(SETTINGS).map(([name, one]) => {
    const setting = settingOf(name as SettingName, one, { environment, overrides, file, path });
    return [name, setting] as const;
  });
  const settled = Object.fromEntries(found.map(([name, { value }]) => [name, value])) as Values;
  const sources = Object.fromEntries(found.map(([name, { source }]) => [name, source])) as Config['sources'];
  const fromHome = (text: string) => text.replace(/^~(?=\/)/, userHome);
  return Object.freeze({
    ...settled,
    home,
    sources,
    variables: Object.entries<Setting<unknown>>(SETTINGS).flatMap(([name, { variable }]) =>
      variable !== undefined && sources[name as SettingName] === 'environment' ? [variable] : [],
    ),
    file: { path, exists: file.exists },
    inventory: fromHome(settled.inventory),
    sshConfig: settled.sshConfig && fromHome(settled.sshConfig),
    identities: settled.identities.map(fromHome),
  });
}

interface Sources {
  readonly environment: Environment;
  readonly overrides: Overrides;
  readonly file: SettingsFile;
  readonly path: string;
}

interface Found {
  readonly value: unknown;
  readonly source: Source;
}

function settingOf(name: SettingName, one: Setting<unknown>, { environment, overrides, file, path }: Sources): Found {
  const flag = overrides[name];
  if (flag !== undefined)
    return { value: readAs(one, flag, { code: 'usage', where: `the flag for ${one.key}` }), source: 'flag' };
  const variable = one.variable && environment[one.variable];
  // As everywhere in the shell, an empty variable is as good as none.
  if (variable)
    return { value: readAs(one, variable, { code: 'config', where: `${one.variable}` }), source: 'environment' };
  const kept = file.values.get(one.key);
  if (kept === undefined) return { value: one.fallback, source: 'default' };
  const where = `${path}${file.lineOf(one.key)}: ${one.key}`;
  return { value: readAs(one, kept, { code: 'config', where }), source: 'file' };
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
