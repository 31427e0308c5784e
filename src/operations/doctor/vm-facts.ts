import type { ErrorCode } from '../../domain/errors.ts';
import { printable, shorten } from '../../domain/text.ts';
import { OLDEST_TMUX } from '../../tmux/status-error.ts';
import type { RemoteProcess } from '../../transport/transport.ts';
import type { Check } from './findings.ts';

/** What azlin needs to know about a VM. A text is empty if there is nothing to say. */
export interface VmFacts {
  readonly shell: string;
  /** The output of `tmux -V`: `tmux 3.3a`. */
  readonly tmux: string;
  /** The path of tmux, if only login shells have it on their PATH. */
  readonly tmuxPath: string;
  readonly locale: string;
  readonly charmap: string;
  /** Whether systemd ends a user's processes at logout; undefined if systemd does not manage logins. */
  readonly killsProcesses: boolean | undefined;
  /** Whether the user's processes may stay even so. */
  readonly lingers: boolean;
  /** What the login shell printed. */
  readonly noise: string;
}

/** Characters; no real answer is this long. */
const MOST = 64 * 1024;

/** Reads what remote/facts.sh prints. Rejects with an AppError when the connection is lost before it has ended. */
export async function readVmFacts(remote: RemoteProcess): Promise<VmFacts> {
  remote.stderr.resume();
  let text = '';
  for await (const chunk of remote.stdout) if (text.length < MOST) text += (chunk as Buffer).toString('utf8');
  const exit = await remote.exit;
  if (exit.kind === 'lost') throw exit.cause;
  return { ...vmFactsIn(text), noise: remote.noise() };
}

/** Parses the lines that the script prints. */
export function vmFactsIn(text: string): Omit<VmFacts, 'noise'> {
  const said = new Map(
    text.split('\n').map((line) => {
      const at = line.indexOf(' ');
      return [line.slice(0, at), line.slice(at + 1).trim()] as const;
    }),
  );
  const kill = said.get('kill');
  return {
    shell: said.get('shell') ?? '',
    tmux: said.get('tmux') ?? '',
    tmuxPath: said.get('tmux-path') ?? '',
    locale: said.get('locale') ?? '',
    charmap: said.get('charmap') ?? '',
    killsProcesses: kill === undefined ? undefined : /true|=\s*(yes|1|on)/i.test(kill),
    lingers: /=\s*yes/i.test(said.get('linger') ?? ''),
  };
}

export interface Seen {
  readonly label: string;
  /** For people: how long the answer took. */
  readonly took: string;
}

/** Says which facts about a VM are fine, and what to do about the others. */
export function judgeVmFacts(facts: VmFacts, seen: Seen): readonly Check[] {
  return [judgeShell(facts, seen), judgeTmux(facts, seen), judgeLocale(facts), judgeLingering(facts)];
}

const good = (check: string, found: string): Check => ({ check, status: 'ok', found, advice: null, code: null });
const doubtful = (check: string, found: string, advice: string): Check => ({
  check,
  status: 'warning',
  found,
  advice,
  code: null,
});

function judgeShell({ shell, noise }: VmFacts, { took }: Seen): Check {
  const said = shorten(printable(noise.replace(/\s+/g, ' ')), 120);
  const found = `${printable(shell)}, answers in ${took}`;
  if (said === '') return good('shell', found);
  const advice = 'azlin ignores it, but it breaks scp, rsync and others: print only when [ -t 1 ]';
  return doubtful('shell', `${found}, and prints: "${said}"`, advice);
}

function judgeTmux({ tmux, tmuxPath }: VmFacts, { label }: Seen): Check {
  const advice = 'sudo apt-get install tmux, or the same with its package manager';
  const failed = (found: string, code: ErrorCode): Check => ({ check: 'tmux', status: 'failed', found, advice, code });
  if (tmux === '') return failed(`tmux is not installed on "${label}"`, 'tmux-missing');
  if (isOld(tmux)) return failed(`${printable(tmux)} is too old: azlin needs ${OLDEST_TMUX} or newer`, 'tmux-failed');
  if (tmuxPath === '') return good('tmux', printable(tmux));
  const found = `${printable(tmux)} in ${printable(tmuxPath)}, which only login shells have on PATH`;
  return doubtful('tmux', found, 'azlin finds it, but more slowly: set PATH in .bashrc, .zshenv or /etc/environment');
}

function isOld(tmux: string): boolean {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(tmux) ?? [];
  const [oldMajor = 0, oldMinor = 0] = OLDEST_TMUX.split('.').map(Number);
  if (major === undefined) return false;
  return Number(major) < oldMajor || (Number(major) === oldMajor && Number(minor) < oldMinor);
}

function judgeLocale({ charmap, locale }: VmFacts): Check {
  const found = printable(`${locale || 'none set'}${charmap ? ` (${charmap})` : ''}`);
  if (/utf-?8/i.test(charmap || locale)) return good('locale', found);
  const advice = 'programs may garble everything but ASCII: set LANG=C.UTF-8 in /etc/default/locale there';
  return doubtful('locale', found, advice);
}

function judgeLingering({ killsProcesses, lingers }: VmFacts): Check {
  if (killsProcesses === undefined)
    return good('lingering', 'sessions survive logout: there is no systemd to end them');
  if (!killsProcesses) return good('lingering', 'sessions survive logout (KillUserProcesses=no)');
  if (lingers) return good('lingering', 'sessions survive logout: lingering is enabled (KillUserProcesses=yes)');
  const found = 'KillUserProcesses=yes: systemd ends all sessions when you log out';
  return doubtful('lingering', found, 'on the VM: sudo loginctl enable-linger "$USER"');
}
