import { createHash } from 'node:crypto';
import { AppError } from '../domain/errors.ts';
import { DIRECT, describeWay, type Hop, type Route } from '../domain/route.ts';
import type { EntraSignIn } from '../domain/ssh-choices.ts';
import { printable } from '../domain/text.ts';
import { addressOf, isAzureVm, tagOf, type Vm } from '../domain/vm.ts';
import { certifiedUser, type EntraWishes, entraSignIn, withEntra } from './entra-sign-in.ts';
import {
  type BastionSettings,
  expandedRoute,
  type JumpSettings,
  routeOf,
  type Unused,
  unusableBastion,
} from './route.ts';
import { type HostOptions, hostOptions, mentions, notesOf } from './ssh-config/host-options.ts';
import type { PatternCase } from './ssh-config/patterns.ts';
import type { SshConfig } from './ssh-config/ssh-config.ts';
import {
  type Addressed,
  type LoginSettings,
  type SshOptions,
  settledAddress,
  settleSshOptions,
} from './ssh-config/ssh-options.ts';

/** Where and as whom to log in, and how. */
export interface Endpoint {
  /** What messages call it: the VM's name, or the address. */
  readonly label: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** The name that host keys are kept under: the VM's `vmId`, or the address. */
  readonly hostKeyAlias: string;
  /** The resource id of a VM of Azure. */
  readonly azureId?: string;
  /** The name it has in the user's own known_hosts. */
  readonly knownAs: string;
  readonly route: Route;
  /** `look`: its address may be out of date. If the host is new, azlin still connects, but does not keep its key. */
  readonly firstSight?: 'pin' | 'look';
  readonly ssh: SshOptions;
  /** A better way that cannot be used. */
  readonly unused?: Unused;
  /** What the user may want to know about how it was settled. */
  readonly notes: readonly string[];
}

/** The user's wishes, strongest first: flag, identifier, VM tag, settings, SSH settings. */
export interface LoginChoice extends LoginSettings {
  readonly flagUser?: string | undefined;
  readonly flagPort?: number | undefined;
  readonly identifierUser?: string | undefined;
  readonly settingsUser?: string | undefined;
  readonly settingsPort?: number | undefined;
  readonly jump?: JumpSettings | undefined;
  readonly bastion?: BastionSettings | undefined;
  readonly entra?: EntraWishes | undefined;
  readonly sshConfig?: SshConfig | undefined;
  readonly surroundings?: LoginSurroundings | undefined;
}

/** The environment that azlin runs in. */
export interface LoginSurroundings {
  readonly home: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly user: string;
  readonly hostname: string;
  /** The user's numeric id, where there is one. */
  readonly uid: number | undefined;
}

const DEFAULT_USER = 'azureuser';
const NOWHERE = { home: '/', environment: {}, user: DEFAULT_USER, hostname: 'localhost', uid: undefined };
const NO_CONFIG: SshConfig = { entries: [], files: [] };

/** The endpoint of a VM. Throws `unreachable` when it has no address, `config` when a tag or an SSH setting makes no sense. */
export function endpointOfVm(vm: Vm, choice: LoginChoice): Endpoint {
  const { name, resourceGroup } = vm;
  const { flagUser, identifierUser, settingsUser, jump, bastion } = choice;
  const known = addressOf(vm);
  const entra = entraSignIn(choice, vm);
  const host: Host = {
    label: name,
    names: [name, `${resourceGroup}/${name}`, ...(known === null ? [] : [known])],
    case: 'any',
    address: known ?? undefined,
    isFinal: tagOf(vm, 'azlin-ssh-host') !== undefined,
    user: certifiedUser(entra) ?? flagUser ?? identifierUser ?? tagOf(vm, 'azlin-ssh-user') ?? settingsUser,
    otherwise: vm.adminUser ?? DEFAULT_USER,
    port: choice.flagPort ?? tagPort(vm) ?? choice.settingsPort,
    hostKeyAlias: vm.vmId,
    entra,
  };
  const endpoint = endpointOf(host, choice, (options) => routeOf({ vm, address: undefined, jump, bastion, options }));
  const unused = endpoint.route.kind === 'direct' ? unusableBastion(vm) : undefined;
  return { ...endpoint, ...(unused ? { unused } : {}), ...(isAzureVm(vm) ? { azureId: vm.id } : {}) };
}

/** The address that `endpointOfVm` would give, fast enough for lists of thousands. If there is none, the address in the inventory. */
export function addressOfVm(vm: Vm, choice: LoginChoice): string | null {
  const known = addressOf(vm);
  const { sshConfig } = choice;
  // Without a HostName in the SSH settings, nothing can change the address.
  if (!sshConfig || !mentions(sshConfig, 'hostname')) return known;
  try {
    return endpointOfVm(vm, choice).address;
  } catch {
    return known;
  }
}

/** The endpoint of a bare address: only the user's wishes are known. */
export function endpointOfAddress(address: string, choice: LoginChoice): Endpoint {
  const entra = entraSignIn(choice, undefined);
  const host: Host = {
    label: address,
    names: [address],
    case: 'exact',
    address,
    isFinal: false,
    user: certifiedUser(entra) ?? choice.flagUser ?? choice.identifierUser ?? choice.settingsUser,
    otherwise: DEFAULT_USER,
    port: choice.flagPort ?? choice.settingsPort,
    hostKeyAlias: undefined,
    entra,
  };
  const { jump, bastion } = choice;
  return endpointOf(host, choice, (options) => routeOf({ vm: undefined, address, jump, bastion, options }));
}

