import { WEAKEST } from '../../domain/ssh-algorithms.ts';
import type { SettingName } from '../../settings/settings.ts';

/** What a setting is for, and what holds where nothing is set. */
export interface Explained {
  readonly meaning: string;
  readonly fallback: string;
}

const one = (meaning: string, fallback: string): Explained => ({ meaning, fallback });

/** Every setting, for help, for `azlin config` and for the documentation. */
export const EXPLAINED: Readonly<Record<SettingName, Explained>> = {
  context: one('which of the contexts of the settings file counts', 'none'),
  subscriptions: one(
    'subscriptions in scope by id, or by the name that az knows; "all" for every one that you can see',
    'the one that az has set',
  ),
  tenant: one('the tenant that az gives a token of, where the subscription does not tell', 'the active one of az'),
  resourceGroup: one('narrow to one resource group', 'all of them'),
  cloud: one('AzureCloud, AzureUSGovernment, AzureChinaCloud', 'the one that az uses the subscription in'),
  resourceManager: one('URL of Resource Manager', 'that of the cloud'),
  credential: one('only this sign-in: environment, workload-identity, cli, managed-identity', 'any'),
  azureDeadline: one('for everything that Azure is asked, retries included', '30s'),
  powerDeadline: one('for starting or stopping a VM', '10m'),
  inventory: one('azure, resource-graph, or the path of a TOML or JSON file of VMs', 'azure'),
  inventoryTtl: one('how long the list of VMs is remembered', '5m'),
  sessionsTtl: one('how long it is remembered who has a session; 0 always asks', '30s'),
  resolveDeadline: one('for asking the fleet who has a session', '3s'),
  defaultSession: one('the session that a bare VM name means', 'azlin'),
  label: one('what others see of you where you share a session', 'user@host'),
  reconnect: one('how often a lost connection is tried to be taken up again; 0 for never', 'until Ctrl-C'),
  sshUser: one('user name on the VMs', "the VM's admin user"),
  sshPort: one('port of the SSH servers', '22'),
  identities: one('private key file; in the file a list may stand', "the agent's, and ~/.ssh/id_*"),
  sshConfig: one('SSH settings to read, or none', '~/.ssh/config, /etc/ssh/ssh_config'),
  proxyJump: one('jump hosts: [user@]host[:port], comma-separated, or none', 'none'),
  jumps: one('jump hosts for VMs without a public address, by resource_group and tag', 'none'),
  hostKeys: one('strict refuses hosts that are not known, ask asks on a terminal', 'accept-new'),
  weakestKex: one('the weakest key exchange that is accepted', WEAKEST.kex),
  weakestCipher: one('the weakest cipher that is accepted', WEAKEST.cipher),
  weakestMac: one('the weakest MAC that is accepted', WEAKEST.mac),
  weakestRsa: one('the fewest bits of an RSA host key', '2048'),
  keepalive: one('seconds between keepalives; three missed ones are a lost connection', '15s'),
  startDeadline: one('until a VM that --start started answers over SSH', '5m'),
  connectTimeout: one('for each step of connecting', '10s'),
  commandDeadline: one('for short commands of azlin on a VM, and for entering a session', '15s'),
  durable: one('whether commands become jobs: auto where CI is set, always, never', 'auto'),
  reconnectDeadline: one('for connecting to a job again', '10m'),
  runTimeout: one('for azlin run', '1h'),
  killAfter: one('how long what is to end has between SIGTERM and SIGKILL', '5s'),
  disconnectGrace: one('how long a job of --on-disconnect cancel waits for azlin', '90s'),
  listDeadline: one('of a list: for each VM', '5s'),
  listWholeDeadline: one('of a list: for all VMs', '60s'),
  aliases: one('a table of names for identifiers and groups', 'none'),
  format: one('how results and errors are printed: table, json, ndjson, csv', 'table'),
};
