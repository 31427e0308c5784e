import type { Session } from '../domain/session.ts';
import { parseList } from './rows.ts';

/** What a VM's tmux server has, and what has become of its jobs, as remote/tmux/watch.sh reports it. */
export interface WatchReport {
  /** The VM's time, in seconds since 1970. */
  readonly now: number;
  readonly sessions: readonly Session[];
  /** The panes of each session, by its id. A pane whose program has ended may stay. */
  readonly panes: ReadonlyMap<string, readonly { readonly id: string; readonly isDead: boolean }[]>;
  /** The jobs that have ended since the report before. */
  readonly ended: readonly EndedJob[];
}

interface EndedJob {
  readonly job: string;
  /** Empty for a job without one. */
  readonly session: string;
  /** As its journal says it: `exited 3 12 34`. */
  readonly how: string;
}

/** The most bytes of one report that are kept. */
const LONGEST = 512 * 1024;

/** Reads reports from the output of the script after its status. Undefined: nothing has changed. Throws for a report that is too long. */
export function watchReader(onReport: (report: WatchReport | undefined) => void): (chunk: Buffer) => void {
  let held: Buffer[] = [];
  let length = 0;
  return (chunk) => {
    let rest = chunk;
    for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
      const text = Buffer.concat([...held, rest.subarray(0, end)]).toString('utf8');
      held = [];
      length = 0;
      rest = rest.subarray(end + 1);
      onReport(text === '' ? undefined : reportIn(text));
    }
    held.push(rest);
    length += rest.length;
    if (length > LONGEST) throw new Error('a report without an end');
  };
}

function reportIn(text: string): WatchReport {
  const end = text.indexOf('\n');
  const now = Number(text.slice(0, end));
  const { sessions } = parseList(text.slice(end + 1), now);
  const panes = new Map<string, { readonly id: string; readonly isDead: boolean }[]>();
  const ended: EndedJob[] = [];
  const panesOf = (session: string) => {
    const known = panes.get(session) ?? [];
    panes.set(session, known);
    return known;
  };
  for (const line of text.split('\n')) {
    const [, of = '', id = '', dead] = /^pane:(\$\d+):(%\d+):(dead)?$/.exec(line) ?? [];
    if (id !== '') panesOf(of).push({ id, isDead: dead !== undefined });
    const [, job = '', how = '', session = ''] = /^ended:([^:]+):([^:]*):(.*)$/.exec(line) ?? [];
    if (job !== '') ended.push({ job, how, session });
  }
  return { now, sessions, panes, ended };
}

/** What happened to a session, or to a job in it. `who`: whoever made it, attached or detached, as far as it is known. */
export interface SessionEvent {
  readonly kind: 'created' | 'closed' | 'renamed' | 'attached' | 'detached' | 'active' | 'pane-ended' | 'job-ended';
  /** Empty for a job without one. */
  readonly session: string;
  /** tmux's own id: `$3`; empty if there is no such session. */
  readonly id: string;
  readonly who?: string;
  /** For `renamed`: what it was called before, by its name or its friendly name. */
  readonly before?: string;
  /** For `job-ended`: its id, and its exit code, or how else it ended: a signal, `timed out`, `cancelled`. */
  readonly job?: string;
  readonly exitCode?: number;
  readonly end?: string;
}

/** Seconds without activity after which the next one is worth telling. */
const IDLE = 60;

/** What has changed from one report to the next. */
export function changes(from: WatchReport, to: WatchReport): readonly SessionEvent[] {
  const before = new Map(from.sessions.map((session) => [session.id, session]));
  const after = new Map(to.sessions.map((session) => [session.id, session]));
  const events: SessionEvent[] = [];
  for (const [id, { name, createdAt }] of before)
    if (after.get(id)?.createdAt !== createdAt) events.push({ kind: 'closed', session: name, id });
  for (const [id, session] of after) {
    const was = before.get(id);
    const about = { session: session.name, id };
    const by = session.owner === null ? {} : { who: session.owner };
    if (was?.createdAt !== session.createdAt) events.push({ kind: 'created', ...about, ...by });
    const known = was?.createdAt === session.createdAt ? was : undefined;
    if (known) events.push(...changesOf(known, session));
    for (const who of extra(session.clients, known?.clients ?? [])) events.push({ kind: 'attached', ...about, who });
    for (const who of extra(known?.clients ?? [], session.clients)) events.push({ kind: 'detached', ...about, who });
    const alive = (report: WatchReport) => (report.panes.get(id) ?? []).filter(({ isDead }) => !isDead);
    const left = new Set(alive(to).map((pane) => pane.id));
    if (known) for (const pane of alive(from)) if (!left.has(pane.id)) events.push({ kind: 'pane-ended', ...about });
  }
  return events;
}

function changesOf(was: Session, is: Session): readonly SessionEvent[] {
  const about = { session: is.name, id: is.id };
  const before = was.name !== is.name ? was.name : (was.friendlyName ?? '');
  const isRenamed = was.name !== is.name || was.friendlyName !== is.friendlyName;
  return [
    ...(isRenamed ? [{ kind: 'renamed' as const, ...about, before }] : []),
    ...(is.activityAt - was.activityAt >= IDLE ? [{ kind: 'active' as const, ...about }] : []),
  ];
}

/** The names of `all` that are not in `others`, each as often as it is more often there. */
function extra(all: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...others];
  return all.filter((name) => {
    const at = left.indexOf(name);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
