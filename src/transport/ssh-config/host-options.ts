import { AppError } from '../../domain/errors.ts';
import { matchesPattern, matchesPatterns, type PatternCase } from './patterns.ts';
import type { Block, ConfigEntry, Directive, SshConfig } from './ssh-config.ts';
import { isKnown, type Keyword } from './ssh-keywords.ts';

/** The host that settings are looked up for. */
export interface HostQuery {
  /** Names by which the user may mean it: VM name, `rg/vm`, address; ssh has one name. The first one is `%n`. */
  readonly names: readonly string[];
  /** How `Host` compares names: ssh distinguishes upper and lower case, Azure does not. */
  readonly case: PatternCase;
  /** Its address without these settings; undefined if only they can give one. */
  readonly address: string | undefined;
  /** The user, if something that outranks these settings has already chosen one. */
  readonly user: string | undefined;
  readonly localUser: string;
}

/** What the SSH settings say about a host: the first value of each keyword, or all values of those that add up. */
export interface HostOptions {
  /** The words after the keyword, unchanged; undefined if it is not set. */
  words(keyword: Keyword): readonly string[] | undefined;
  /** The first word. `none` is a value like any other. */
  text(keyword: Keyword): string | undefined;
  /** Throws `config` for anything but yes and no. */
  yes(keyword: Keyword): boolean | undefined;
  /** A whole number that is not negative. Throws `config`. */
  number(keyword: Keyword): number | undefined;
  /** A time as ssh writes it (`90`, `1m30s`), in milliseconds; undefined also for `none`. Throws `config`. */
  time(keyword: Keyword): number | undefined;
  /** Settings that apply to the host but have no effect in azlin, each with its file. */
  readonly unsupported: readonly string[];
  /** The error for a value that is wrong. */
  wrong(keyword: Keyword, expected: string): AppError;
}

const RIVALS: Readonly<Record<string, Keyword>> = { proxyjump: 'proxycommand', proxycommand: 'proxyjump' };

const ADDING_UP: readonly string[] = ['certificatefile', 'identityfile', 'sendenv'];

/** The result of all `SendEnv`: a pattern with a dash removes those before it that it matches. */
export function sentVariables(words: readonly string[]): readonly string[] {
  const isLost = (one: string, at: number) =>
    words.slice(at + 1).some((word) => word.startsWith('-') && matchesPattern(one, word.slice(1), 'exact'));
  return words.filter((word, at) => !word.startsWith('-') && !isLost(word, at));
}

/** Values that describe what azlin does anyway. Saying that such a setting has no effect would help nobody. */
const SETTLED: Readonly<Record<string, readonly string[]>> = {
  passwordauthentication: ['no'],
  kbdinteractiveauthentication: ['no'],
  challengeresponseauthentication: ['no'],
  pubkeyauthentication: ['yes'],
  hostbasedauthentication: ['no'],
  forwardx11: ['no'],
  compression: ['no'],
  updatehostkeys: ['yes'],
  checkhostip: ['no'],
  tcpkeepalive: ['yes'],
  controlmaster: ['no'],
  controlpath: ['none'],
  permitlocalcommand: ['no'],
  canonicalizehostname: ['no'],
  visualhostkey: ['no'],
  requesttty: ['auto'],
  // Ignored whatever their value; stock Debian sets some of them. Host keys are kept under VM ids, which reveal nothing, and azlin signs in with keys.
  hashknownhosts: [],
  gssapiauthentication: [],
  gssapidelegatecredentials: [],
  ignoreunknown: [],
};

interface Found {
  readonly values: Map<string, { readonly words: readonly string[]; readonly directive: Directive }>;
  readonly unsupported: Set<string>;
  readonly query: HostQuery;
}

/** What the settings say about a host. */
export function hostOptions({ entries }: SshConfig, query: HostQuery): HostOptions {
  const found: Found = { values: new Map(), unsupported: new Set(), query };
  collect(entries, found);
  const { values } = found;
  const text = (keyword: Keyword) => values.get(keyword)?.words[0];
  const wrong = (keyword: Keyword, expected: string) => {
    const { directive } = values.get(keyword) ?? {};
    const said = `${directive?.written} ${directive?.words.join(' ')}`;
    return new AppError('config', `${directive?.path}: "${said}": expected ${expected}`);
  };
  return {
    words: (keyword) => values.get(keyword)?.words,
    text,
    yes(keyword) {
      const said = text(keyword)?.toLowerCase();
      if (said === undefined) return undefined;
      if (said === 'yes' || said === 'true') return true;
      if (said === 'no' || said === 'false') return false;
      throw wrong(keyword, 'yes or no');
    },
    number(keyword) {
      const said = text(keyword);
      if (said === undefined) return undefined;
      if (/^\d{1,9}$/.test(said)) return Number(said);
      throw wrong(keyword, 'a number');
    },
    time(keyword) {
      const said = text(keyword)?.toLowerCase();
      if (said === undefined || said === 'none') return undefined;
      const parts = [...said.matchAll(/(\d{1,9})([smhdw]?)/g)];
      if (parts.map(([part]) => part).join('') !== said || said === '') throw wrong(keyword, 'a time: 90, 1m30s, none');
      return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit || 's'] ?? 0), 0);
    },
    unsupported: [...found.unsupported],
    wrong,
  };
}

