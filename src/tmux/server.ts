import { AppError, inDoubt } from '../domain/errors.ts';
import type { RunScript } from '../domain/remote-script.ts';
import type { Client, Session } from '../domain/session.ts';
import { quoteArgv } from '../domain/text.ts';
import { remoteScript, type ScriptName, type ScriptValues } from '../remote/remote-script.ts';
import { partingWords, statusMessage } from './attach.ts';
import { creationValues, nameToCreate, plainWord } from './plain-word.ts';
import { parseList } from './rows.ts';
import { parseStatus } from './status.ts';
import { statusError } from './status-error.ts';

/** The tmux server of one user on one VM. Every method rejects with an AppError. A name means a session or its friendly name. */
export interface TmuxServer {
  /** Every session; none when no server runs. */
  list(signal: AbortSignal): Promise<readonly Session[]>;
  /** Every session and who is attached to it. */
  clients(signal: AbortSignal): Promise<{ readonly sessions: readonly Session[]; readonly clients: readonly Client[] }>;
  /** Makes the session if it is missing, and says whether it did. */
  /** `owner`: the label of whoever makes it. */
  ensure(name: string, owner: string, signal: AbortSignal): Promise<{ readonly created: boolean }>;
  /** Detaches clients, and says how many there were. */
  detachClients(name: string, detaching: Detaching, signal: AbortSignal): Promise<number>;
  /** What the active pane shows, after `history` lines of its history. */
  screen(name: string, history: number, signal: AbortSignal): Promise<string>;
  /** Types into the active pane: text, then keys by tmux's names. */
  send(name: string, typed: TypedInput, signal: AbortSignal): Promise<void>;
  /** Shows a line to everybody who is attached, except whoever says it. */
  tell(name: string, line: { readonly text: string; readonly by: string }, signal: AbortSignal): Promise<void>;
  /** Sets the friendly name; null removes it. */
  setFriendlyName(name: string, friendlyName: string | null, signal: AbortSignal): Promise<void>;
  /** Sets how long the session is still needed. Resolves to that time, in seconds since 1970 by the VM's clock; null if it is to stay. */
  setExpiry(name: string, limit: TimeToLive, signal: AbortSignal): Promise<number | null>;
  /** Gives the session another name. */
  rename(name: string, newName: string, signal: AbortSignal): Promise<void>;
}

export interface Detaching {
  /** Who did it; users who are detached are told. */
  readonly by: string;
  /** End the session as well. */
  readonly kill: boolean;
  /** Only these, by their names in tmux. */
  readonly only?: readonly string[];
}

export interface TimeToLive {
  /** Null if the session is to stay. */
  readonly seconds: number | null;
  /** Count them from the last activity there, not from now. */
  readonly isIdle: boolean;
}

export interface TypedInput {
  readonly text: string;
  readonly keys: readonly string[];
}

/** `host`: what messages call the VM. */
export function tmuxServer(run: RunScript, host: string): TmuxServer {
  const ask = async (name: ScriptName, values: ScriptValues, signal: AbortSignal) => {
    const { stdout } = await run(remoteScript(name, values), signal);
    const status = parseStatus(stdout);
    if (status.kind !== 'ok') throw statusError(status, host, `${values.session ?? ''}`);
    return status;
  };
  /** Like `ask`, for scripts that change something: if the answer is lost, the error says that the change may have been made. */
  const change = async (name: ScriptName, values: ScriptValues, signal: AbortSignal) => {
    try {
      return await ask(name, { new_name: '', ...values }, signal);
    } catch (error) {
      const isOpen = error instanceof AppError && error.mayHaveRun;
      throw isOpen ? inDoubt(error, '; it may have been done anyway') : error;
    }
  };
  const all = async (signal: AbortSignal) => {
    const { text, words } = await ask('tmux/list', {}, signal);
    return parseList(text, Number(words[0]));
  };
  return {
    list: async (signal) => (await all(signal)).sessions,
    clients: all,
    async ensure(session, owner, signal) {
      const { words } = await change('tmux/ensure', { session, ...creationValues(session, owner) }, signal);
      return { created: words[0] === '1' };
    },
    async detachClients(session, { by, kill, only = [] }, signal) {
      const words = partingWords(kill ? 'ended' : 'detached', by);
      const values = { session, kill: kill ? 'kill' : '', words, by: plainWord(by), only: quoteArgv(only) };
      const { text } = await change('tmux/detach', values, signal);
      return text.split('\n').filter((line) => line !== '').length;
    },
    async screen(session, history, signal) {
      const { text } = await ask('tmux/screen', { session, new_name: '', lines: `${history}` }, signal);
      return `${text.trimEnd()}\n`;
    },
    send: async (session, { text, keys }, signal) =>
      void (await change('tmux/send', { session, text, keys: quoteArgv(keys.map(plainWord)) }, signal)),
    tell: async (session, { text, by }, signal) =>
      void (await ask('tmux/tell', { session, new_name: '', words: statusMessage(text), by: plainWord(by) }, signal)),
    setFriendlyName: async (session, friendlyName, signal) =>
      void (await change('tmux/name', { session, friendly_name: plainWord(friendlyName ?? '') }, signal)),
    async setExpiry(session, { seconds, isIdle }, signal) {
      const values = { session, seconds: seconds === null ? '' : `${seconds}`, kind: isIdle ? 'idle' : '' };
      const { words } = await change('tmux/expire', values, signal);
      return seconds === null ? null : Number(words[0]);
    },
    rename: async (session, newName, signal) =>
      void (await change('tmux/rename', { session, wanted: newName, wanted_plain: nameToCreate(newName) }, signal)),
  };
}
