import type { RunArgv } from '../domain/run-argv.ts';
import type { Client, Session } from '../domain/session.ts';
import { partingWords } from './attach.ts';
import { DETACH_SCRIPT } from './client-scripts.ts';
import { parseList } from './rows.ts';
import {
  ENSURE_SCRIPT,
  EXPIRE_SCRIPT,
  LIST_SCRIPT,
  NAME_SCRIPT,
  RENAME_SCRIPT,
  SCREEN_SCRIPT,
  SEND_SCRIPT,
} from './scripts.ts';
import { nameToCreate, plainWord, shArgv } from './sh-argv.ts';
import { parseStatus } from './status.ts';
import { statusError } from './status-error.ts';

/** The tmux server of one user on one VM. Every method rejects with an AppError. A name means a session or its friendly name. */
export interface TmuxServer {
  /** Every session; none when no server runs. */
  list(signal: AbortSignal): Promise<readonly Session[]>;
  /** Every session and who is attached to it. */
  clients(signal: AbortSignal): Promise<{ readonly sessions: readonly Session[]; readonly clients: readonly Client[] }>;
  /** Makes the session if it is missing, and says whether it did. */
  ensure(name: string, signal: AbortSignal): Promise<{ readonly created: boolean }>;
  /** Detaches clients, and says how many there were. */
  detachClients(name: string, detaching: Detaching, signal: AbortSignal): Promise<number>;
  /** What the active pane shows, with so many lines of its history above. */
  screen(name: string, history: number, signal: AbortSignal): Promise<string>;
  /** Types into the active pane: text, then keys by tmux's names. */
  send(name: string, typed: Typed, signal: AbortSignal): Promise<void>;
  /** Sets the friendly name; null removes it. */
  setFriendlyName(name: string, friendlyName: string | null, signal: AbortSignal): Promise<void>;
  /** Says after how many seconds the session is no longer needed; null: it is to stay. Gives that time, in seconds since 1970 by the VM's clock. */
  setExpiry(name: string, seconds: number | null, signal: AbortSignal): Promise<number | null>;
  /** Gives the session another name. */
  rename(name: string, newName: string, signal: AbortSignal): Promise<void>;
}

export interface Detaching {
  /** What those who are detached read: who did it. */
  readonly by: string;
  /** End the session as well. */
  readonly kill: boolean;
  /** Only these, by their names in tmux. */
  readonly only?: readonly string[];
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
  const all = async (signal: AbortSignal) => {
    const { text, words } = await ask(LIST_SCRIPT, [], signal);
    return parseList(text, Number(words[0]));
  };
  return {
    list: async (signal) => (await all(signal)).sessions,
    clients: all,
    ensure: async (name, signal) => ({
      created: (await ask(ENSURE_SCRIPT, [name, nameToCreate(name)], signal)).words[0] === '1',
    }),
    async detachClients(name, { by, kill, only = [] }, signal) {
      const words = partingWords(kill ? 'ended' : 'detached', by);
      const { text } = await ask(DETACH_SCRIPT, [name, '', kill ? 'kill' : '', words, plainWord(by), ...only], signal);
      return text.split('\n').filter((line) => line !== '').length;
    },
    screen: async (name, history, signal) =>
      `${(await ask(SCREEN_SCRIPT, [name, '', `${history}`], signal)).text.trimEnd()}\n`,
    send: async (name, { text, keys }, signal) =>
      void (await ask(SEND_SCRIPT, [name, '', text, ...keys.map(plainWord)], signal)),
    setFriendlyName: async (name, friendlyName, signal) =>
      void (await ask(NAME_SCRIPT, [name, '', plainWord(friendlyName ?? '')], signal)),
    async setExpiry(name, seconds, signal) {
      const { words } = await ask(EXPIRE_SCRIPT, [name, '', seconds === null ? '' : `${seconds}`], signal);
      return seconds === null ? null : Number(words[0]);
    },
    rename: async (name, newName, signal) =>
      void (await ask(RENAME_SCRIPT, [name, '', newName, nameToCreate(newName)], signal)),
  };
}
