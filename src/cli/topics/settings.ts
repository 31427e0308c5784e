import { WEAKEST } from '../../domain/ssh-choices.ts';
import type { SettingName } from '../../settings/settings.ts';

/** What a setting is for, and what applies if it is not set. */
export interface Explained {
  readonly meaning: string;
  readonly fallback: string;
}

const one = (meaning: string, fallback: string): Explained => ({ meaning, fallback });

/** Every setting, for help, for `azlin config` and for the documentation. */
export const EXPLAINED: Readonly<Record<SettingName, Explained>> = {
  context: one('the context to use from the settings file', 'none'),
  subscriptions: one('subscriptions in scope by id or name; "all" for all that you can see', 'the active one in az'),
  tenant: one('the tenant to sign in to, if the subscription does not determine it', 'the active one in az'),
  resourceGroup: one('only VMs in this resource group', 'all of them'),
  cloud: one('AzureCloud, AzureUSGovernment, AzureChinaCloud', 'the cloud that az uses'),
  resourceManager: one('URL of Resource Manager', 'that of the cloud'),
  credential: one('sign in only this way: environment, workload-identity, cli, managed-identity', 'any'),
  azureDeadline: one('time limit for all requests to Azure, retries included', '30s'),
  powerDeadline: one('time limit for starting or stopping a VM', '10m'),
  inventory: one('azure, resource-graph, or the path of a TOML or JSON file of VMs', 'azure'),
  inventoryTtl: one('how long the list of VMs is remembered', '5m'),
  sessionsTtl: one('how long the sessions of a VM are remembered; 0 always asks', '30s'),
  resolveDeadline: one('time limit for asking the fleet which VM has a session', '3s'),
  defaultSession: one('the session that a bare VM name means', 'azlin'),
  label: one('the name that others see for you in a shared session', 'user@host'),
  reconnect: one('attempts to reconnect a lost session; 0 for none', 'until Ctrl-C'),
  sshUser: one('user name on the VMs', "the VM's admin user"),
  sshPort: one('port of the SSH servers', '22'),
  identities: one(
    'private key file; in the settings file also a list',
    "the agent's keys, and ~/.ssh/id_rsa, id_ecdsa, id_ed25519",
  ),
  sshConfig: one('SSH settings to read, or none', '~/.ssh/config, /etc/ssh/ssh_config'),
  proxyJump: one('jump hosts: [user@]host[:port], comma-separated, or none', 'none'),
  jumps: one('jump hosts for VMs without a public address, by resource_group and tag', 'none'),
  bastion: one(
    'the Azure Bastion to go through: its name or id; auto, which finds the one near a private VM; or never',
    'auto',
  ),
  entra: one(
    "when to sign in with an Entra ID certificate: auto, where an Azure VM refuses the user's keys; always; or never",
    'auto',
  ),
  hostKeys: one(
    'accept-new trusts unknown hosts, strict refuses them, ask asks on a terminal, azure asks Azure for their keys and refuses the rest, azure-or-accept-new trusts the rest',
    'accept-new',
  ),
  weakestKex: one('the weakest key exchange that is accepted', WEAKEST.kex),
  weakestCipher: one('the weakest cipher that is accepted', WEAKEST.cipher),
  weakestMac: one('the weakest MAC that is accepted', WEAKEST.mac),
  weakestRsa: one('the fewest bits of an RSA host key', '2048'),
  shortcuts: one(
    'what is sent before the answer that usually comes first: all, none, or some of hello, service, sign, exec, early',
    'all',
  ),
  keepalive: one('time between keepalives; three missed mean a lost connection', '15s'),
  startDeadline: one('how long to wait for SSH on a VM that --start has started', '5m'),
  connectTimeout: one('time limit for each step of connecting', '10s'),
  commandDeadline: one('time limit for what azlin itself runs on a VM, and for attaching', '15s'),
  durable: one('whether commands become jobs: auto (if CI is set), always or never', 'auto'),
  reconnectDeadline: one('time limit for reconnecting to a job', '10m'),
  runTimeout: one('time limit for a command of azlin run', '1h'),
  killAfter: one('time between SIGTERM and SIGKILL when azlin ends a command; whole seconds', '5s'),
  disconnectGrace: one('how long a job with --on-disconnect cancel waits for azlin', '90s'),
  listDeadline: one('time limit for each VM of a list', '5s'),
  listWholeDeadline: one('time limit for all VMs of a list', '60s'),
  aliases: one('a table of names, each for one or several identifiers', 'none'),
  persist: one(
    'how long connections stay open after their last use, for the next command; 0 keeps none',
    '10m; 0 if CI is set',
  ),
  watch: one('whose sessions are kept known: used (VMs with an open connection), all or none', 'used'),
  registryBackend: one(
    'where records of sessions and the history are kept: memory, disk or cluster (PostgreSQL); auto is cluster if registry.url is set, else disk if Node has SQLite, else memory',
    'auto',
  ),
  registryPath: one('the file of the registry on disk', '~/.azlin/registry.db'),
  registryUrl: one('the PostgreSQL database that a team shares: postgres://user:password@host/database', 'none'),
  keepEvents: one('how long the history is kept', '7d'),
  mcpReadOnly: one('whether agents get only tools that change nothing', 'false'),
  mcpAllow: one('rules: what agents may do; unless it is empty, nothing else', 'everything'),
  mcpConfirm: one('rules: what agents may do after a person has agreed', 'none'),
  mcpDeny: one('rules: what agents may not do', 'none'),
  mcpLease: one('how long a person must not type in a session before an agent may; 0 does not wait', '10s'),
  mcpMaxCalls: one('how many calls an agent may make in a minute', '600'),
  mcpMaxSessions: one('how many sessions an agent may have', '50'),
  mcpMaxJobs: one('how many commands of an agent may run at once', '50'),
  mcpWorkdir: one('whether the work of each session of an agent is kept in a folder of ~/.ssh-workdir', 'false'),
  mcpAudit: one('the file that calls of agents are written to', '~/.azlin/mcp-audit.jsonl'),
  format: one('how results and errors are printed: table, json, ndjson, csv', 'table'),
};