/** What the user may want to know about settings that azlin does not follow. */
export function notesOf(options: HostOptions): readonly string[] {
  const checking = options.text('stricthostkeychecking')?.toLowerCase();
  const isOff = checking !== undefined && ['no', 'false', 'off'].includes(checking);
  return [
    ...options.unsupported.map((what) => `ssh_config: ${what} is not supported by azlin and has no effect`),
    ...(isOff ? ['ssh_config: StrictHostKeyChecking no: azlin keeps new keys, and still refuses changed ones'] : []),
  ];
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Whether the settings use this keyword, given in lower case, for any host. */
export function mentions({ entries }: Pick<SshConfig, 'entries'>, keyword: string): boolean {
  return entries.some((entry) => (entry.kind === 'set' ? entry.keyword === keyword : mentions(entry, keyword)));
}

function collect(entries: readonly ConfigEntry[], found: Found): void {
  for (const entry of entries) {
    if (entry.kind === 'set') take(entry, found);
    else if (applies(entry, found)) collect(entry.entries, found);
  }
}

function take(directive: Directive, { values, unsupported }: Found): void {
  const { keyword, words, written, path } = directive;
  if (!isKnown(keyword)) {
    const harmless = SETTLED[keyword];
    const isSettled = harmless && (harmless.length === 0 || harmless.includes(words[0]?.toLowerCase() ?? ''));
    if (!isSettled) unsupported.add(`${written} (${path})`);
    return;
  }
  const known = values.get(keyword);
  // ProxyJump and ProxyCommand exclude each other: the first one counts. But `ProxyJump none` excludes nothing.
  const rival = RIVALS[keyword];
  const rivalling = rival && values.get(rival)?.words[0]?.toLowerCase();
  if (rivalling !== undefined && !(rival === 'proxyjump' && rivalling === 'none')) return;
  if (!known) values.set(keyword, { words, directive });
  else if (ADDING_UP.includes(keyword)) {
    const all = [...known.words, ...words];
    values.set(keyword, { words: keyword === 'sendenv' ? all : [...new Set(all)], directive });
  }
}

function applies({ when, words, path }: Block, found: Found): boolean {
  if (when === 'always') return true;
  if (when === 'host') return matchesPatterns(found.query.names, words, found.query.case);
  const criteria = criteriaOf(words);
  return criteria.every(({ name, negated, value }) => {
    const holds = criterionHolds(name, value, found);
    if (holds === undefined) {
      found.unsupported.add(`Match ${name} (${path})`);
      return false;
    }
    return holds !== negated;
  });
}

interface Criterion {
  readonly name: string;
  readonly negated: boolean;
  readonly value: string;
}

const WITHOUT_VALUE = ['all', 'canonical', 'final'];

function criteriaOf(words: readonly string[]): readonly Criterion[] {
  const criteria: Criterion[] = [];
  const left = [...words];
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    const negated = word.startsWith('!');
    const name = word.slice(negated ? 1 : 0).toLowerCase();
    criteria.push({ name, negated, value: WITHOUT_VALUE.includes(name) ? '' : (left.shift() ?? '') });
  }
  return criteria;
}

/** Undefined for a criterion that is not supported. The settings below it are then not used. */
function criterionHolds(name: string, value: string, { query, values }: Found): boolean | undefined {
  const patterns = value.split(',');
  const said = (keyword: Keyword) => values.get(keyword)?.words[0];
  switch (name) {
    case 'all':
      return true;
    case 'host': {
      const hostName = said('hostname')?.replace(/%[hn]/g, query.names[0] ?? '');
      return matchesPatterns(hostName === undefined ? [...query.names, query.address ?? ''] : [hostName], patterns);
    }
    case 'originalhost':
      return matchesPatterns(query.names, patterns);
    case 'user':
      return matchesPatterns([query.user ?? said('user') ?? query.localUser], patterns, 'exact');
    case 'localuser':
      return matchesPatterns([query.localUser], patterns, 'exact');
    default:
      return undefined;
  }
}
