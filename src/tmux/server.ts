import { AppError } from '../domain/errors.ts';
import type { RunArgv } from '../domain/run-argv.ts';
import type { Client, Session } from '../domain/session.ts';
import { printable, shellWord, shorten } from '../domain/text.ts';
import { parseClients, parseRows } from './rows.ts';
import {
  ATTACH_SCRIPT,
  CLIENTS_SCRIPT,
  DETACH_SCRIPT,
  ENSURE_SCRIPT,
  LIST_SCRIPT,
  NAME_SCRIPT,
  SCREEN_SCRIPT,
  SEND_SCRIPT,
} from './scripts.ts';
import { nameToCreate, plainWord, shArgv } from './sh-argv.ts';
import { parseStatus, type Status } from './status.ts';

/** The tmux server of one user on one VM. Every method rejects with an AppError. A name means a session or its friendly name. */
export interface TmuxServer {
  /** Every session; none when no server runs. */
  list(signal: AbortSignal): Promise<readonly Session[]>;
  /** Every session and who is attached to it. */
  clients(signal: AbortSignal): Promise<{ readonly sessions: readonly Session[]; readonly clients: readonly Client[] }>;
  /** Makes the session if it is missing, and says whether it did. */
  ensure(name: string, signal: AbortSignal): Promise<{ readonly created: boolean }>;
  /** Detaches every client and says how many there were; `kill` ends the session as well. */
  detachClients(name: string, kill: boolean, signal: AbortSignal): Promise<number>;
  /** What the active pane shows, with so many lines of its history above. */
  screen(name: string, history: number, signal: AbortSignal): Promise<string>;
  /** Types into the active pane: text, then keys by tmux's names. */
  send(name: string, typed: Typed, signal: AbortSignal): Promise<void>;
  /** Sets the friendly name; null removes it. */
  setFriendlyName(name: string, friendlyName: string | null, signal: AbortSignal): Promise<void>;
}

export interface Typed {
  readonly text: string;
  readonly keys: readonly string[];
}

/** `host`: what messages call the machine. */
export function tmuxServer(run: RunArgv, host: string): TmuxServer {
  const ask = async (script: string, args: readonly string[], signal: AbortSignal) => {
    const { stdout, stderr } = await run(shArgv(script, args), signal);
    const status = parseStatus(stdout === '' ? stderr : stdout);
    if (status.kind !== 'ok') throw statusError(status, host, args[0] ?? '');
    return status;
  };
  return {
    list: async (signal) => parseRows((await ask(LIST_SCRIPT, [], signal)).text),
    async clients(signal) {
      const { text, words } = await ask(CLIENTS_SCRIPT, [], signal);
      return { sessions: parseRows(text), clients: parseClients(text, Number(words[0])) };
    },
    ensure: async (name, signal) => ({
      created: (await ask(ENSURE_SCRIPT, [name, nameToCreate(name)], signal)).words[0] === '1',
    }),
    detachClients: async (name, kill, signal) =>
      (await ask(DETACH_SCRIPT, [name, '', kill ? 'kill' : ''], signal)).text.split('\n').filter((line) => line !== '')
        .length,
    screen: async (name, history, signal) =>
      `${(await ask(SCREEN_SCRIPT, [name, '', `${history}`], signal)).text.trimEnd()}\n`,
    send: async (name, { text, keys }, signal) =>
      void (await ask(SEND_SCRIPT, [name, '', text, ...keys.map(plainWord)], signal)),
    setFriendlyName: async (name, friendlyName, signal) =>
      void (await ask(NAME_SCRIPT, [name, '', plainWord(friendlyName ?? '')], signal)),
  };
}

/** Attaches to a session on the terminal that it is started on. Its output starts with a status; it goes on after a line break. */
export function attachArgv(session: string, create: boolean): readonly string[] {
  return shArgv(ATTACH_SCRIPT, [session, create ? nameToCreate(session) : '']);
}

/** What a status other than `ok` means to the user. */
export function statusError(status: Exclude<Status, { kind: 'ok' }>, host: string, session: string): AppError {
  switch (status.kind) {
    case 'missing':
      return new AppError('session-not-found', `No session named "${session}" on "${host}"`, {
        candidates: candidatesOf(status.sessions, host),
        hint: `azlin ssh ${shellWord(host)} --tmux-session ${shellWord(session)}   creates it`,
      });
    case 'ambiguous':
      return new AppError('ambiguous', `Several sessions on "${host}" have the friendly name "${session}"`, {
        candidates: candidatesOf(
          status.sessions.filter((one) => one.friendlyName === session),
          host,
        ),
        hint: 'use the name of the session itself',
      });
    case 'no-tmux':
      return new AppError(
        'tmux-missing',
        `tmux is not installed on "${host}", or not on the PATH of non-interactive shells`,
        {
          hint: `install it there: sudo apt-get install tmux`,
        },
      );
    case 'no-job':
      return new AppError('job-not-found', `There is no such job on "${host}"`, {
        hint: `azlin jobs ${shellWord(host)}   lists those there are`,
      });
    case 'renamed':
      return new AppError(
        'usage',
        `tmux cannot name a session "${session}": it would call it "${printable(status.name)}"`,
        {
          hint: 'use letters, digits, "-" and "_"',
        },
      );
    case 'no-directory':
      return new AppError('usage', `There is no directory "${printable(status.name)}" on "${host}"`, {
        hint: 'a relative one starts at the directory of the session',
      });
    case 'no-shell':
      return new AppError('usage', `There is no shell "${printable(status.name)}" on "${host}"`);
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

function candidatesOf(sessions: readonly Session[], host: string) {
  const items = sessions.map(({ name }) => ({ identifier: `${host}:${printable(name)}`, ip: null }));
  return items.length === 0 ? undefined : { title: `Sessions on ${host}`, items };
}
