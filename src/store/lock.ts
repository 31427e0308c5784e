import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, pause } from '../domain/clock.ts';
import { AppError } from '../domain/errors.ts';
import { shellWord } from '../domain/text.ts';

/** Milliseconds that another azlin may take to write its settings; one that takes longer has died. */
const LOCK_TTL = 5_000;
const LOCK_STEP = 20;
/** Milliseconds after which somebody has to look. */
const PATIENCE = 20_000;

export interface Locking {
  readonly path: string;
  readonly clock: Clock;
}

/** Whether the lock is still ours: whoever was stopped for long may have lost it. */
export type IsHeld = () => Promise<boolean>;

/** Two azlin that change a file do so one after the other. The lock is a file beside it; it holds a word of whoever made it. */
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
  // Where it cannot be made for another reason the file cannot be written either, which says more.
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

/** Of many who find the lock of a dead azlin one takes it away: a lock that somebody has made since is not that one. */
async function takeAway(lock: string, dead: string): Promise<void> {
  const guard = `${lock}.${Buffer.from(dead, 'latin1').toString('hex').slice(0, 32)}`;
  if ((await make(guard, '')) !== 'made') return;
  try {
    if ((await wordIn(lock)) === dead) await rm(lock, { force: true });
  } catch {
    // Somebody else's: it stays, and that is said in the end.
  } finally {
    await rm(guard, { force: true }).catch(() => {});
  }
}

/** What the lock says; undefined where there is none, nothing where it cannot be read. */
function wordIn(lock: string): Promise<string | undefined> {
  return readFile(lock, 'latin1').catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? undefined : ''));
}
