import { AppError } from '../domain/errors.ts';
import { isSessionId, type Session, sessionRef } from '../domain/session.ts';
import { printable, shellWord, shorten } from '../domain/text.ts';
import type { Status } from './status.ts';

/** What a status other than `ok` means to the user. */
export function statusError(status: Exclude<Status, { kind: 'ok' }>, host: string, session: string): AppError {
  switch (status.kind) {
    case 'missing':
    case 'ambiguous':
      return wrongName(status, host, session);
    case 'no-job':
    case 'elsewhere':
      return noSuchJob(status, host);
    case 'gone':
      return new AppError('session-not-found', `The session "${session}" on "${host}" has just ended`, {
        hint: `azlin list --host ${shellWord(host)} shows the sessions there`,
      });
    case 'parted':
      return new AppError(
        'detached',
        `${printable(status.name)} detached you from "${session}" on "${host}" while the connection was lost`,
        { hint: `azlin connect ${shellWord(`${host}:${session}`)} attaches again` },
      );
    case 'no-terminal':
      return new AppError('ssh-denied', `The SSH server of "${host}" refuses to allocate a terminal`, {
        hint: 'see PermitTTY in its sshd_config, the options in authorized_keys, and its log',
      });
    case 'no-directory':
      return noSuchPlace('directory', status.name, host);
    case 'no-shell':
      return noSuchPlace('shell', status.name, host);
    case 'busy':
      return new AppError(
        'pane-busy',
        `The pane of "${host}:${session}" is busy: ${said(status.reason, 200) || 'no shell is at its prompt'}`,
        {
          hint: `azlin exec ${shellWord(`${host}:${session}`)} COMMAND runs beside it; azlin run needs bash or zsh at its prompt`,
        },
      );
    case 'cannot':
      return new AppError('vm-failed', `"${host}" cannot run this: ${said(status.reason, 300)}`, {
        hint: 'nothing was started',
      });
    case 'unreadable':
      return new AppError('vm-failed', `The answer from "${host}" is not valid: "${said(status.said, 200)}"`, {
        mayHaveRun: true,
        hint: `azlin doctor ${shellWord(host)} checks the VM`,
      });
    default:
      return tmuxTrouble(status, host, session);
  }
}

const said = (text: string, length: number) => shorten(printable(text), length);

type OfTmux = 'no-tmux' | 'old-tmux' | 'ended' | 'renamed' | 'hooked' | 'failed';

function tmuxTrouble(status: Extract<Status, { kind: OfTmux }>, host: string, session: string): AppError {
  switch (status.kind) {
    case 'no-tmux':
      return new AppError('tmux-missing', `tmux is not installed on "${host}", or not on the PATH of its shells`, {
        hint: 'install it there: sudo apt-get install tmux',
      });
    case 'old-tmux':
      return new AppError('tmux-failed', `tmux ${printable(status.name)} on "${host}" is too old for azlin`, {
        hint: `update it there: azlin needs tmux ${OLDEST_TMUX} or newer`,
      });
    case 'ended':
      return endedAtOnce(status.name, host, session);
    case 'renamed':
      return new AppError(
        'usage',
        `tmux cannot name a session "${printable(status.wanted)}": it would become "${printable(status.name)}"`,
        { hint: 'use letters, digits, "-" and "_"' },
      );
    case 'hooked':
      return new AppError(
        'tmux-failed',
        `A tmux hook on "${host}" renamed the new session "${printable(status.wanted)}" to "${printable(status.name)}", so azlin closed it again`,
        { hint: 'tmux show-hooks -g on the VM lists them; see session-created and after-new-session' },
      );
    case 'failed':
      return new AppError('tmux-failed', `tmux on "${host}" failed: ${said(status.reason, 300)}`, {
        hint: 'if tmux was just upgraded there, the old version is still running as its server: log in and restart it',
      });
  }
}

function noSuchJob(status: Extract<Status, { kind: 'no-job' | 'elsewhere' }>, host: string): AppError {
  if (status.kind === 'no-job')
    return new AppError('job-not-found', `No such job on "${host}"`, {
      hint: `azlin jobs ${shellWord(host)} lists the jobs there`,
    });
  const owner = printable(status.name);
  return new AppError('job-not-found', `That job belongs to the VM "${owner}", which shares its home with "${host}"`, {
    hint: `azlin jobs ${shellWord(owner)} shows it, if azlin knows the VM by that name`,
  });
}

/** Older versions do the wrong thing for features that they do not know, or fail silently. */
export const OLDEST_TMUX = '2.6';

const WHY_ENDED: Readonly<Record<string, string>> = {
  'destroy-unattached': 'destroy-unattached is on, so tmux ends sessions that nobody is attached to',
  'default-command': 'the command in default-command ended, or is missing',
  'default-shell': 'its shell ended at once',
};

function endedAtOnce(option: string, host: string, session: string): AppError {
  const why = WHY_ENDED[option] ?? 'tmux gave no reason';
  return new AppError('tmux-failed', `The new session "${session}" on "${host}" ended at once: ${why}`, {
    hint: `tmux show-options -g ${shellWord(option)} on the VM shows the option; it is set in ~/.tmux.conf or /etc/tmux.conf`,
  });
}

function wrongName(
  { kind, sessions }: Extract<Status, { kind: 'missing' | 'ambiguous' }>,
  host: string,
  session: string,
): AppError {
  if (kind === 'missing')
    return new AppError('session-not-found', `No session named "${session}" on "${host}"`, {
      candidates: candidatesOf(sessions, host),
      hint: isSessionId(session)
        ? `azlin list --wide --host ${shellWord(host)} shows their ids`
        : `azlin ssh ${shellWord(host)} --tmux-session ${shellWord(session)} creates it`,
    });
  const named = sessions.filter((one) => one.friendlyName === session);
  return new AppError('ambiguous', `Several sessions on "${host}" have the friendly name "${session}"`, {
    candidates: candidatesOf(named, host),
    hint: 'use the name of the session itself',
  });
}

function noSuchPlace(what: 'directory' | 'shell', name: string, host: string): AppError {
  const hint = what === 'directory' ? 'a relative path starts at the directory of the session' : undefined;
  return new AppError('usage', `There is no ${what} "${printable(name)}" on "${host}"`, { hint });
}

function candidatesOf(sessions: readonly Session[], host: string) {
  const items = sessions.map((session) => ({ identifier: `${host}:${printable(sessionRef(session))}`, ip: null }));
  return items.length === 0 ? undefined : { title: `Sessions on ${host}`, items };
}
