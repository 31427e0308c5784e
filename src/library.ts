import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { type Access, accessOf } from './app/fleet-access.ts';
import { homeOf } from './app/home.ts';
import { systemClock } from './app/system-clock.ts';
import { type Caller, silentCaller } from './domain/caller.ts';
import { pausableClock } from './domain/clock.ts';
import { AppError, toAppError } from './domain/errors.ts';
import { shellWord } from './domain/text.ts';
import {
  checkCommand,
  checkOptions,
  checkPort,
  checkSignal,
  checkSize,
  checkText,
  checkTime,
  checkVariables,
} from './library/check.ts';
import { commandOf, inputOf } from './library/command.ts';
import { callScope } from './library/scope.ts';
import type { AttachedClient, Azlin, AzlinOptions, Command, ConnectOptions } from './library/types.ts';
import type { FleetAccess } from './operations/access/fleet-access.ts';
import { execCommand, type RunningCommand } from './operations/exec/exec.ts';
import { runInShell } from './operations/exec/run-in-shell.ts';
import { execDurably } from './operations/jobs/durable.ts';
import { connectSession } from './operations/sessions/connect.ts';
import { listSessions } from './operations/sessions/list.ts';
import { loadConfig, type Overrides } from './settings/config.ts';
import { identifierOf } from './targets/target.ts';

export { createRegistry } from './app/registry/create-registry.ts';
export { AppError as AzlinError, type ErrorCode } from './domain/errors.ts';
export type { Outcome } from './domain/outcome.ts';
export type { Probe, SessionRow } from './domain/session.ts';
export type * from './library/types.ts';
export type * from './registry/types.ts';

type Opened = Access & { readonly settings: Awaited<ReturnType<typeof loadConfig>> };

/** One call that is under way. */
interface Ongoing {
  readonly settings: Opened['settings'];
  readonly access: FleetAccess;
  /** The caller of operations, who gives up when the program aborts the call or closes azlin. `start`: whether to start a stopped VM. */
  readonly caller: (start?: boolean) => Caller;
  readonly signal: AbortSignal;
  /** Until this settles, the signal also ends what the call has started. */
  readonly keep: (until: Promise<unknown>) => void;
}

/** azlin as a library: `import { createAzlin } from 'azlin'`. Nothing is read or asked before the first call. */
export function createAzlin(options: AzlinOptions = {}): Azlin {
  const life = new AbortController();
  setMaxListeners(0, life.signal);
  const ongoing = new Set<Promise<unknown>>();
  let made: Promise<Opened> | undefined;
  const open = () => {
    made ??= openFleet(options).catch((error: unknown) => {
      // The next call tries again: the user may have fixed the settings by then.
      made = undefined;
      throw error;
    });
    return made;
  };
  /** Runs one call. Whatever goes wrong, the program gets one kind of error. */
  const call = async <T>(given: unknown, work: (one: Ongoing) => Promise<T>): Promise<T> => {
    const kept: Promise<unknown>[] = [];
    let release = () => {};
    const doing = (async () => {
      const scope = callScope(checkSignal(given), life.signal);
      release = scope.release;
      scope.signal.throwIfAborted();
      const { access, settings } = await open();
      scope.signal.throwIfAborted();
      const { signal } = scope;
      const caller = (always = false) => callerOf(options, signal, always);
      return work({ settings, access, caller, signal, keep: (until) => kept.push(until) });
    })();
    const over = doing.then(
      () => Promise.all(kept),
      () => {},
    );
    ongoing.add(over);
    void over.then(() => {
      release();
      ongoing.delete(over);
    });
    return doing.catch((error: unknown) => {
      throw toAppError(error);
    });
  };
  return {
    resolve: (identifier, given) =>
      call(given?.signal, async ({ access, caller }) => {
        const text = checkText('identifier', identifier);
        const target = await access.resolver.resolve(text, { fresh: false }, caller());
        const { hostname, session, vm, endpoint } = target;
        const { address, port, user } = endpoint;
        return { identifier: identifierOf(target), hostname, session, address, port, user, vmId: vm?.vmId ?? null };
      }),
    listSessions: (given) =>
      call(given?.signal, async ({ settings, access, caller }) => {
        const { all = false, refresh = false, tags = [], host, deadline } = checkOptions(given);
        const { listDeadline, listWholeDeadline: wholeDeadline } = settings;
        const ms = checkTime('deadline', deadline) ?? listDeadline;
        const hosts = host === undefined ? [] : [host];
        const request = { all, refresh, tags, hosts, sessions: true, mine: false, deadline: ms, wholeDeadline };
        const { rows, notes } = await listSessions(access, request, caller());
        return { rows, notes };
      }),
    exec: (identifier, command, given) =>
      call(given?.signal, async (one) => {
        const { create = false, start, timeout, stdin, cwd, env, job } = checkOptions(given);
        const request = {
          ...{ target: checkText('identifier', identifier), command: wordsOf(command), create, cwd },
          timeout: checkTime('timeout', timeout),
          stdin: inputOf(stdin),
          variables: checkVariables(env),
        };
        const durable = { job, grace: undefined, endsWithUs: false, detach: false };
        const starting =
          job === undefined
            ? execCommand(one.access, request, one.caller(start))
            : execDurably(one.access, { ...request, ...durable }, one.caller(start));
        return started(await starting, one);
      }),
    run: (identifier, command, given) =>
      call(given?.signal, async (one) => {
        const { create = false, start, timeout } = checkOptions(given);
        const ms = checkTime('timeout', timeout) ?? one.settings.runTimeout;
        const request = {
          target: checkText('identifier', identifier),
          command: wordsOf(command),
          create,
          timeout: ms,
        };
        return started(await runInShell(one.access, request, one.caller(start)), one);
      }),
    connect: (identifier, given) =>
      call(given?.signal, (one) => connect(one, checkText('identifier', identifier), checkOptions(given))),
    close() {
      life.abort(
        new AppError('interrupted', 'This azlin is closed', { hint: 'use createAzlin() to make another one' }),
      );
      const closing = made;
      // Closed now, and again when all calls have ended: one in progress may still open a connection.
      void Promise.allSettled(ongoing).then(() => closing?.then(({ transport }) => transport.close()).catch(() => {}));
      void closing?.then(({ transport }) => transport.close()).catch(() => {});
    },
  };
}