/** The endpoint of a jump host that is not a VM of the fleet. As with ssh, its user is the local user unless another one is given. */
export function endpointOfHop({ user, host, port }: Hop, choice: LoginChoice): Endpoint {
  const login: Host = {
    label: host,
    names: [host],
    case: 'exact',
    address: host,
    isFinal: false,
    user,
    otherwise: (choice.surroundings ?? NOWHERE).user,
    port,
    hostKeyAlias: undefined,
    entra: undefined,
  };
  // Jump hosts and agent forwarding that were set in azlin are meant for VMs.
  const own = { ...choice, forwardAgent: false };
  return endpointOf(login, own, (options) =>
    routeOf({ vm: undefined, address: host, jump: undefined, bastion: undefined, options }),
  );
}

interface Host extends Addressed {
  readonly names: readonly string[];
  readonly case: PatternCase;
  readonly user: string | undefined;
  /** The user if no other is given. */
  readonly otherwise: string;
  readonly port: number | undefined;
  readonly hostKeyAlias: string | undefined;
  readonly entra: EntraSignIn | undefined;
}

function endpointOf(host: Host, choice: LoginChoice, route: (options: HostOptions) => Route): Endpoint {
  const { label } = host;
  const { home, environment, hostname, uid, user: localUser } = choice.surroundings ?? NOWHERE;
  const query = { names: host.names, case: host.case, address: host.address, user: host.user, localUser };
  const options = hostOptions(choice.sshConfig ?? NO_CONFIG, query);
  const wanted = host.user ?? options.text('user');
  const user = wanted ?? host.otherwise;
  if (!/^[^\s\p{Cc}-][^\s\p{Cc}]*$/u.test(user))
    throw new AppError('config', `Invalid user name for "${label}": ${JSON.stringify(user)}`);
  const port = portOf(host.port ?? options.number('port') ?? 22, options);
  const named = { n: label, h: label, p: `${port}`, r: user };
  const address = settledAddress(host, options, { home, environment, tokens: named });
  const alias = options.text('hostkeyalias')?.toLowerCase();
  if (alias !== undefined && !/^[\w.:/()[\]%+-]+$/.test(alias))
    throw options.wrong('hostkeyalias', 'expected a name without spaces or special characters');
  const knownAs = alias ?? (port === 22 ? address : `[${address}]:${port}`).toLowerCase();
  const hostKeyAlias = host.hostKeyAlias ?? knownAs;
  const hash = createHash('sha1').update(`${hostname}${address}${port}${user}`).digest('hex');
  const jump = options.text('proxyjump') ?? '';
  const local = {
    C: hash,
    j: jump,
    d: home,
    u: localUser,
    l: hostname,
    L: hostname.replace(/\..*/, ''),
    i: `${uid ?? ''}`,
  };
  const expansion = { home, environment, tokens: { ...named, ...local, h: address, k: alias ?? label } };
  return {
    label,
    address,
    port,
    user,
    hostKeyAlias,
    knownAs,
    route: expandedRoute(route(options), expansion),
    ssh: withEntra(settleSshOptions(choice, options, expansion), host.entra, wanted),
    notes: notesOf(options),
  };
}

function portOf(port: number, options: HostOptions): number {
  if (port > 0 && port < 65_536) return port;
  throw options.wrong('port', 'a port number');
}

/** The endpoint; if `isOld`, its address may be out of date and a new host key is not kept. */
export function firstLook(endpoint: Endpoint, isOld: boolean): Endpoint {
  return isOld ? { ...endpoint, firstSight: 'look' } : endpoint;
}

/** The endpoint, whose server must let the user in before anything else happens. */
export function withoutEarly(endpoint: Endpoint): Endpoint {
  const shortcuts = endpoint.ssh.shortcuts.filter((one) => one !== 'early');
  return { ...endpoint, ssh: { ...endpoint.ssh, shortcuts } };
}

/** Equal only for endpoints that may share connections: it contains the user, the place, the route, and all options. */
export function endpointKey({
  firstSight = 'pin',
  label: _label,
  notes: _notes,
  unused: _unused,
  ...endpoint
}: Endpoint): string {
  return JSON.stringify({ ...endpoint, firstSight });
}

/** Where the endpoint is and how it is reached: `10.0.0.4 port 22 through bastion`. */
export function describePlace({ address, port, route }: Endpoint): string {
  return `${address} port ${port}${describeWay(route)}`;
}

/** The endpoint, reached over `hops` instead; directly if there are none. */
export function throughHops(endpoint: Endpoint, hops: readonly Hop[], inFleet: boolean): Endpoint {
  return { ...endpoint, route: hops.length === 0 ? DIRECT : { kind: 'jump', hops, inFleet } };
}

function tagPort(vm: Vm): number | undefined {
  const text = tagOf(vm, 'azlin-ssh-port');
  if (text === undefined) return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new AppError('config', `The tag azlin-ssh-port of "${vm.name}" is not a port number: "${printable(text)}"`);
}
