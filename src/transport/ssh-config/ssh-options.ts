import { isIPv6 } from 'node:net';
import { AppError } from '../../domain/errors.ts';
import { type EntraSignIn, SHORTCUTS, type Shortcut, WEAKEST, type Weakest } from '../../domain/ssh-choices.ts';
import { type Expansion, expandPath, expandTokens } from './expand.ts';
import { type HostOptions, sentVariables } from './host-options.ts';
import { matchesPatterns } from './patterns.ts';

/** What to do about a host whose key is not known: keep it, refuse it, ask the user at the terminal; or ask Azure, and refuse or keep it where Azure does not say. */
export type HostKeyPolicy = 'accept-new' | 'strict' | 'ask' | 'azure' | 'azure-or-accept-new';

/** How to log in and how to keep a connection, settled for one host. Times are in milliseconds. */
export interface SshOptions {
  /** Key files that the user named to azlin, then those of the SSH settings; if there are none, the usual ones. */
  readonly identityFiles: readonly IdentityFile[];
  /** Files that may hold certificates. They need not exist. */
  readonly certificateFiles: readonly IdentityFile[];
  /** Whether to offer only keys that have a file. */
  readonly identitiesOnly: boolean;
  /** The agent's socket. */
  readonly agent: string | undefined;
  /** The agent's socket to make available on the VM. */
  readonly forwardAgent: string | undefined;
  readonly hostKeys: HostKeyPolicy;
  /** Files in OpenSSH's format whose host keys also count, besides azlin's own. They need not exist. */
  readonly knownHostsFiles: readonly string[];
  /** A file with keys that no host may have any more. */
  readonly revokedHostKeys: string | undefined;
  /** For each step: reaching it, agreeing on encryption, signing in, opening a channel. */
  readonly connectTimeout: number;
  /** The time between two keepalives; 0 sends none. */
  readonly keepalive: number;
  /** After this many times `keepalive` without any data, the connection is lost. */
  readonly keepaliveMissed: number;
  /** For looking up names; 0 allows both. */
  readonly addressFamily: 0 | 4 | 6;
  readonly weakest: Weakest;
  /** Absent where Entra ID is not asked for a certificate. */
  readonly entra?: EntraSignIn;
  /** What may be sent before the answer that usually comes first. */
  readonly shortcuts: readonly Shortcut[];
  /** Variables for commands on the VM, as far as its server accepts them. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface IdentityFile {
  readonly path: string;
  /** `azlin`: it is an error if the file cannot be used. */
  readonly source: 'azlin' | 'ssh-config' | 'usual';
}

/** What the user set in azlin, which outranks the SSH settings. */
export interface LoginSettings {
  readonly identities?: readonly string[] | undefined;
  readonly hostKeys?: HostKeyPolicy | undefined;
  readonly connectTimeout?: number | undefined;
  readonly keepalive?: number | undefined;
  /** `--forward-agent`. */
  readonly forwardAgent?: boolean | undefined;
  readonly weakest?: Weakest | undefined;
  readonly shortcuts?: readonly Shortcut[] | undefined;
}

const CONNECT_TIMEOUT = 10_000;
const KEEPALIVE = 15_000;
const KEEPALIVE_MISSED = 3;
/** In OpenSSH's order. */
const USUAL_FILES = ['id_rsa', 'id_ecdsa', 'id_ecdsa_sk', 'id_ed25519', 'id_ed25519_sk'];
const USER_KNOWN_HOSTS = ['~/.ssh/known_hosts', '~/.ssh/known_hosts2'];
const GLOBAL_KNOWN_HOSTS = ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'];
const LOCALE = ['LANG', 'LC_*'];

