import { FORMATS } from '../../settings/output-formats.ts';
import type { Options } from '../command.ts';

/** Every command has these. */
export const GLOBAL_OPTIONS = {
  format: { kind: 'text', describe: 'Format of results and errors', choices: FORMATS, setting: 'format' },
  output: { kind: 'text', short: 'o', describe: 'The same as --format', choices: FORMATS, setting: 'format' },
  json: { kind: 'flag', describe: 'The same as --format json', setting: 'format', value: 'json' },
  color: { kind: 'text', describe: 'When to use colours', choices: ['auto', 'always', 'never'] },
  quiet: { kind: 'flag', short: 'q', describe: 'Print no notes or warnings' },
  verbose: { kind: 'flag', short: 'v', describe: 'Print each step to stderr' },
  'no-daemon': { kind: 'flag', describe: "Connect without azlin's daemon", setting: 'persist', value: '0' },
} as const satisfies Options;

/** Options that end the call, whatever the command is. */
export const BUILT_IN = {
  help: { kind: 'flag', short: 'h', describe: 'Show help' },
  version: { kind: 'flag', short: 'V', describe: 'Show the version' },
} as const satisfies Options;

/** Which VMs are in scope. */
export const SCOPE_OPTIONS = {
  context: {
    kind: 'text',
    takes: 'CONTEXT',
    describe: 'Use this context from the settings file',
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
    describe: 'All subscriptions that you can see',
    setting: 'subscriptions',
    value: 'all',
  },
  'resource-group': {
    kind: 'text',
    takes: 'GROUP',
    short: 'g',
    describe: 'Only VMs in this resource group',
    setting: 'resourceGroup',
  },
  inventory: {
    kind: 'text',
    takes: 'SOURCE',
    describe: 'Where VMs come from: azure, resource-graph, or a TOML or JSON file',
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
    describe: 'Jump hosts: [user@]host[:port], comma-separated, or none',
    setting: 'proxyJump',
  },
  bastion: {
    kind: 'text',
    takes: 'NAME',
    describe: 'Azure Bastion to go through: name, id, auto or never',
    setting: 'bastion',
  },
  entra: { kind: 'flag', describe: 'Sign in with an Entra ID certificate', setting: 'entra', value: 'always' },
  'ssh-config': {
    kind: 'text',
    takes: 'FILE',
    short: 'F',
    describe: 'SSH settings to read instead of ~/.ssh/config, or none',
    setting: 'sshConfig',
  },
} as const satisfies Options;

export const FORWARD_OPTION = {
  'forward-agent': { kind: 'flag', short: 'A', describe: 'Forward the SSH agent to the VM' },
} as const satisfies Options;

export const CREATE_OPTION = {
  create: { kind: 'flag', describe: 'Create the session if it is missing' },
} as const satisfies Options;

/** How to attach. */
export const ATTACH_OPTIONS = {
  'read-only': { kind: 'flag', short: 'r', describe: 'Watch only: what you type is ignored' },
  'take-over': { kind: 'flag', describe: 'Detach everybody else, after asking' },
  independent: { kind: 'flag', describe: 'A view of your own: same windows, own current window' },
  reconnect: {
    kind: 'text',
    takes: 'N',
    describe: 'Attempts to reconnect; default: until Ctrl-C',
    setting: 'reconnect',
  },
  'no-tmux': { kind: 'flag', describe: 'A plain login shell instead of a session' },
  yes: { kind: 'flag', short: 'y', describe: 'Do not ask for confirmation' },
} as const satisfies Options;

/** How a command runs that needs no session, or a terminal. */
export const TTY_OPTION = {
  tty: { kind: 'flag', short: 't', describe: 'Give the command a terminal' },
} as const satisfies Options;

export const START_OPTION = {
  start: { kind: 'flag', describe: 'Start the VM if it is stopped' },
} as const satisfies Options;
