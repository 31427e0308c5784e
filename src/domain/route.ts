import { AppError } from './errors.ts';

/** A host to connect through: `[user@]host[:port]`. */
export interface Hop {
  readonly user: string | undefined;
  readonly host: string;
  readonly port: number | undefined;
}

/** How a connection gets to its address. */
export type Route =
  | { readonly kind: 'direct' }
  /** Over SSH connections to these hosts, the first one first. `inFleet`: a plain name may be that of a VM. */
  | { readonly kind: 'jump'; readonly hops: readonly Hop[]; readonly inFleet: boolean }
  /** Over the streams of a local command, given to a shell as it is. */
  | { readonly kind: 'command'; readonly command: string }
  /** Through an Azure Bastion, which may be known by its id only. `vmId`: the resource id of the VM; undefined for an address. */
  | { readonly kind: 'bastion'; readonly bastion: Bastion | string; readonly vmId: string | undefined };

/** Jump hosts for VMs without a public address that are in a resource group, have a tag, or both. */
export interface JumpRule {
  readonly resourceGroup: string | undefined;
  /** `KEY` or `KEY=VALUE`. */
  readonly tag: string | undefined;
  /** `[user@]host[:port]`, several separated by commas, or `none`. */
  readonly proxyjump: string;
}

export const DIRECT: Route = { kind: 'direct' };

const HOPS = 'expected [user@]host[:port], several separated by commas, or none';

/**
 * The hosts of `--jump`, `ProxyJump` and the like: `bastion`, `alice@10.0.0.4:2222,inner`, `ssh://…`; `none` is no host at all.
 * Throws `config`, naming `where` the text is.
 */
export function parseHops(text: string, where: string): readonly Hop[] {
  const hops = hopsIn(text);
  if (hops) return hops;
  throw new AppError('config', `Invalid jump host in ${where}: "${text}"`, { hint: HOPS });
}

/** The text, if it names hosts as `parseHops` wants them. Throws an Error that says what was expected. */
export function checkHops(text: string): string {
  if (hopsIn(text)) return text;
  throw new Error(HOPS);
}

function hopsIn(text: string): readonly Hop[] | undefined {
  if (text.toLowerCase() === 'none') return [];
  const hops = text.split(',').map((one) => hopIn(one.trim()));
  return hops.every((hop) => hop !== undefined) ? hops : undefined;
}

// A host is a name, an address, or a VM with its resource group; none may look like an option.
const HOP =
  /^(?:ssh:\/\/)?(?:([^\s/-][^\s/]*)@)?(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([\p{L}\p{N}_(.][\p{L}\p{N}_().-]*(?:\/[\p{L}\p{N}_.-]+)?))(?::(\d+))?\/?$/u;

function hopIn(text: string): Hop | undefined {
  const [, user, bracketed, plain, port] = HOP.exec(text) ?? [];
  const host = bracketed ?? plain;
  const number = port === undefined ? undefined : Number(port);
  const isPort = number === undefined || (number > 0 && number < 65_536);
  return host !== undefined && isPort ? { user, host, port: number } : undefined;
}

/** Whether it leads through the Bastion with this id. */
export function isThrough(route: Route, id: string): boolean {
  if (route.kind !== 'bastion') return false;
  const { bastion } = route;
  return (typeof bastion === 'string' ? bastion : bastion.id).toLowerCase() === id.toLowerCase();
}

/** ` through gateway, inner`; empty for a direct connection, and for a command. */
export function describeWay(route: Route): string {
  if (route.kind === 'jump') return ` through ${route.hops.map(describeHop).join(', ')}`;
  if (route.kind !== 'bastion') return '';
  const { bastion } = route;
  return ` through Bastion ${typeof bastion === 'string' ? bastion.replace(/^.*\//, '') : bastion.name}`;
}

/** The text of a hop, as `parseHops` reads it. */
export function describeHop({ user, host, port }: Hop): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return `${user === undefined ? '' : `${user}@`}${name}${port === undefined ? '' : `:${port}`}`;
}

/** An Azure Bastion host, which gives its users a way to VMs that have no public address. */
export interface Bastion {
  /** Its resource id. */
  readonly id: string;
  readonly name: string;
  /** `Standard` and the like. */
  readonly sku: string;
  /** The host name of its web server, with a port if that is not 443; empty if Azure did not say. */
  readonly dnsName: string;
  /** Whether it lets native clients through. */
  readonly hasTunnels: boolean;
  /** Whether it connects to addresses, too, not only to VMs. */
  readonly hasIpConnect: boolean;
  /** The tenant whose tokens it takes; null for the one that is active. */
  readonly tenant: string | null;
}

/** The Bastions that a VM can be reached through, by where they are. */
export interface NearBastions {
  readonly own: readonly Bastion[];
  /** In networks that are peered with that of the VM. */
  readonly peered: readonly Bastion[];
}

/** What to do about Bastions: use one where a VM has no public address and nothing else leads there, use none, or use the one with this name or id. */
export type BastionChoice = 'auto' | 'never' | { readonly named: string };

/** Its free variant, which serves only its own network. */
export const isDeveloper = ({ sku }: Pick<Bastion, 'sku'>): boolean => /^(developer|quickconnect)$/i.test(sku);

/** Why SSH clients cannot go through it, and the cure; undefined if they can. */
export function withoutTunnels(bastion: Bastion): { readonly problem: string; readonly cure: string } | undefined {
  const { name, sku, dnsName, hasTunnels } = bastion;
  const update = `az network bastion update --name ${name} --resource-group ${groupOf(bastion)}`;
  if (dnsName === '')
    return {
      problem: 'has no host name of Azure, or is not ready',
      cure: `az network bastion show --ids ${bastion.id}`,
    };
  if (isDeveloper(bastion)) return undefined;
  if (!/^(standard|premium)$/i.test(sku))
    return { problem: `has the SKU ${sku}, which has no tunnels`, cure: `${update} --sku Standard --enable-tunneling` };
  if (!hasTunnels) return { problem: 'has tunnels switched off', cure: `${update} --enable-tunneling` };
  return undefined;
}

/** The resource group in a resource id. */
export function groupOf({ id }: Pick<Bastion, 'id'>): string {
  return /\/resourceGroups\/([^/]+)/i.exec(id)?.[1] ?? '';
}

/** Whether a name or an id means it. Azure compares both without case. */
export function isNamed({ id, name }: Bastion, named: string): boolean {
  const wanted = named.toLowerCase();
  return name.toLowerCase() === wanted || id.toLowerCase() === wanted;
}

/** Reads `auto`, `never`, a name or an id. Throws an Error that says what was expected. */
export function readBastionChoice(text: string): BastionChoice {
  if (text === 'auto' || text === 'never') return text;
  if (/^[\w.-]{1,80}$/.test(text) || isBastionId(text)) return { named: text };
  throw new Error('expected auto, never, or the name or id of a Bastion');
}

export const isBastionId = (text: string): boolean =>
  /^\/subscriptions\/[\w-]+\/resourceGroups\/[\p{L}\p{N}_().-]+\/providers\/Microsoft\.Network\/bastionHosts\/[\w.-]+$/iu.test(
    text,
  );