/** Throws `config` for a value in the SSH settings that makes no sense. */
export function settleSshOptions(set: LoginSettings, options: HostOptions, expansion: Expansion): SshOptions {
  const agent = agentOf(options, expansion);
  const identityFiles = identityFilesOf(set, options, expansion);
  return {
    identityFiles,
    certificateFiles: certificateFilesOf(identityFiles, options, expansion),
    identitiesOnly: options.yes('identitiesonly') ?? false,
    agent,
    forwardAgent: forwardedAgent(set, options, { agent, expansion }),
    hostKeys: set.hostKeys ?? policyOf(options) ?? 'accept-new',
    knownHostsFiles: [
      ...filesOf(options.words('userknownhostsfile') ?? USER_KNOWN_HOSTS, expansion),
      ...filesOf(options.words('globalknownhostsfile') ?? GLOBAL_KNOWN_HOSTS, expansion),
    ],
    revokedHostKeys: filesOf(options.words('revokedhostkeys') ?? [], expansion)[0],
    // 0 would mean no timeout, and the step could hang.
    connectTimeout: set.connectTimeout ?? (options.time('connecttimeout') || CONNECT_TIMEOUT),
    keepalive: set.keepalive ?? options.time('serveraliveinterval') ?? KEEPALIVE,
    keepaliveMissed: options.number('serveralivecountmax') || KEEPALIVE_MISSED,
    addressFamily: familyOf(options),
    weakest: set.weakest ?? WEAKEST,
    shortcuts: set.shortcuts ?? SHORTCUTS,
    environment: environmentOf(options, expansion),
  };
}

function identityFilesOf(set: LoginSettings, options: HostOptions, expansion: Expansion): readonly IdentityFile[] {
  const named = (set.identities ?? []).map((path) => ({ path, source: 'azlin' }) as const);
  const configured = filesOf(options.words('identityfile') ?? [], expansion);
  const own = new Set(named.map(({ path }) => path));
  // A key that is offered twice is refused twice.
  const others = configured.filter((path) => !own.has(path));
  const files = [...named, ...others.map((path) => ({ path, source: 'ssh-config' }) as const)];
  if (files.length > 0 || options.words('identityfile')) return files;
  return USUAL_FILES.map((name) => ({ path: `${expansion.home}/.ssh/${name}`, source: 'usual' }));
}

/** Those of `CertificateFile`. As with ssh, they replace the ones beside the keys; but not beside those that were named to azlin. */
function certificateFilesOf(
  keys: readonly IdentityFile[],
  options: HostOptions,
  expansion: Expansion,
): readonly IdentityFile[] {
  const named = options.words('certificatefile');
  const beside = keys
    .filter(({ source }) => named === undefined || source === 'azlin')
    .map(({ path }) => ({ path: `${path}-cert.pub`, source: 'usual' }) as const);
  return [...filesOf(named ?? [], expansion).map((path) => ({ path, source: 'ssh-config' }) as const), ...beside];
}

/** Expands the paths. The word `none` is left out, so alone it means no files. */
function filesOf(words: readonly string[], expansion: Expansion): readonly string[] {
  return words.filter((word) => word.toLowerCase() !== 'none').map((word) => expandPath(word, expansion));
}

function agentOf(options: HostOptions, expansion: Expansion): string | undefined {
  const said = options.text('identityagent');
  const usual = expansion.environment['SSH_AUTH_SOCK'] || undefined;
  if (said === undefined || said === 'SSH_AUTH_SOCK') return usual;
  if (said.toLowerCase() === 'none') return undefined;
  if (said.startsWith('$') && !said.startsWith('${')) return expansion.environment[said.slice(1)] || undefined;
  return expandPath(said, expansion);
}

interface Agents {
  readonly agent: string | undefined;
  readonly expansion: Expansion;
}

function forwardedAgent(set: LoginSettings, options: HostOptions, { agent, expansion }: Agents): string | undefined {
  if (set.forwardAgent !== undefined) return set.forwardAgent ? requireAgent(agent) : undefined;
  const said = options.text('forwardagent');
  if (said === undefined || /^(no|false)$/i.test(said)) return undefined;
  if (/^(yes|true)$/i.test(said)) return agent;
  if (said.startsWith('$') && !said.startsWith('${')) return expansion.environment[said.slice(1)] || undefined;
  return expandPath(said, expansion);
}

