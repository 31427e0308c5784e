import { type Client, clientName, type Session } from '../domain/session.ts';
import { printable, shorten } from '../domain/text.ts';

const ROW = /^row:(\$\d+):(\d+):(\d+):(\d+):(\d+):[^:]*:(.+)$/;

/** Parses the sessions in the rows of remote/parts/rows.sh. Other lines are ignored, and clients are left empty. `now`: the VM's time, in seconds since 1970. */
export function parseRows(text: string, now?: number): readonly Session[] {
  const friendly = valuesOf('friendly', text);
  const groups = groupsOf(text);
  const expiries = valuesOf('expires', text);
  const owners = valuesOf('owner', text);
  return lines(text).flatMap((row) => {
    const [, id = '', windows, attached, createdAt, activityAt, name] = ROW.exec(row) ?? [];
    if (name === undefined) return [];
    const needed = neededIn(expiries.get(id) ?? '', Number(activityAt));
    return [
      {
        id,
        name,
        friendlyName: friendly.get(id) || null,
        windows: Number(windows),
        attached: Number(attached),
        createdAt: Number(createdAt),
        activityAt: Number(activityAt),
        group: groups.get(id) ?? name,
        clients: [],
        ...needed,
        owner: labelIn(owners.get(id) ?? '') || null,
        idle: now === undefined ? null : Math.max(0, now - Number(activityAt)),
      },
    ];
  });
}

/** Until when a session is needed: `1764460000:…`, or `idle3600:1764456000`, an hour after the last activity. */
export function neededIn(text: string, activityAt: number): Pick<Session, 'expiresAt' | 'idleTtl'> {
  const [, idle, seconds, printedAt] = /^(idle)?(\d{1,12})(?::(\d{1,12}))?$/.exec(text) ?? [];
  if (seconds === undefined) return { expiresAt: null, idleTtl: null };
  if (idle === undefined) return { expiresAt: Number(seconds), idleTtl: null };
  return { expiresAt: Math.max(activityAt, Number(printedAt ?? 0)) + Number(seconds), idleTtl: Number(seconds) };
}

/** The group of each session, by the session's id. Sessions that share their windows have the same group. */
export function groupsOf(text: string): ReadonlyMap<string, string> {
  return valuesOf('group', text);
}

/** The values in the rows `WORD:$3:VALUE`, by the session's id. */
function valuesOf(word: string, text: string): ReadonlyMap<string, string> {
  return new Map(
    lines(text).flatMap((row) => {
      const [, of, id = '', value = ''] = /^(\w+):(\$\d+):(.*)$/.exec(row) ?? [];
      return of === word ? [[id, value] as const] : [];
    }),
  );
}

function lines(text: string): readonly string[] {
  return text.split('\n').map((row) => row.replace(/\r$/, ''));
}

/** The output of remote/tmux/list.sh. `now`: the VM's time, in seconds since 1970. */
export function parseList(
  text: string,
  now: number,
): { readonly sessions: readonly Session[]; readonly clients: readonly Client[] } {
  const rows = parseRows(text, now);
  const names = new Map(rows.map(({ id, name }) => [id, name]));
  const clients = parseClients(text, now).flatMap(({ sessionId, age: _age, ...client }) => {
    const session = names.get(sessionId);
    return session === undefined ? [] : [{ ...client, session }];
  });
  const sessions = rows.map((session) => ({
    ...session,
    clients: clients.filter((client) => client.session === session.name).map(clientName),
  }));
  return { sessions, clients };
}

const CLIENT = /^client:(\d+):(\$\d+):(\d+):(\d+):(\d+)x(\d+):([01]):(.+)$/;
const WHO = /^who:(\w+) (.*)$/;
const LABEL_LENGTH = 64;
const labelIn = (text: string) => shorten(printable(text).trim(), LABEL_LENGTH);

/** A client with the id of its session instead of the session's name. */
export type PlacedClient = Omit<Client, 'session'> & {
  readonly sessionId: string;
  /** Seconds since it was attached. */
  readonly age: number;
};

/** Parses the rows of clients, and who they are. `now`: the VM's time, in seconds since 1970. */
export function parseClients(text: string, now: number): readonly PlacedClient[] {
  const rows = lines(text);
  const known = whoIsWho(rows);
  const groups = groupsOf(text);
  return rows.flatMap((row) => {
    const [, pid = '', sessionId, attachedAt, activityAt, columns, height, readOnly, name = ''] =
      CLIENT.exec(row) ?? [];
    if (sessionId === undefined) return [];
    return [
      {
        name,
        label: known.get(pid)?.label ?? null,
        token: known.get(pid)?.token ?? null,
        sessionId,
        group: groups.get(sessionId) ?? '',
        age: Math.max(0, now - Number(attachedAt)),
        attachedAt: Number(attachedAt),
        idle: Math.max(0, now - Number(activityAt)),
        hasTyped: Number(activityAt) > Number(attachedAt),
        columns: Number(columns),
        rows: Number(height),
        readOnly: readOnly === '1',
      },
    ];
  });
}

/** The clients of the session with this id, and of those that share its windows. */
export function parseClientsHere(text: string, id: string, now: number): readonly PlacedClient[] {
  const here = groupsOf(text).get(id);
  return parseClients(text, now).filter(({ group }) => group === here);
}

/** Who each client is, by process id: the rows about a process follow its `pid` row. */
function whoIsWho(rows: readonly string[]) {
  const known = new Map<string, { readonly token: string; readonly label: string }>();
  let pid = '';
  for (const row of rows) {
    pid = /^pid:(\d+)$/.exec(row)?.[1] ?? pid;
    const [, token, text = ''] = WHO.exec(row) ?? [];
    const label = labelIn(text);
    if (token !== undefined && label !== '' && !known.has(pid)) known.set(pid, { token, label });
  }
  return known;
}
