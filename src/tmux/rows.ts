import type { Client, Session } from '../domain/session.ts';

const ROW = /^\$\d+:(\d+):(\d+):(\d+):(\d+):([^:]+):(.*)$/;

/** Rows of `tmux list-sessions` in ROW_FORMAT. What is no such row is left out. */
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
      },
    ];
  });
}

const SESSION_ID = /^(\$\d+):(?:\d+:){4}([^:]+):/;
const CLIENT = /^client:(\$\d+):(\d+):(\d+):(\d+)x(\d+):([01]):(.+)$/;

/** Rows of `tmux list-clients` in CLIENT_FORMAT, below rows of sessions. `now`: the VM's time, in seconds since 1970. */
export function parseClients(text: string, now: number): readonly Client[] {
  const rows = text.split('\n');
  const names = new Map(rows.map((row) => SESSION_ID.exec(row)).map((match) => [match?.[1], match?.[2]]));
  return rows.flatMap((row) => {
    const [, id, attachedAt, activityAt, columns, lines, readOnly, name = ''] = CLIENT.exec(row) ?? [];
    const session = id === undefined ? undefined : names.get(id);
    if (session === undefined) return [];
    return [
      {
        name,
        session,
        attachedAt: Number(attachedAt),
        idle: Math.max(0, now - Number(activityAt)),
        columns: Number(columns),
        rows: Number(lines),
        readOnly: readOnly === '1',
      },
    ];
  });
}
