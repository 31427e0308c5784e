import { AppError } from '../domain/errors.ts';
import type { Session } from '../domain/session.ts';
import { printable, shellWord, shorten } from '../domain/text.ts';
import type { Status } from './status.ts';

/** What a status other than `ok` means to the user. */
export function statusError(status: Exclude<Status, { kind: 'ok' }>, host: string, session: string): AppError {
  switch (status.kind) {
    case 'missing':
    case 'ambiguous':
      return wrongName(status, host, session);
    case 'no-tmux':
      return new AppError(
        'tmux-missing',
        `tmux is not installed on "${host}", or not on the PATH of non-interactive shells`,
        {
          hint: `install it there: sudo apt-get install tmux`,
        },
      );
    case 'gone':
      return new AppError('session-not-found', `The session "${session}" on "${host}" has ended meanwhile`, {
        hint: `azlin list --host ${shellWord(host)}   shows what there is`,
      });
    case 'parted':
      return new AppError(
        'detached',
        `${printable(status.name)} detached you from "${session}" on "${host}" while the connection was lost`,
        { hint: `azlin connect ${shellWord(`${host}:${session}`)}   attaches again` },
      );
    case 'no-job':
      return new AppError('job-not-found', `There is no such job on "${host}"`, {
        hint: `azlin jobs ${shellWord(host)}   lists those there are`,
      });
    case 'renamed':
      return new AppError(
        'usage',
        `tmux cannot name a session "${printable(status.wanted)}": it would call it "${printable(status.name)}"`,
        {
          hint: 'use letters, digits, "-" and "_"',
        },
      );
    case 'no-directory':
      return noSuchPlace('directory', status.name, host);
    case 'no-shell':
      return noSuchPlace('shell', status.name, host);
    case 'busy':
      return new AppError(
        'pane-busy',
        `The pane of "${host}:${session}" is busy: ${shorten(printable(status.reason), 200) || 'no shell is at its prompt'}`,
        {
          hint: `azlin exec ${shellWord(`${host}:${session}`)} COMMAND   runs beside it; run needs bash or zsh at its prompt`,
        },
      );
    case 'cannot':
      return new AppError('vm-failed', `"${host}" cannot run this: ${shorten(printable(status.reason), 300)}`, {
        hint: 'nothing was started',
      });
    case 'failed':
      return new AppError('tmux-failed', `tmux on "${host}" failed: ${shorten(printable(status.reason), 300)}`, {
        hint: 'if tmux was just upgraded there, its running server is of another version: log in and restart it',
      });
  }
}

function wrongName(
  { kind, sessions }: Extract<Status, { kind: 'missing' | 'ambiguous' }>,
  host: string,
  session: string,
): AppError {
  if (kind === 'missing')
    return new AppError('session-not-found', `No session named "${session}" on "${host}"`, {
      candidates: candidatesOf(sessions, host),
      hint: `azlin ssh ${shellWord(host)} --tmux-session ${shellWord(session)}   creates it`,
    });
  const named = sessions.filter((one) => one.friendlyName === session);
  return new AppError('ambiguous', `Several sessions on "${host}" have the friendly name "${session}"`, {
    candidates: candidatesOf(named, host),
    hint: 'use the name of the session itself',
  });
}

function noSuchPlace(what: 'directory' | 'shell', name: string, host: string): AppError {
  const hint = what === 'directory' ? 'a relative one starts at the directory of the session' : undefined;
  return new AppError('usage', `There is no ${what} "${printable(name)}" on "${host}"`, { hint });
}

function candidatesOf(sessions: readonly Session[], host: string) {
  const items = sessions.map(({ name }) => ({ identifier: `${host}:${printable(name)}`, ip: null }));
  return items.length === 0 ? undefined : { title: `Sessions on ${host}`, items };
}
