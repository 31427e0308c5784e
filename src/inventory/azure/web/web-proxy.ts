import { BlockList, isIP } from 'node:net';
import { AppError } from '../../../domain/errors.ts';
import { keepSecret } from '../../../domain/secrets.ts';
import { printable } from '../../../domain/text.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A proxy that requests go through. */
export interface WebProxy {
  readonly url: URL;
  /** The variable that names it. */
  readonly variable: string;
  /** For people, without a password. */
  readonly shown: string;
}

const SCHEMES = ['http', 'https', 'socks', 'socks4', 'socks4a', 'socks5', 'socks5h'];

/** Whether this is where a machine asks who it is. Only the machine itself can reach it, and what is asked and answered there is secret. */
function isOfTheMachine({ hostname, port, origin }: URL, environment: Environment): boolean {
  if (['169.254.169.254', '168.63.129.16'].includes(hostname)) return true;
  if (port === ARC && ['localhost', '127.0.0.1'].includes(hostname)) return true;
  return ['IDENTITY_ENDPOINT', 'MSI_ENDPOINT', 'IMDS_ENDPOINT'].some((name) => {
    const text = environment[name] ?? '';
    return URL.canParse(text) && new URL(text).origin === origin;
  });
}

/** The port of Azure Arc's agent. */
const ARC = '40342';

/**
 * The proxy for an address, read from the environment as curl does; undefined for none. A variable in lower case outranks one in upper case, and an empty
 * one does not count. Throws `config` if the value is not a proxy.
 */
export function proxyFor(target: URL, environment: Environment): WebProxy | undefined {
  const kind = target.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const variable = [kind, kind.toUpperCase(), 'all_proxy', 'ALL_PROXY'].find((name) => environment[name]);
  if (variable === undefined || isOfTheMachine(target, environment)) return undefined;
  if (isExempt(target, environment['no_proxy'] || environment['NO_PROXY'] || '')) return undefined;
  return parseProxy(environment[variable] ?? '', variable);
}

function parseProxy(text: string, variable: string): WebProxy {
  const withScheme = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  const scheme = url?.protocol.slice(0, -1) ?? '';
  if (!url || !SCHEMES.includes(scheme) || url.hostname === '') {
    const shown = printable(text.replace(/^([^/]*:\/\/)?.*@/, '$1***@'));
    throw new AppError('config', `${variable} is not the address of a proxy: "${shown}"`, {
      hint: `for example ${variable}=http://proxy.example:3128; azlin supports ${SCHEMES.map((one) => `${one}://`).join(', ')}`,
    });
  }
  if (url.password !== '') {
    keepSecret(url.password);
    keepSecret(decoded(url.password));
  }
  return { url, variable, shown: `${scheme}://${url.host}` };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Whether NO_PROXY names the address. Its entries are `*`, a name (which also covers its subdomains), an address, or a network (`10.0.0.0/8`). A port after
 * an entry limits it to that port.
 */
export function isExempt(target: URL, list: string): boolean {
  const host = target.hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
  const port = target.port || (target.protocol === 'https:' ? '443' : '80');
  return list.split(/[\s,]+/).some((word) => {
    if (word === '' || word === '*') return word === '*';
    const [, bracketed, named = word, its] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(word) ?? [];
    if (its !== undefined && its !== port) return false;
    const pattern = (bracketed ?? named).toLowerCase();
    return isIP(host) ? isInNetwork(host, pattern) : isBelow(host, pattern);
  });
}

function isBelow(host: string, pattern: string): boolean {
  const name = pattern.replace(/^\*?\./, '').replace(/\.$/, '');
  return name !== '' && (host === name || host.endsWith(`.${name}`));
}

function isInNetwork(address: string, pattern: string): boolean {
  const [network = '', bits, more] = pattern.split('/');
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  if (more !== undefined || isIP(network) !== isIP(address)) return false;
  const most = family === 'ipv6' ? 128 : 32;
  const prefix = bits === undefined ? most : /^\d+$/.test(bits) ? Number(bits) : Number.NaN;
  if (!(prefix <= most)) return false;
  const networks = new BlockList();
  networks.addSubnet(network, prefix, family);
  return networks.check(address, family);
}