function requireAgent(agent: string | undefined): string {
  if (agent !== undefined) return agent;
  throw new AppError('config', 'Cannot forward the SSH agent: no agent is running', {
    hint: 'eval "$(ssh-agent)" && ssh-add starts one; SSH_AUTH_SOCK or IdentityAgent names it',
  });
}

/** At least `accept-new`: even `no` keeps new keys, and changed keys are always refused. */
function policyOf(options: HostOptions): HostKeyPolicy | undefined {
  const said = options.text('stricthostkeychecking')?.toLowerCase();
  if (said === undefined) return undefined;
  if (said === 'ask') return 'ask';
  if (['yes', 'true'].includes(said)) return 'strict';
  if (['accept-new', 'no', 'false', 'off'].includes(said)) return 'accept-new';
  throw options.wrong('stricthostkeychecking', 'yes, no, ask or accept-new');
}

function familyOf(options: HostOptions): 0 | 4 | 6 {
  const said = options.text('addressfamily')?.toLowerCase() ?? 'any';
  const families: Readonly<Record<string, 0 | 4 | 6>> = { any: 0, inet: 4, inet6: 6 };
  const family = families[said];
  if (family === undefined) throw options.wrong('addressfamily', 'any, inet or inet6');
  return family;
}

/** The locale, which ssh sends on most systems, what `SendEnv` names, and what `SetEnv` sets. */
function environmentOf(options: HostOptions, expansion: Expansion): Readonly<Record<string, string>> {
  const sent = sentBy(expansion.environment, sentVariables([...LOCALE, ...(options.words('sendenv') ?? [])]));
  const set = (options.words('setenv') ?? []).map((word) => {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
    if (name === '') throw options.wrong('setenv', 'NAME=VALUE');
    return [name, value] as const;
  });
  return Object.fromEntries([...sent, ...set]);
}

type Environment = Expansion['environment'];

/** Kept, because it is the same for all VMs of a fleet. */
const sentOf = new WeakMap<Environment, Map<string, readonly (readonly [string, string])[]>>();

function sentBy(environment: Environment, patterns: readonly string[]): readonly (readonly [string, string])[] {
  const kept = sentOf.get(environment) ?? new Map();
  sentOf.set(environment, kept);
  const key = patterns.join(' ');
  const sent =
    kept.get(key) ??
    Object.entries(environment).filter(
      ([name, value]) => value !== undefined && matchesPatterns([name], patterns, 'exact'),
    );
  kept.set(key, sent);
  return sent;
}

/** A host name from the SSH settings. Throws `config` if no host can have that name. */
function hostNameOf(text: string, expansion: Expansion): string {
  const name = expandTokens(text, expansion);
  if (isIPv6(name) || (/^[\w.:-]+$/.test(name) && !name.startsWith('-'))) return name;
  throw new AppError('config', `"HostName ${text}" in the SSH settings is not a host name or address`);
}

/** A host as far as its address is concerned. */
export interface Addressed {
  readonly label: string;
  /** Undefined if only the SSH settings can give one. */
  readonly address: string | undefined;
  /** Whether it outranks the SSH settings. */
  readonly isFinal: boolean;
}

/** Throws `unreachable` where there is none, `config` for one that makes no sense. */
export function settledAddress(
  { label, address, isFinal }: Addressed,
  options: HostOptions,
  expansion: Expansion,
): string {
  const said = options.text('hostname');
  const named = said === undefined || isFinal ? undefined : hostNameOf(said, expansion);
  // "HostName %h" for every host means that the address stays as it is.
  const settled = named === undefined || named === label ? address : named;
  if (settled === undefined)
    throw new AppError('unreachable', `Cannot connect to "${label}": it has no IP address`, {
      hint: 'give it a public IP address, or set its tag azlin-ssh-host to a name or address where it can be reached',
    });
  if (isIPv6(settled) || /^[A-Za-z0-9.:_][A-Za-z0-9.:_-]*$/.test(settled)) return settled;
  const what = isFinal ? `The tag azlin-ssh-host of "${label}"` : JSON.stringify(settled);
  throw new AppError('config', `${what} is not a host name or address`);
}
