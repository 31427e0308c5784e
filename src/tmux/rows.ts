import type { Session } from '../domain/session.ts';

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
