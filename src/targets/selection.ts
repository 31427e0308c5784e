import { AppError } from '../domain/errors.ts';
import { isSessionId, sessionNameProblem } from '../domain/session.ts';
import { splitOutside } from '../domain/split-outside.ts';
import { isPattern, unescaped } from './pattern.ts';

/** What the user typed for many targets: identifiers and patterns, separated by commas. */
export type SelectionPart =
  /** An ordinary identifier. */
  { readonly kind: 'identifier'; readonly text: string } | PatternPart;

/** `web-*:main`: sessions of the VMs that match. */
export interface PatternPart {
  readonly kind: 'pattern';
  readonly text: string;
  readonly user: string | undefined;
  /** A pattern for the resource group; undefined for any. */
  readonly resourceGroup: string | undefined;
  /** A pattern for the VM's name. */
  readonly host: string;
  /** Undefined for the default session. */
  readonly session: SessionChoice | undefined;
}

export type SessionChoice =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'pattern'; readonly pattern: string };

// An address in brackets is not a pattern.
const IPV6 = /^(?:[^[\]]*@)?\[[0-9a-fA-F.]*:[0-9a-fA-F:.]*(?:%[\w.-]+)?\]/;

/** Splits `web-1:main,web-*:api` into its parts. Throws `invalid-identifier`. */
export function parseSelection(text: string): readonly SelectionPart[] {
  return splitOutside(text, ',').map((part) => {
    const trimmed = part.trim();
    if (trimmed === '')
      throw new AppError('invalid-identifier', `Invalid list "${text}": one of its identifiers is empty`, {
        hint: 'for example web-1:main,web-2:api; put a backslash before a comma in a name',
      });
    return IPV6.test(trimmed) || !isPattern(trimmed)
      ? { kind: 'identifier', text: unescaped(trimmed) }
      : parsePattern(trimmed);
  });
}

/** The identifier, if the text is a single one; undefined for lists and patterns. */
export function singleIdentifier(text: string): string | undefined {
  if (IPV6.test(text) && !text.includes(',')) return text;
  if (splitOutside(text, ',').length > 1 || isPattern(text)) return undefined;
  return unescaped(text);
}

/** A session by its name or by a pattern. Throws `invalid-identifier`. */
export function sessionChoice(text: string, whole: string): SessionChoice {
  if (isPattern(text)) return { kind: 'pattern', pattern: text };
  const name = unescaped(text);
  const problem = isSessionId(name) ? undefined : sessionNameProblem(name);
  if (problem === undefined) return { kind: 'name', name };
  throw new AppError('invalid-identifier', `Invalid session name "${name}" in "${whole}": ${problem}`);
}

function parsePattern(text: string): PatternPart {
  const [place = '', session, ...others] = splitOutside(text, ':');
  if (others.length > 0 || place === '' || session === '')
    throw new AppError('invalid-identifier', `Invalid pattern "${text}": expected hostname:session_name`, {
      hint: "for example 'web-*:main', '*:deploy', 'web-*' for the default session of each",
    });
  const at = place.lastIndexOf('@');
  const parts = splitOutside(place.slice(at + 1), '/');
  if (parts.length > 2 || parts.includes(''))
    throw new AppError('invalid-identifier', `Invalid pattern "${text}": expected resource-group/vm before the colon`);
  return {
    kind: 'pattern',
    text,
    user: at < 0 ? undefined : unescaped(place.slice(0, at)),
    resourceGroup: parts.length === 2 ? parts[0] : undefined,
    host: parts.at(-1) ?? '',
    session: session === undefined ? undefined : sessionChoice(session, text),
  };
}
