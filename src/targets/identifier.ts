import { isIPv4, isIPv6 } from 'node:net';
import { AppError } from '../domain/errors.ts';
import { isSessionId, sessionNameProblem } from '../domain/session.ts';

export type HostRef =
  | {
      readonly kind: 'vm';
      readonly resourceGroup: string | undefined;
      readonly name: string;
      readonly user: string | undefined;
    }
  | { readonly kind: 'address'; readonly address: string; readonly user: string | undefined };

/** What the user typed, before anything is looked up. */
export type Identifier =
  /** `host:session`. */
  | { readonly kind: 'compound'; readonly host: HostRef; readonly session: string }
  /** No colon: a session's name or a host, and possibly either until it is looked up. At least one of the two is set. */
  | { readonly kind: 'bare'; readonly session: string | undefined; readonly host: HostRef | undefined };

const VM_NAME = /^[\p{L}\p{N}_](?:[\p{L}\p{N}_.-]{0,78}[\p{L}\p{N}_])?$/u;
const RESOURCE_GROUP = /^[\p{L}\p{N}_().-]{1,90}$/u;
// May contain an @, as names in Entra ID do, or a domain before a backslash, as names in Active Directory do. No shell sees it, but a leading dash is refused,
// because it has no good meaning anywhere.
const USER = /^[\p{L}\p{N}_][^\s:/[\]]*$/u;

/** `[user@]host[:session] | session`. Throws `invalid-identifier`. */
export function parseIdentifier(text: string): Identifier {
  const bracketed = /^(?:(.+)@)?\[([^\]]*)\](?::(.*))?$/s.exec(text);
  if (bracketed) return parseBracketed(text, bracketed);
  const parts = text.split(':');
  const [first = '', session] = parts;
  if (session === undefined) return parseBare(text);
  const host = parseHost(first);
  if (parts.length > 2 || !host) throw invalidCompound(text, ipv6Hint(text) ?? patternHint(text));
  return { kind: 'compound', host, session: checkedSession(text, session) };
}

/** The text that parses into this identifier. */
export function formatIdentifier(identifier: Identifier): string {
  if (identifier.kind === 'compound') return `${formatHost(identifier.host)}:${identifier.session}`;
  return identifier.session ?? (identifier.host ? formatHost(identifier.host) : '');
}

function formatHost(host: HostRef): string {
  const user = host.user === undefined ? '' : `${host.user}@`;
  if (host.kind === 'address') return `${user}${isIPv6(host.address) ? `[${host.address}]` : host.address}`;
  return `${user}${host.resourceGroup === undefined ? '' : `${host.resourceGroup}/`}${host.name}`;
}

function parseBracketed(text: string, [, user, address = '', session]: RegExpExecArray): Identifier {
  if (!isIPv6(address) || (user !== undefined && !USER.test(user)))
    throw new AppError('invalid-identifier', `Invalid address in "${text}"`, {
      hint: 'for example [2001:db8::4]:session',
    });
  const host: HostRef = { kind: 'address', address, user };
  if (session === undefined) return { kind: 'bare', session: undefined, host };
  return { kind: 'compound', host, session: checkedSession(text, session) };
}

function parseBare(text: string): Identifier {
  const host = parseHost(text);
  if (host?.kind === 'address') return { kind: 'bare', session: undefined, host };
  const session = sessionNameProblem(text) === undefined ? text : undefined;
  if (session !== undefined || host) return { kind: 'bare', session, host };
  throw new AppError('invalid-identifier', `Invalid identifier "${text}": ${sessionNameProblem(text)}`, {
    hint: patternHint(text) ?? 'name a session, a VM, or vm:session',
  });
}

function parseHost(text: string): HostRef | undefined {
  const at = text.lastIndexOf('@');
  const user = at < 0 ? undefined : text.slice(0, at);
  if (user !== undefined && !USER.test(user)) return undefined;
  const rest = text.slice(at + 1);
  if (isIPv4(rest)) return { kind: 'address', address: rest, user };
  const parts = rest.split('/');
  const name = parts.at(-1) ?? '';
  const resourceGroup = parts.length === 2 ? parts[0] : undefined;
  if (parts.length > 2 || !VM_NAME.test(name)) return undefined;
  if (resourceGroup !== undefined && !RESOURCE_GROUP.test(resourceGroup)) return undefined;
  return { kind: 'vm', resourceGroup, name, user };
}

/** Checks the name of a session. tmux's own id is accepted, too: `vm:$3`. */
function checkedSession(text: string, session: string): string {
  if (isSessionId(session)) return session;
  const problem = sessionNameProblem(session);
  if (problem === undefined) return session;
  throw invalidCompound(text, `invalid session name: ${problem}`);
}

function invalidCompound(text: string, hint: string | undefined): AppError {
  return new AppError('invalid-identifier', `Invalid compound name "${text}": expected hostname:session_name`, {
    hint,
  });
}

/** A pattern only gets this far where a single target is wanted. */
function patternHint(text: string): string | undefined {
  return /[*?,]/.test(text)
    ? 'only one target is possible here; exec, run, send, disconnect and session take many'
    : undefined;
}

function ipv6Hint(text: string): string | undefined {
  const address = /^[0-9a-f:.]+$/i.exec(text)?.[0];
  return address && isIPv6(address) ? `put an IPv6 address in brackets: [${address}]` : undefined;
}
