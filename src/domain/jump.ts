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
  | { readonly kind: 'command'; readonly command: string };

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

/** The text of a hop, as `parseHops` reads it. */
export function describeHop({ user, host, port }: Hop): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return `${user === undefined ? '' : `${user}@`}${name}${port === undefined ? '' : `:${port}`}`;
}
