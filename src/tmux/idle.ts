import type { RunScript } from '../domain/remote-script.ts';
import { clientName, type Session } from '../domain/session.ts';
import { printable, shorten } from '../domain/text.ts';
import { remoteScript } from '../remote/remote-script.ts';
import { partingWords } from './attach.ts';
import { groupsOf, parseClients, parseList } from './rows.ts';
import { parseStatus } from './status.ts';
import { statusError } from './status-error.ts';

/** A session and what it does. */
export interface IdleSession extends Session {
  /** What the VM says about it, word for word. It changes when something happens in the session. */
  readonly stamp: string;
  /** Seconds since somebody typed there or attached, or something was printed in one of its windows. */
  readonly idle: number;
  /** What runs in one of its panes, apart from a shell that waits; null for nothing. */
  readonly runs: string | null;
  /** Seconds since the session is no longer needed, as set with `azlin session --ttl`; negative before that, null if nothing was set. */
  readonly overdue: number | null;
}

const SHELL = /^-?(?:ba|z|fi|k|mk|pdk|da|a|tc|c|r|ya|x|el|o)?sh$|^nu$|^pwsh$/;

/** Every session of a tmux server and what it does. Rejects with an AppError. `host`: what messages call the VM. */
export async function idleSessions(run: RunScript, host: string, signal: AbortSignal): Promise<readonly IdleSession[]> {
  const { stdout } = await run(remoteScript('tmux/idle'), signal);
  const status = parseStatus(stdout);
  if (status.kind !== 'ok') throw statusError(status, host, '');
  const { text, words } = status;
  const now = Number(words[0]);
  const below = new Map([...text.matchAll(/^below:(\d+):(.*)$/gm)].map(([, pid, comm = '']) => [pid, comm]));
  const facts = factsIn(text);
  const watched = parseClients(text, now);
  const groups = groupsOf(text);
  return parseList(text, now).sessions.flatMap((session) => {
    const { id } = session;
    const { panes: its, lines } = facts.get(id) ?? { panes: [], lines: [] };
    // A session without panes ended while the VM was being asked.
    if (its.length === 0) return [];
    const active = Math.max(session.activityAt, ...its.flatMap((pane) => [Number(pane[2]), Number(pane[3])]));
    const runs = its.map(([, , , , pid, isDead, command = '']) =>
      isDead === '1' ? null : SHELL.test(command) ? (below.get(pid ?? '') ?? null) : command,
    );
    // Unlike a list, this knows what was printed in each window.
    const expiresAt = session.idleTtl === null ? session.expiresAt : active + session.idleTtl;
    const overdue = expiresAt === null ? null : now - expiresAt;
    // Clients of its views have it open, too.
    const clients = watched.filter(({ group }) => group === groups.get(id)).map(clientName);
    return [
      {
        ...session,
        expiresAt,
        stamp: lines.join('\n'),
        clients,
        attached: clients.length,
        idle: Math.max(0, now - active),
        runs: described(runs),
        overdue,
      },
    ];
  });
}

interface Facts {
  readonly panes: RegExpExecArray[];
  /** As the VM printed them. */
  readonly lines: string[];
}

/** By the id of the session. */
function factsIn(text: string): ReadonlyMap<string, Facts> {
  const facts = new Map<string, Facts>();
  let current: Facts | undefined;
  for (const line of text.split('\n')) {
    const pane = /^pane:(\$\d+):\d+:(\d+):(\d+):(\d+):([01]):[^:]*:(?:idle)?\d*:(.*)$/.exec(line);
    if (pane) {
      const [, id = ''] = pane;
      current = facts.get(id) ?? { panes: [], lines: [] };
      facts.set(id, current);
      current.panes.push(pane);
    }
    if (pane || line.startsWith('below:')) current?.lines.push(line);
  }
  return facts;
}

function described(runs: readonly (string | null)[]): string | null {
  const first = runs.find((one) => one !== null) ?? null;
  if (first === null) return null;
  return shorten(printable(first), 40).replace(/^\??$/, 'something unknown');
}

export interface Closing {
  readonly session: Pick<IdleSession, 'id' | 'createdAt' | 'stamp'>;
  /** End it whatever it does by now. */
  readonly force: boolean;
  /** Who ends it; its clients are told. */
  readonly by: string;
}

/** Ends a session if it still does nothing; resolves to false if something has happened there. Rejects with an AppError. */
export async function closeSession(
  { run, host }: { readonly run: RunScript; readonly host: string },
  { session, force, by }: Closing,
  signal: AbortSignal,
): Promise<boolean> {
  const values = {
    id: session.id,
    created_at: `${session.createdAt}`,
    stamp_seen: force ? '' : session.stamp,
    words: partingWords('ended', by),
    by,
  };
  const { stdout } = await run(remoteScript('tmux/close', values), signal);
  const status = parseStatus(stdout);
  if (status.kind !== 'ok') throw statusError(status, host, '');
  return status.words[0] === 'closed';
}
