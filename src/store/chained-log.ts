import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { AppError, messageOf } from '../domain/errors.ts';
import { type Locking, withLock } from './lock.ts';
import { notTrusted, strangerTo } from './trusted-file.ts';

/*
 * A log whose lines are JSON. Each has the hash of the one before, and its own: whoever changes, removes or inserts a line has to change all that follow. Only
 * the last lines can be cut off without a trace, unless their hash is known elsewhere.
 */

/** The `prev` of the first line. */
const NOTHING = '0'.repeat(64);
/** Bytes at the end in which the last line is looked for first. */
const TAIL = 64 * 1024;

/** Adds a line. Several processes may do so at once. Rejects with an AppError. */
export async function appendChained(locking: Locking, record: object): Promise<void> {
  const { path } = locking;
  await withLock(locking, async () => {
    let file: FileHandle | undefined;
    try {
      file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o600);
      const stats = await file.stat();
      const stranger = await strangerTo(stats);
      if (stranger) throw notTrusted(path, stranger);
      if ((stats.mode & 0o077) !== 0) await file.chmod(0o600);
      const last = await lastLine(file, stats.size);
      const prev = last === '' ? NOTHING : hashIn(last);
      // A line that was cut off, for example by a full disk, stays as it is, and is found by whoever verifies.
      const isOpen = last !== '' && !last.endsWith('\n');
      await file.appendFile(`${isOpen ? '\n' : ''}${chainedLine(record, prev)}\n`);
    } catch (error) {
      if (error instanceof AppError) throw error;
      throw new AppError('config', `Cannot write ${path}: ${messageOf(error)}`, { cause: error });
    } finally {
      await file?.close();
    }
  });
}

function chainedLine(record: object, prev: string): string {
  const body = { ...record, prev };
  return JSON.stringify({ ...body, hash: hashOf(body) });
}

const hashOf = (body: object) => createHash('sha256').update(JSON.stringify(body)).digest('hex');

function hashIn(line: string): string {
  try {
    const { hash } = JSON.parse(line) as { readonly hash?: unknown };
    return typeof hash === 'string' ? hash : NOTHING;
  } catch {
    // Whoever verifies finds that something is missing here.
    return NOTHING;
  }
}

/** With its line break, if it has one. */
async function lastLine(file: FileHandle, size: number): Promise<string> {
  for (let length = Math.min(TAIL, size); ; length = Math.min(length * 8, size)) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    const text = buffer.subarray(0, bytesRead).toString();
    const start = text.lastIndexOf('\n', text.length - 2);
    if (start >= 0 || length === size) return text.slice(start + 1);
  }
}

export interface Verified {
  /** Lines that are as they were written. */
  readonly lines: number;
  /** The hash of the last one; a note of it elsewhere shows later whether lines were cut off. */
  readonly last: string | null;
  /** The number of the first line that is not, and why. */
  readonly broken: { readonly line: number; readonly why: string } | null;
}

/** Checks a log. Rejects with the system's error if it cannot be read. */
export async function verifyChained(path: string): Promise<Verified> {
  const file = await open(path, 'r');
  let lines = 0;
  let prev = NOTHING;
  try {
    for await (const text of file.readLines()) {
      const why = problemOf(text, prev);
      if (why !== undefined) return { lines, last: lines === 0 ? null : prev, broken: { line: lines + 1, why } };
      prev = hashIn(text);
      lines++;
    }
    return { lines, last: lines === 0 ? null : prev, broken: null };
  } finally {
    await file.close().catch(() => {});
  }
}

function problemOf(text: string, prev: string): string | undefined {
  try {
    const line = JSON.parse(text) as Readonly<Record<string, unknown>>;
    // A name that is there twice would hide one of its values.
    if (JSON.stringify(line) !== text) return 'it was changed';
    const { hash, ...body } = line;
    if (body['prev'] !== prev) return 'a line before it is missing, was inserted or changed';
    return hash === hashOf(body) ? undefined : 'it was changed';
  } catch {
    return 'it is not a line of this log';
  }
}
