import { randomBytes } from 'node:crypto';
import { AppError } from '../domain/errors.ts';
import type { RunArgv } from '../domain/run-argv.ts';
import type { Client, Session } from '../domain/session.ts';
import { printable, shellWord, shorten } from '../domain/text.ts';
import { EXEC_SCRIPT, SIGNAL_SCRIPT } from './exec-script.ts';
import { parseClients, parseRows } from './rows.ts';
import { ATTACH_SCRIPT, CLIENTS_SCRIPT, DETACH_SCRIPT, ENSURE_SCRIPT, LIST_SCRIPT, NAME_SCRIPT } from './scripts.ts';
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
  /** Sets the friendly name; null removes it. */
  setFriendlyName(name: string, friendlyName: string | null, signal: AbortSignal): Promise<void>;
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
    setFriendlyName: async (name, friendlyName, signal) =>
      void (await ask(NAME_SCRIPT, [name, '', plainWord(friendlyName ?? '')], signal)),
  };
}

/** Attaches to a session on the terminal that it is started on. Its output starts with a status; it goes on after a line break. */
export function attachArgv(session: string, create: boolean): readonly string[] {
  return shArgv(ATTACH_SCRIPT, [session, create ? nameToCreate(session) : '']);
}

export interface ExecRequest {
  readonly session: string;
  readonly create: boolean;
  /** `command` is for the login shell; a script comes on standard input. */
  readonly run: { readonly kind: 'command'; readonly command: string } | { readonly kind: 'script' | 'errexit' };
  readonly stdin: boolean;
  /** Milliseconds, and the directory that will exist when they ended the command. */
  readonly timeout?: { readonly ms: number; readonly marker: string } | undefined;
  /** Whether the SSH agent comes along. */
  readonly agent?: boolean;
}

/** Runs a command in the session's context. The words of its status: created (0 or 1), `cwd` or `no-cwd`, its process id. */
export function execArgv({ session, create, run, stdin, timeout, agent = false }: ExecRequest): readonly string[] {
  const limit = timeout
    ? [`${Math.floor(timeout.ms / 1_000)}`, `${(timeout.ms % 1_000) / 1_000}`, timeout.marker]
    : ['', '', ''];
  // A shell takes a command that starts with a dash for one of its own options.
  const command = run.kind === 'command' ? run.command.replace(/^-/, ' -') : '';
  const input = stdin || run.kind !== 'command' ? 'stdin' : '';
  const name = create ? nameToCreate(session) : '';
  return shArgv(EXEC_SCRIPT, [session, name, run.kind, command, input, ...limit, agent ? 'agent' : '']);
}

export type CommandSignal = 'INT' | 'TERM' | 'HUP' | 'KILL';

/** Signals the whole process group of a command that `execArgv` started. */
export function signalArgv(signal: CommandSignal, pid: string): readonly string[] {
  return shArgv(SIGNAL_SCRIPT, [signal, pid]);
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
    case 'renamed':
      return new AppError(
        'usage',
        `tmux cannot name a session "${session}": it would call it "${printable(status.name)}"`,
        {
          hint: 'use letters, digits, "-" and "_"',
        },
      );
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

/** `new-session` expands formats in a name, and with them shell commands. */
function nameToCreate(name: string): string {
  return plainWord(name.replaceAll('#', '##'));
}

/** A word that ends in `;` would end the tmux command. */
function plainWord(text: string): string {
  return text.replace(/;$/, '\\;');
}

function shArgv(script: string, args: readonly string[]): readonly string[] {
  const mark = randomBytes(12).toString('hex');
  return ['sh', '-c', `azlin_mark=$1; shift\n${script}`, 'azlin', mark, ...args];
}
