import { closeSync, existsSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Caller } from '../domain/caller.ts';
import { type Clock, pause } from '../domain/clock.ts';
import { AppError, messageOf } from '../domain/errors.ts';
import { connectTo } from './greeted.ts';
import { type DaemonPlace, daemonPlace, whyNotSafe } from './place.ts';

export interface DoorSettings {
  readonly clock: Clock;
  /** `$AZLIN_HOME`. */
  readonly home: string;
  readonly uid: number;
  /** The file that the daemon is started from. */
  readonly program: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The way to the daemon. */
export interface Door {
  /** A connection to the daemon, which is started if there is none; undefined if that does not work, and the trace says why. Rejects only with the reason of the caller's signal. */
  open(caller: Caller): Promise<Socket | undefined>;
  /** The same, for a daemon that is there already. */
  openIfThere(): Promise<Socket | undefined>;
  /** The same for what must not get lost because the daemon is busy. Rejects if it is there, and does not answer, or was given up before. */
  openPatiently(): Promise<Socket | undefined>;
}

/** Milliseconds that a daemon may take to start. */
const START_LIMIT = 5_000;
/** Milliseconds that a busy daemon may take to answer what is important. */
const PATIENT = 5_000;
/** Milliseconds between two looks at whether the daemon that another process is starting is there. */
const STEP = 10;

export function door(settings: DoorSettings): Door {
  const { clock, uid } = settings;
  let place: DaemonPlace | undefined;
  /** Why there was no daemon for this process, and when. It is not tried again with each connection. */
  let trouble: { readonly why: string; readonly at: number } | undefined;
  let starting: Promise<void> | undefined;
  const givenUp = () => (trouble && Math.abs(clock.now() - trouble.at) < AGAIN ? trouble.why : undefined);
  const placed = () => {
    place ??= daemonPlace(settings.home, uid);
    return place;
  };

  const start = async (caller: Caller): Promise<void> => {
    const { socket } = placed();
    const mark = `${socket}.starting`;
    const failed = `${socket}.failed`;
    const reason = lately(failed, clock);
    if (reason !== undefined) throw new Error(reason);
    if (!claim(mark, clock)) return appears(socket, mark, clock);
    try {
      caller.trace("starting azlin's daemon");
      await startDaemon(settings, clock);
    } catch (error) {
      // The next commands need not wait for the same.
      writeFileSync(failed, messageOf(error), { mode: 0o600 });
      throw error;
    } finally {
      rmSync(mark, { force: true });
    }
  };

  const openIfThere = async () => {
    try {
      return whyNotSafe(placed(), uid) === undefined ? await connectTo(placed().socket, clock) : undefined;
    } catch {
      return undefined;
    }
  };

  return {
    openIfThere,
    async openPatiently() {
      // Who was just given up is not waited for again.
      const why = givenUp();
      if (why !== undefined) throw new Error(why);
      if (whyNotSafe(placed(), uid) !== undefined) return undefined;
      return connectTo(placed().socket, clock, PATIENT).catch((error: unknown) => {
        if (isAbsent(error)) return undefined;
        throw error;
      });
    },
    async open(caller) {
      if (givenUp() !== undefined) return undefined;
      try {
        const why = whyNotSafe(placed(), uid);
        if (why !== undefined) throw new Error(why);
        const open = await reached(placed().socket, clock);
        if (open) return open;
        starting ??= start(caller).finally(() => {
          starting = undefined;
        });
        await starting;
        return await connectTo(placed().socket, clock);
      } catch (error) {
        caller.signal.throwIfAborted();
        const why = givenUp() ?? messageOf(error);
        trouble = { why, at: clock.now() };
        caller.trace(`azlin's daemon is not used: ${why}`);
        return undefined;
      }
    },
  };
}

/** Milliseconds after which a daemon that could not be started, or did not answer, is tried again. */
const AGAIN = 60_000;

/** Why a daemon could not be started a moment ago. */
function lately(path: string, clock: Clock): string | undefined {
  try {
    return Math.abs(clock.now() - statSync(path).mtimeMs) < AGAIN ? readFileSync(path, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

/** Milliseconds for which a daemon that is ending may still accept connections, only to drop them. */
const ENDING = 2_000;

/** A connection to the daemon; undefined if there is none, or it has just ended. */
async function reached(path: string, clock: Clock): Promise<Socket | undefined> {
  const { signal } = new AbortController();
  for (const until = clock.now() + ENDING; ; await pause(clock, STEP, signal)) {
    try {
      return await connectTo(path, clock);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      const { code = '' } = error as { readonly code?: string };
      if (!['ECONNRESET', 'EPIPE'].includes(code) || clock.now() > until) throw error;
    }
  }
}

/** Nobody listens there: there is no such socket, or its daemon has died. */
function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ECONNREFUSED'].includes((error as { code?: string }).code ?? '');
}

/** Whether this process is the one to start the daemon. Many that begin at the same moment need only one. */
function claim(mark: string, clock: Clock): boolean {
  try {
    closeSync(openSync(mark, 'wx', 0o600));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  try {
    // Whoever made it has died.
    if (Math.abs(clock.now() - statSync(mark).mtimeMs) < START_LIMIT) return false;
    rmSync(mark, { force: true });
    return claim(mark, clock);
  } catch {
    return false;
  }
}

/** Waits until somebody listens there, or until whoever starts a daemon has given up. */
async function appears(socket: string, mark: string, clock: Clock): Promise<void> {
  const { signal } = new AbortController();
  const until = clock.now() + START_LIMIT;
  while (clock.now() < until && existsSync(mark)) {
    const open = await connectTo(socket, clock).catch(() => undefined);
    open?.destroy();
    if (open) return;
    await pause(clock, STEP, signal);
  }
}

/** Variables that the daemon needs. Others may be secrets, and belong to the process that starts it. */
const VARIABLES = ['HOME', 'PATH', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'USER', 'LOGNAME'];

/** Resolves when it listens, or another one does. */
async function startDaemon({ home, program, environment }: DoorSettings, clock: Clock): Promise<void> {
  // Imported only here, because it takes long to load.
  const { spawn } = await import('node:child_process');
  const kept = VARIABLES.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]]));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program], {
      cwd: '/',
      detached: true,
      env: { ...Object.fromEntries(kept), AZLIN_HOME: home },
      // It says over the fourth that it is ready, or why not.
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    let said = '';
    const words = child.stdio[3] as NodeJS.ReadableStream & { destroy(): void };
    const cancel = clock.schedule(START_LIMIT, () => settle(new AppError('timed-out', 'it did not start in 5 s')));
    const settle = (error?: Error) => {
      cancel();
      words.destroy();
      child.unref();
      if (error) reject(error);
      else resolve();
    };
    words.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.startsWith('ready\n')) settle();
    });
    words.on('end', () => settle(new Error(said.trim() || 'it ended at once')));
    child.once('error', settle);
  });
}
