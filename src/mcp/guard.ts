import { AppError } from '../domain/errors.ts';
import type { Vm } from '../domain/vm.ts';
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
  /** What azlin calls the VM; an address that no VM in scope has, where `vm` is null. */
  readonly hostname: string;
  /** Empty for the VM itself. */
  readonly session: string;
  readonly vm: GuardedVm | null;
}
export type GuardedVm = Pick<Vm, 'name' | 'resourceGroup' | 'tags'>;

export type GuardVerdict =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'confirm'; readonly rule: string }
  | { readonly kind: 'denied'; readonly why: string };

interface Rule {
  readonly text: string;
  matchesTool(tool: string): boolean;
  /** Whether it says nothing about places. */
  readonly isForAllPlaces: boolean;
  readonly isAboutSessions: boolean;
  /** `ifUnknown`: whether what it says about VMs holds for an address that no VM in scope has. */
  matchesPlace(place: GuardPlace, ifUnknown: boolean): boolean;
}

export interface Guard {
  judge(subject: GuardSubject): GuardVerdict;
  /** Whether some rule is about sessions: then it has to be known which one a call really reaches. */
  readonly isAboutSessions: boolean;
}

/** Judges calls of the tools with these names. Throws `config` for a rule that makes no sense. */
export function guardBy({ allow, confirm, deny }: GuardRules, tools: readonly string[]): Guard {
  const [allowed, asked, denied] = [allow, confirm, deny].map((rules) => rules.map((text) => ruleIn(text, tools))) as [
    Rule[],
    Rule[],
    Rule[],
  ];
  const isAboutSessions = [...allowed, ...asked, ...denied].some((rule) => rule.isAboutSessions);
  const judge: Guard['judge'] = ({ tool, place }) => {
    const holds = (rule: Rule, ifUnknown = true) =>
      rule.matchesTool(tool) && (rule.isForAllPlaces || (place !== undefined && rule.matchesPlace(place, ifUnknown)));
    const no = denied.find((rule) => holds(rule));
    if (no) {
      const isUnknown = place?.vm === null && !no.isForAllPlaces;
      const which = isUnknown ? `, and no VM in scope is known to have that address` : '';
      return { kind: 'denied', why: `mcp.deny has "${no.text}"${which}` };
    }
    // Before the place is known, a tool is not ruled out that may be allowed there.
    const isAllowed = (rule: Rule) => (place === undefined ? rule.matchesTool(tool) : holds(rule, false));
    const ask = asked.find((rule) => holds(rule));
    if (
      allowed.length > 0 &&
      !allowed.some(isAllowed) &&
      !(place === undefined ? asked.some((one) => one.matchesTool(tool)) : ask)
    )
      return { kind: 'denied', why: 'mcp.allow has no rule for it' };
    return ask ? { kind: 'confirm', rule: ask.text } : { kind: 'allowed' };
  };
  return { judge, isAboutSessions };
}

function ruleIn(text: string, known: readonly string[]): Rule {
  const words = text.trim().split(/\s+/);
  if (words[0] === '') throw new AppError('config', 'A rule of mcp.allow, mcp.confirm or mcp.deny is empty');
  const toolWords = words.filter((word) => word.startsWith('ssh_'));
  const tools = toolWords.map((word) => namePattern(word, { ignoreCase: false }));
  const wrong = toolWords.find((_word, at) => !known.some((tool) => tools[at]?.(tool)));
  if (wrong)
    throw new AppError(
      'config',
      `No tool of azlin mcp is called "${wrong}", as a rule of mcp.allow, mcp.confirm or mcp.deny says`,
      {
        hint: `tools: ${known.join(', ')}`,
      },
    );
  const tags = words.filter((word) => word.startsWith('tag:')).map((word) => word.slice(4));
  const placeWords = words.filter((word) => !word.startsWith('ssh_') && !word.startsWith('tag:'));
  const places = placeWords.map(placePattern);
  return {
    text,
    matchesTool: (tool) => tools.every((matches) => matches(tool)),
    isForAllPlaces: tags.length + places.length === 0,
    isAboutSessions: placeWords.some((word) => word.includes(':')),
    matchesPlace: (place, ifUnknown) =>
      tags.every((tag) => (place.vm ? hasTag(place.vm.tags, tag) : ifUnknown)) &&
      places.every((matches) => matches(place, ifUnknown)),
  };
}

/** As in `--tag`: Azure does not tell the case of keys apart. */
function hasTag(tags: GuardedVm['tags'], tag: string): boolean {
  const at = tag.indexOf('=');
  const key = (at < 0 ? tag : tag.slice(0, at)).toLowerCase();
  return Object.entries(tags).some(
    ([own, value]) => own.toLowerCase() === key && (at < 0 || value === tag.slice(at + 1)),
  );
}

function placePattern(word: string): Rule['matchesPlace'] {
  const [host = '', session, ...more] = word.split(':');
  if (host === '' || more.length > 0)
    throw new AppError('config', `"${word}" is not a pattern of VMs or of vm:session`, {
      hint: 'rules of mcp.allow, mcp.confirm and mcp.deny have patterns of tools (ssh_*), tag:KEY=VALUE, VM and VM:SESSION',
    });
  const isHost = namePattern(host, { ignoreCase: true });
  const isSession = session === undefined ? () => true : namePattern(session, { ignoreCase: false });
  // A VM goes by its name alone, and by that with its resource group.
  const isVm = ({ hostname, vm }: GuardPlace, ifUnknown: boolean) =>
    vm ? isHost(vm.name) || isHost(`${vm.resourceGroup}/${vm.name}`) : isHost(hostname) || ifUnknown;
  return (place, ifUnknown) => isVm(place, ifUnknown) && isSession(place.session);
}
