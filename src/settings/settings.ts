import { CIPHERS, KEX, MACS, SHORTCUTS, WEAKEST } from '../domain/ssh-choices.ts';
import { type Aliases, readAliases } from './aliases.ts';
import { FORMATS } from './output-formats.ts';
import {
  atLeastOne,
  attempts,
  bastionChoice,
  choice,
  cloud,
  contextName,
  databaseUrl,
  duration,
  groupName,
  jumpHosts,
  jumpRules,
  label,
  limit,
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
  shortcuts,
  text,
  textList,
  wholePath,
  withoutPassword,
  yesNo,
} from './setting-values.ts';

export interface Setting<T> {
  /** Its key in config.toml. */
  readonly key: string;
  readonly variable?: string;
  readonly read: Read<T>;
  readonly fallback: T;
  /** For a secret: what may be shown of a value. */
  readonly shown?: (given: unknown) => string;
}

/** `name`: the key in config.toml, and after a space the environment variable. */
const setting = <T>(name: string, read: Read<T>, fallback: T): Setting<T> => {
  const [key = '', variable] = name.split(' ');
  return variable === undefined ? { key, read, fallback } : { key, variable, read, fallback };
};

/** Every setting: where it can be set, how it is read, what it is by default. Durations are milliseconds. */
export const SETTINGS = {
  context: setting('context AZLIN_CONTEXT', contextName, undefined),
  subscriptions: setting('azure.subscriptions AZURE_SUBSCRIPTION_ID', textList, []),
  tenant: setting('azure.tenant', optionalText, undefined),
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
  bastion: setting('ssh.bastion AZLIN_BASTION', bastionChoice, undefined),
  entra: setting('ssh.entra AZLIN_ENTRA', choice('auto', 'always', 'never'), 'auto' as const),
  hostKeys: setting(
    'ssh.host_keys AZLIN_HOST_KEYS',
    optionalChoice('accept-new', 'strict', 'ask', 'azure', 'azure-or-accept-new'),
    undefined,
  ),
  weakestKex: setting('ssh.weakest_kex', choice(...KEX), WEAKEST.kex),
  weakestCipher: setting('ssh.weakest_cipher', choice(...CIPHERS), WEAKEST.cipher),
  weakestMac: setting('ssh.weakest_mac', choice(...MACS), WEAKEST.mac),
  weakestRsa: setting('ssh.weakest_rsa', rsaSize, 2048),
  shortcuts: setting('ssh.shortcuts AZLIN_SHORTCUTS', shortcuts, SHORTCUTS),
  keepalive: setting('ssh.keepalive AZLIN_KEEPALIVE', optionalDuration, undefined),
  startDeadline: setting('ssh.start_deadline', limit, 300_000),
  connectTimeout: setting('ssh.connect_timeout', optionalLimit, undefined),
  commandDeadline: setting('ssh.command_deadline', limit, 15_000),
  durable: setting('exec.durable AZLIN_DURABLE', choice('auto', 'always', 'never'), 'auto' as const),
  reconnectDeadline: setting('exec.reconnect_deadline', limit, 600_000),
  runTimeout: setting('run.timeout', limit, 3_600_000),
  killAfter: setting('exec.kill_after', limit, 5_000),
  disconnectGrace: setting('exec.disconnect_grace', limit, 90_000),
  listDeadline: setting('list.deadline', limit, 5_000),
  listWholeDeadline: setting('list.whole_deadline', limit, 60_000),
  aliases: setting('aliases', readAliases, {} as Aliases),
  persist: setting('daemon.persist AZLIN_PERSIST', duration, 600_000),
  watch: setting('daemon.watch AZLIN_WATCH', choice('used', 'all', 'none'), 'used' as const),
  registryBackend: setting(
    'registry.backend AZLIN_REGISTRY',
    choice('auto', 'memory', 'disk', 'cluster'),
    'auto' as const,
  ),
  registryPath: setting('registry.path', wholePath, undefined),
  registryUrl: { ...setting('registry.url AZLIN_REGISTRY_URL', databaseUrl, undefined), shown: withoutPassword },
  keepEvents: setting('registry.keep_events', limit, 604_800_000),
  mcpReadOnly: setting('mcp.read_only', yesNo, false),
  mcpAllow: setting('mcp.allow', textList, []),
  mcpConfirm: setting('mcp.confirm', textList, []),
  mcpDeny: setting('mcp.deny', textList, []),
  mcpLease: setting('mcp.lease', duration, 10_000),
  mcpMaxCalls: setting('mcp.max_calls', atLeastOne, 600),
  mcpMaxSessions: setting('mcp.max_sessions', atLeastOne, 50),
  mcpMaxJobs: setting('mcp.max_jobs', atLeastOne, 50),
  mcpWorkdir: setting('mcp.workdir', yesNo, false),
  mcpAudit: setting('mcp.audit', wholePath, undefined),
  format: setting('output.format AZLIN_FORMAT', choice(...FORMATS), 'table' as const),
} as const;

export type SettingName = keyof typeof SETTINGS;
export type SettingValues = { readonly [Name in SettingName]: ReturnType<(typeof SETTINGS)[Name]['read']> };

/** Name and definition of each. */
export const ENTRIES = Object.entries<Setting<unknown>>(SETTINGS) as readonly (readonly [
  SettingName,
  Setting<unknown>,
])[];

/** What the settings are called in the file. */
export const KEYS: readonly string[] = ENTRIES.map(([, { key }]) => key);
