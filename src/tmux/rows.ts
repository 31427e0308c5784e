import { type Client, clientName, type Session } from '../domain/session.ts';
import { printable, shorten } from '../domain/text.ts';

const ROW = /^\$\d+:(\d+):(\d+):(\d+):(\d+):([^:]+):(.*)$/;

/** Rows of `tmux list-sessions` in ROW_FORMAT. What is no such row is left out. Nothing is known of clients here. */
export function parseRows(text: string): readonly Session[] {
  return text.split('\n').flatMap((row) => {
    const [, windows, attached, createdAt, activityAt, name = '', friendlyName] =
      ROW.exec(row.replace(/\r$/, '')) ?? [];
    if (name === '') return [];
    return [
      {
        name,
        friendlyName: friendlyName || null,
        windows: Number(windows),
        attached: Number(attached),
        createdAt: Number(createdAt),
        activityAt: Number(activityAt),
        group: name,
        clients: [],
        expiresAt: null,
      },
    ];
  });
}

/** The output of LIST. `now`: the VM's time, in seconds since 1970. */
export function parseList(
  text: string,
  now: number,
): { readonly sessions: readonly Session[]; readonly clients: readonly Client[] } {
  const ids = sessionIds(text);
  const clients = parseClients(text, now).flatMap(({ sessionId, age: _age, ...client }) => {
    const session = ids.get(sessionId);
    return session === undefined ? [] : [{ ...client, session }];
  });
  const more = new Map(
    [...text.matchAll(/^more:(\$\d+):([^:\n]*):(.*)$/gm)].map(([, id = '', group, expires = '']) => [
      ids.get(id),
      { group, expiresAt: /^\d{1,12}$/.test(expires) ? Number(expires) : null },
    ]),
  );
  const sessions = parseRows(text).map((session) => ({
    ...session,
    clients: clients.filter((client) => client.session === session.name).map(clientName),
    group: more.get(session.name)?.group ?? session.name,
    expiresAt: more.get(session.name)?.expiresAt ?? null,
  }));
  return { sessions, clients };
}

/** The names of sessions by their ids, from rows in ROW_FORMAT. */
export function sessionIds(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(/^(\$\d+):(?:\d+:){4}([^:\n]+):/gm)].map(([, id = '', name = '']) => [id, name]));
}

const CLIENT = /^client:(\d+):(\$\d+):([^:]*):(\d+):(\d+):(\d+)x(\d+):([01]):(.+)$/;
const WHO = /^who:(\w+) (.*)$/;
const LABEL_LENGTH = 64;

/** A client that is known by the id of its session. */
export type PlacedClient = Omit<Client, 'session'> & {
  readonly sessionId: string;
  /** Seconds since it was attached. */
  readonly age: number;
};

/** What `azlin_clients` prints. `now`: the VM's time, in seconds since 1970. */
export function parseClients(text: string, now: number): readonly PlacedClient[] {
  const rows = text.split('\n').map((row) => row.replace(/\r$/, ''));
  const known = whoIsWho(rows);
  return rows.flatMap((row) => {
    const [, pid = '', sessionId, group = '', attachedAt, activityAt, columns, lines, readOnly, name = ''] =
      CLIENT.exec(row) ?? [];
    if (sessionId === undefined) return [];
    return [
      {
        name,
        label: known.get(pid)?.label ?? null,
        token: known.get(pid)?.token ?? null,
        sessionId,
        group,
        age: Math.max(0, now - Number(attachedAt)),
        attachedAt: Number(attachedAt),
        idle: Math.max(0, now - Number(activityAt)),
        columns: Number(columns),
        rows: Number(lines),
        readOnly: readOnly === '1',
      },
    ];
  });
}

/** The clients of a session and of those that share its windows, from `azlin_clients_here`. */
export function parseClientsHere(text: string, now: number): readonly PlacedClient[] {
  const here = /^here:(.*?)\r?$/m.exec(text)?.[1];
  return parseClients(text, now).filter(({ group }) => group === here);
}

/** By process: the rows of one stand below its own. */
function whoIsWho(rows: readonly string[]) {
  const known = new Map<string, { readonly token: string; readonly label: string }>();
  let pid = '';
  for (const row of rows) {
    pid = /^pid:(\d+)$/.exec(row)?.[1] ?? pid;
    const [, token, text = ''] = WHO.exec(row) ?? [];
    const label = shorten(printable(text).trim(), LABEL_LENGTH);
    if (token !== undefined && label !== '' && !known.has(pid)) known.set(pid, { token, label });
  }
  return known;
}
