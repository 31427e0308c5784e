import { FORMATS } from '../../settings/output-formats.ts';
import type { Options } from '../command.ts';

/** Every command has these. */
export const GLOBAL_OPTIONS = {
  format: { kind: 'text', describe: 'How results and errors are printed', choices: FORMATS, setting: 'format' },
  color: { kind: 'text', describe: 'When to use colours', choices: ['auto', 'always', 'never'] },
  quiet: { kind: 'flag', short: 'q', describe: 'Print no warnings and no notes' },
  verbose: { kind: 'flag', short: 'v', describe: 'Tell each step on stderr' },
} as const satisfies Options;

/** They end the call, whatever the command. */
export const BUILT_IN = {
  help: { kind: 'flag', short: 'h', describe: 'Show help' },
  version: { kind: 'flag', describe: 'Show the version' },
} as const satisfies Options;

/** Which VMs are in scope. */
export const SCOPE_OPTIONS = {
  context: {
    kind: 'text',
    takes: 'CONTEXT',
    describe: 'Settings by name; azlin context list shows them',
    setting: 'context',
  },
  subscription: {
    kind: 'text',
    takes: 'SUBSCRIPTION',
    describe: 'Azure subscriptions by id or name, comma-separated',
    setting: 'subscriptions',
  },
  'all-subscriptions': {
    kind: 'flag',
    describe: 'Every subscription that you can see',
    setting: 'subscriptions',
    value: 'all',
  },
  'resource-group': {
    kind: 'text',
    takes: 'GROUP',
    short: 'g',
    describe: 'Only VMs of this resource group',
    setting: 'resourceGroup',
  },
  inventory: {
    kind: 'text',
    takes: 'SOURCE',
    describe: '"azure", "resource-graph", or a TOML or JSON file of VMs',
    setting: 'inventory',
  },
} as const satisfies Options;

/** How to log in to a VM. */
export const SSH_OPTIONS = {
  user: { kind: 'text', takes: 'NAME', short: 'l', describe: 'User name on the VM' },
  port: { kind: 'text', takes: 'PORT', short: 'p', describe: 'Port of the SSH server' },
  identity: { kind: 'text', takes: 'FILE', short: 'i', describe: 'Private key file', setting: 'identities' },
  jump: {
    kind: 'text',
    takes: 'HOST',
    short: 'J',
    describe: 'Connect through these hosts: [user@]host[:port], comma-separated; a host may be a VM; "none"',
    setting: 'proxyJump',
  },
  'ssh-config': {
    kind: 'text',
    takes: 'FILE',
    short: 'F',
    describe: 'SSH settings to read instead of ~/.ssh/config; "none"',
    setting: 'sshConfig',
  },
} as const satisfies Options;

export const FORWARD_OPTION = {
  'forward-agent': { kind: 'flag', short: 'A', describe: 'Make the SSH agent available on the VM' },
} as const satisfies Options;

export const CREATE_OPTION = {
  create: { kind: 'flag', describe: 'Create the session if it is missing' },
} as const satisfies Options;

/** How to attach. */
export const ATTACH_OPTIONS = {
  'read-only': { kind: 'flag', short: 'r', describe: 'Watch: what you type goes nowhere' },
  'take-over': { kind: 'flag', describe: 'Detach everybody else; asks first' },
  independent: { kind: 'flag', describe: 'A view of your own: the same windows, another current one' },
  reconnect: {
    kind: 'text',
    takes: 'N',
    describe: 'How often to try when the connection is lost; without it until you press Ctrl-C; 0 for never',
    setting: 'reconnect',
  },
  'no-tmux': { kind: 'flag', describe: 'A plain login shell on the VM, which ends with the connection' },
  yes: { kind: 'flag', short: 'y', describe: 'Do not ask' },
} as const satisfies Options;

export const START_OPTION = {
  start: { kind: 'flag', describe: 'Start the VM if it is stopped, and wait for it' },
} as const satisfies Options;
