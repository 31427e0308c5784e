import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, pause } from '../domain/clock.ts';
import { AppError } from '../domain/errors.ts';
import { shellWord } from '../domain/text.ts';

/** Milliseconds that another azlin may take to write its settings; one that takes longer has died. */
const LOCK_TTL = 5_000;
const LOCK_STEP = 20;
/** Milliseconds to wait for the lock; after that, a person has to look. */
const PATIENCE = 20_000;

export interface Locking {
  readonly path: string;
  readonly clock: Clock;
}

/** Whether this process still holds the lock. If it was stopped for long, it may have lost it. */
export type IsHeld = () => Promise<boolean>;

/** Makes azlin processes change a file one after the other. The lock is a file beside it, which holds a random word of the process that made it. */
export async function withLock<T>({ path, clock }: Locking, work: (isHeld: IsHeld) => Promise<T>): Promise<T> {
  const { signal } = new AbortController();
  const lock = `${path}.lock`;
  const word = randomBytes(8).toString('hex');
  await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch(() => {});
  let holder: string | undefined;
  let since = clock.now();
  const begunAt = since;
  let isMade = await make(lock, word);
  while (isMade === 'exists') {
    if (clock.now() - begunAt >= PATIENCE)
      throw new AppError(
        'config',
        `Cannot change ${path}: it is locked by another azlin, or by one that crashed (${lock})`,
        {
          hint: `if no azlin is running, rm ${shellWord(lock)}*`,
        },
      );
    const seen = await wordIn(lock);
    if (seen !== holder) {
      holder = seen;
      since = clock.now();
    }
    if (seen !== undefined && clock.now() - since >= LOCK_TTL) await takeAway(lock, seen);
    await pause(clock, LOCK_STEP, signal);
    isMade = await make(lock, word);
  }
  // If the lock cannot be made for another reason, the file cannot be written either, and that error says more.
  const isHeld = async () => isMade === 'failed' || (await wordIn(lock)) === word;
  try {
    return await work(isHeld);
  } finally {
    if (await isHeld()) await rm(lock, { force: true }).catch(() => {});
  }
}

async function make(file: string, word: string): Promise<'made' | 'exists' | 'failed'> {
  return writeFile(file, word, { flag: 'wx', mode: 0o600 }).then(
    () => 'made' as const,
    (error: NodeJS.ErrnoException) => (error.code === 'EEXIST' ? 'exists' : 'failed'),
  );
}

/** Removes the lock of an azlin that has died. Only one of many that find it does so, or another might remove a lock that was made since. */
async function takeAway(lock: string, dead: string): Promise<void> {
  const guard = `${lock}.${Buffer.from(dead, 'latin1').toString('hex').slice(0, 32)}`;
  if ((await make(guard, '')) !== 'made') return;
  try {
    if ((await wordIn(lock)) === dead) await rm(lock, { force: true });
  } catch {
    // It may belong to another user. It stays, and `withLock` says so in the end.
  } finally {
    await rm(guard, { force: true }).catch(() => {});
  }
}

/** The word in the lock; undefined if there is no lock, empty if it cannot be read. */
function wordIn(lock: string): Promise<string | undefined> {
  return readFile(lock, 'latin1').catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? undefined : ''));
}
