import { formatAge } from '../domain/duration.ts';
import type { RemoteScript } from '../domain/remote-script.ts';
import { clientName } from '../domain/session.ts';
import { printable, shellWord, shorten } from '../domain/text.ts';
import { remoteScript } from '../remote/remote-script.ts';
import { creationValues, plainWord } from './plain-word.ts';
import type { PlacedClient } from './rows.ts';

/** Who attaches. */
export interface ClientIdentity {
  /** Unique to one run of azlin: letters and digits. */
  readonly token: string;
  /** What others see. */
  readonly label: string;
}

/** A session of a tmux server, even if its name has changed. */
export interface SessionId {
  /** `$3`. */
  readonly id: string;
  /** When it was created, and by which server: ids start anew with each server. */
  readonly born: string;
}

export interface Attach {
  readonly session: string;
  readonly create: boolean;
  readonly who: ClientIdentity;
  readonly readOnly: boolean;
  /** Attach to a view: a session of the user's own that shares the windows. */
  readonly independent: boolean;
  /** Whether the terminal supports true colour. */
  readonly trueColor: boolean;
  /** The session to attach to again, after a connection was lost. */
  readonly again: SessionId | undefined;
  /** The word that the line of `goAhead` and the farewell start with. */
  readonly key: string;
}

/**
 * Attaches to a session on the terminal that it is started on. Its output starts with a status. It attaches after it gets the line of `goAhead`, and its
 * output ends with the key of that line and what tmux said (`farewell.ts`).
 */
export function attachScript(attach: Attach): RemoteScript {
  const { session, create, who, again, key } = attach;
  return remoteScript('tmux/attach', {
    session,
    ...creationValues(session, create ? who.label : undefined),
    owner: plainWord(who.label),
    who: `${who.token} ${who.label}`,
    read_only: attach.readOnly ? 'read-only' : '',
    view: attach.independent ? viewName(session, who.label) : '',
    colours: attach.trueColor ? 'RGB' : '',
    words: partingWords('detached', who.label),
    arrival: again ? '' : statusMessage(arrivalOf(attach)),
    left_id: again?.id ?? '',
    left_birth: again?.born ?? '',
    key,
  });
}

/** The line that tells the script to go on. `others`: who stays attached, and is named in the status line of the session. */
export function goAhead(key: string, takeOver: boolean, others: readonly PlacedClient[]): string {
  const presence = others.map(
    (one) => `${clientName(one)} (${one.readOnly ? 'read-only, ' : ''}idle ${formatAge(one.idle * 1_000)})`,
  );
  const message = presence.length > 0 ? statusMessage(`Also attached: ${presence.join(', ')}`) : '';
  return `${[key, takeOver ? 'take-over' : 'join', message].join(' ').trimEnd()}\n`;
}

/** What the others see in their status lines. */
function arrivalOf({ who, readOnly, independent }: Attach): string {
  return `${who.label} attached${independent ? ' in a view' : ''}${readOnly ? ', read-only' : ''}`;
}

const MESSAGE_LENGTH = 200;

/** A text as `display-message` takes it, which expands formats and the conversions of strftime. */
export function statusMessage(text: string): string {
  return shorten(printable(text), MESSAGE_LENGTH).replace(/[#%]/g, '$&$&');
}

const NAME_LENGTH = 64;

/** `dev-alice`: the name of somebody's view of a session. */
function viewName(session: string, label: string): string {
  const who =
    label
      .replace(/@.*$/, '')
      .replace(/[^\p{L}\p{N}_]+/gu, '-')
      .replace(/^-|-$/g, '') || 'view';
  return `${[...session.replaceAll('#', '-')].slice(0, NAME_LENGTH - 20).join('')}-${[...who].slice(0, 15).join('')}`;
}

/** The shell command that tells users who are detached who did it. */
export function partingWords(what: 'detached' | 'ended', label: string): string {
  return `echo ${shellWord(`[${what} by ${label.replace(/[\\!]/g, '_')}]`)}`;
}

/** The login shell, on the terminal that it is started on. */
export function shellScript(): RemoteScript {
  return remoteScript('tmux/shell');
}

/** Makes tmux redraw the screen of one of azlin's clients, or detach it. */
export function ownClientScript(token: string, action: 'refresh-client' | 'detach-client'): RemoteScript {
  return remoteScript('tmux/own-client', { token, action });
}
