import { shellWord } from '../domain/text.ts';
import { ATTACH_SCRIPT, OWN_CLIENT_SCRIPT, SHELL_SCRIPT } from './client-scripts.ts';
import { nameToCreate, shArgv } from './sh-argv.ts';

/** Who attaches. */
export interface ClientIdentity {
  /** Of one run of azlin: letters and digits. */
  readonly token: string;
  /** What others see. */
  readonly label: string;
}

/** A session of a tmux server, whatever it is called by now. */
export interface SessionId {
  /** `$3`. */
  readonly id: string;
  /** When, and by which server: ids begin anew with each. */
  readonly born: string;
}

export interface Attach {
  readonly session: string;
  readonly create: boolean;
  readonly who: ClientIdentity;
  readonly readOnly: boolean;
  /** A view of one's own: a session that shares the windows. */
  readonly independent: boolean;
  /** Whether the terminal has all colours. */
  readonly trueColor: boolean;
  /** The session to be attached to again after a connection was lost. */
  readonly again: SessionId | undefined;
}

/**
 * Attaches to a session on the terminal that it is started on. Its output starts with a status (`attachment`); it goes on after the line of
 * `goAhead`, and ends with the key of that line and what tmux said (`farewell.ts`).
 */
export function attachArgv(attach: Attach): readonly string[] {
  const { session, create, who, again } = attach;
  return shArgv(ATTACH_SCRIPT, [
    session,
    create ? nameToCreate(session) : '',
    `${who.token} ${who.label}`,
    attach.readOnly ? 'read-only' : '',
    attach.independent ? viewName(session, who.label) : '',
    attach.trueColor ? 'RGB' : '',
    partingWords('detached', who.label),
    again?.id ?? '',
    again?.born ?? '',
  ]);
}

/** What tells the script to go on. */
export function goAhead(key: string, takeOver: boolean): string {
  return `${key}${takeOver ? ' take-over' : ''}\n`;
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

/** The shell command that tells whoever is detached by whom. */
export function partingWords(what: 'detached' | 'ended', label: string): string {
  return `echo ${shellWord(`[${what} by ${label.replace(/[\\!]/g, '_')}]`)}`;
}

/** The login shell, on the terminal that it is started on. */
export function shellArgv(): readonly string[] {
  return shArgv(SHELL_SCRIPT, []);
}

/** Lets tmux draw the screen of a client of ours anew, or detach it. */
export function ownClientArgv(token: string, command: 'refresh-client' | 'detach-client'): readonly string[] {
  return shArgv(OWN_CLIENT_SCRIPT, [token, command]);
}
