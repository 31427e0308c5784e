import { createReadStream, createWriteStream, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError, messageOf } from '../../domain/errors.ts';
import type { CallContext } from '../command.ts';

export interface Spool {
  /** What was read, from its beginning. */
  open(): Readable;
  remove(): void;
}

/** Keeps all of standard input in a file, so that many commands can read it. Rejects with an AppError. */
export async function spoolInput({ io, interrupts }: Pick<CallContext, 'io' | 'interrupts'>): Promise<Spool> {
  let directory: string | undefined;
  const remove = () => directory !== undefined && rmSync(directory, { recursive: true, force: true });
  const forget = interrupts.onExit(remove);
  try {
    directory = await mkdtemp(join(tmpdir(), 'azlin-stdin-'));
    const path = join(directory, 'stdin');
    await pipeline(io.stdin(), createWriteStream(path, { mode: 0o600 }), { signal: interrupts.signal });
    return {
      // Opened when it is read, not before: hundreds of commands may be waiting for their VMs.
      open: () => Readable.from(piecesOf(path), { objectMode: false }),
      remove() {
        forget();
        remove();
      },
    };
  } catch (error) {
    forget();
    remove();
    interrupts.signal.throwIfAborted();
    throw new AppError('usage', `Cannot buffer standard input for several commands: ${messageOf(error)}`, {
      cause: error,
      hint: 'set TMPDIR to a directory with room for it',
    });
  }
}

async function* piecesOf(path: string): AsyncGenerator<Buffer> {
  yield* createReadStream(path);
}