async function openFleet(options: AzlinOptions): Promise<Opened> {
  const { environment = process.env, user, port } = options;
  checkPort(options);
  const home = homeOf(environment);
  const settings = await loadConfig({ environment, home }, overridesOf(options));
  const access = await accessOf(
    { config: settings, user, port, forwardAgent: undefined },
    {
      environment: { ...environment },
      home,
      uid: process.getuid?.(),
      // A program that uses the library keeps its own connections, and leaves nothing behind.
      daemonProgram: undefined,
      inDaemon: undefined,
      // The command line renews caches in the background, not the program that uses this library.
      cli: [process.execPath, join(import.meta.dirname, 'azlin.js')],
      clock: pausableClock(systemClock),
      wallClock: systemClock,
    },
  );
  return { ...access, settings };
}

/** A caller who is never asked anything. */
function callerOf({ onWarning, onTrace }: AzlinOptions, signal: AbortSignal, always: boolean): Caller {
  const silent = silentCaller(signal);
  const start = { ...silent.start, always, isOption: true };
  return { ...silent, start, warn: onWarning ?? silent.warn, trace: onTrace ?? silent.trace };
}

function overridesOf(options: AzlinOptions): Overrides {
  const { context, subscriptions, resourceGroup, inventory, identities, jump, sshConfig } = options;
  const given = { context, subscriptions, resourceGroup, inventory, identities, proxyJump: jump, sshConfig };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** The words of a command. A single word is quoted: the operations would take it for a line of shell. */
function wordsOf(given: unknown): readonly string[] {
  const command = checkCommand(given);
  if (typeof command === 'string') return [command];
  const [only = '', ...more] = command;
  return more.length === 0 ? [shellWord(only)] : command;
}

/** From now on, the signal ends the command instead of the attempt to start it. */
function started(running: RunningCommand, { signal, keep }: Ongoing): Command {
  const { outcome, kill } = running;
  const end = () => void kill('TERM');
  signal.addEventListener('abort', end, { once: true });
  keep(outcome.then(() => signal.removeEventListener('abort', end)));
  return commandOf(running);
}

async function connect(
  { access, caller, signal, keep }: Ongoing,
  identifier: string,
  options: Partial<ConnectOptions>,
): Promise<AttachedClient> {
  const { term = 'xterm-256color', create = false, takeOver = false, start } = options;
  const { readOnly = false, independent = false } = options;
  const [columns, rows] = [checkSize('columns', options.columns), checkSize('rows', options.rows)];
  const request = {
    target: identifier,
    create,
    terminal: () => ({ term, columns, rows }),
    trueColor: true,
    readOnly,
    independent,
  };
  const attached = await connectSession(access, request, caller(start));
  const { target, remote, others, end, leave } = attached;
  const stdout = remote.stdout.pipe(new PassThrough());
  const isDrawn = new Promise((resolve) => remote.stdout.once('data', resolve));
  attached.begin(takeOver);
  // Detaching before the client is attached would have no effect.
  await Promise.race([isDrawn, end]);
  const finish = () => void leave().then(() => remote.close());
  signal.addEventListener('abort', finish, { once: true });
  keep(end.then(() => signal.removeEventListener('abort', finish)));
  return {
    target: identifierOf(target),
    stdin: remote.stdin,
    stdout,
    others: others.map(({ label }) => label),
    end,
    resize: remote.resize,
    detach: leave,
  };
}
