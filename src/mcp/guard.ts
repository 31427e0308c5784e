import { AppError } from '../domain/errors.ts';
import { namePattern } from '../targets/pattern.ts';

/** What agents may do, as the settings say. A rule is a text of words that must all hold: a pattern of tools (`ssh_vm_*`), a tag (`tag:env=prod`), a pattern of VMs or of vm:session. */
export interface GuardRules {
  /** Only tools that change nothing. */
  readonly isReadOnly: boolean;
  /** Unless it is empty, only what one of these means. */
  readonly allow: readonly string[];
  /** A person is asked first. */
  readonly confirm: readonly string[];
  readonly deny: readonly string[];
}

/** What a call is about; without a place for what concerns no VM. */
export interface GuardSubject {
  readonly tool: string;
  readonly place?: GuardPlace | undefined;
}

export interface GuardPlace {
  readonly hostname: string;
  /** Empty for the VM itself. */
  readonly session: string;
  readonly tags: Readonly<Record<string, string>>;
}

export type GuardVerdict =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'confirm'; readonly rule: string }
  | { readonly kind: 'denied'; readonly why: string };

interface Rule {
  readonly text: string;
  matchesTool(tool: string): boolean;
  /** Whether it says nothing about places. */
  readonly isForAllPlaces: boolean;
  matchesPlace(place: GuardPlace): boolean;
}

/** Judges calls. Throws `config` for a rule that makes no sense. */
export function guardBy({ allow, confirm, deny }: GuardRules): (subject: GuardSubject) => GuardVerdict {
  const [allowed, asked, denied] = [allow, confirm, deny].map((rules) => rules.map(ruleIn)) as [Rule[], Rule[], Rule[]];
  return ({ tool, place }) => {
    const holds = (rule: Rule) =>
      rule.matchesTool(tool) && (rule.isForAllPlaces || (place !== undefined && rule.matchesPlace(place)));
    const no = denied.find(holds);
    if (no) return { kind: 'denied', why: `mcp.deny has "${no.text}"` };
    // Before the place is known, a tool is not ruled out that may be allowed there.
    const isAllowed = (rule: Rule) => (place === undefined ? rule.matchesTool(tool) : holds(rule));
    const ask = asked.find(holds);
    if (
      allowed.length > 0 &&
      !allowed.some(isAllowed) &&
      !(place === undefined ? asked.some((one) => one.matchesTool(tool)) : ask)
    )
      return { kind: 'denied', why: 'mcp.allow has no rule for it' };
    return ask ? { kind: 'confirm', rule: ask.text } : { kind: 'allowed' };
  };
}

function ruleIn(text: string): Rule {
  const words = text.trim().split(/\s+/);
  if (words[0] === '') throw new AppError('config', 'A rule of mcp.allow, mcp.confirm or mcp.deny is empty');
  const tools = words.filter((word) => word.startsWith('ssh_')).map((word) => namePattern(word, { ignoreCase: false }));
  const tags = words.filter((word) => word.startsWith('tag:')).map((word) => word.slice(4));
  const places = words.filter((word) => !word.startsWith('ssh_') && !word.startsWith('tag:')).map(placePattern);
  return {
    text,
    matchesTool: (tool) => tools.every((matches) => matches(tool)),
    isForAllPlaces: tags.length + places.length === 0,
    matchesPlace: (place) => tags.every((tag) => hasTag(place.tags, tag)) && places.every((matches) => matches(place)),
  };
}

/** As in `--tag`: Azure does not tell the case of keys apart. */
function hasTag(tags: GuardPlace['tags'], tag: string): boolean {
  const at = tag.indexOf('=');
  const key = (at < 0 ? tag : tag.slice(0, at)).toLowerCase();
  return Object.entries(tags).some(
    ([own, value]) => own.toLowerCase() === key && (at < 0 || value === tag.slice(at + 1)),
  );
}

function placePattern(word: string): (place: GuardPlace) => boolean {
  const [host = '', session, ...more] = word.split(':');
  if (host === '' || more.length > 0)
    throw new AppError('config', `"${word}" is not a pattern of VMs or of vm:session`, {
      hint: 'rules of mcp.allow, mcp.confirm and mcp.deny have patterns of tools (ssh_*), tag:KEY=VALUE, VM and VM:SESSION',
    });
  const isHost = namePattern(host, { ignoreCase: true });
  const isSession = session === undefined ? () => true : namePattern(session, { ignoreCase: false });
  // A VM is also known by its name alone where a resource group stands before it.
  return (place) => (isHost(place.hostname) || isHost(place.hostname.replace(/^.*\//, ''))) && isSession(place.session);
}
