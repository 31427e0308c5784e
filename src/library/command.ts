import { PassThrough, Readable } from 'node:stream';
import { AppError } from '../domain/errors.ts';
import { exitStatusOf } from '../domain/outcome.ts';
import type { RunningCommand } from '../operations/exec/exec.ts';
import type { Command, Output } from './types.ts';

/** A command for programs: they may stop reading a stream at any time, or ask for the whole output. */
export function commandOf({ target, outcome, kill, ...streams }: RunningCommand): Command {
  const [stdout, stderr] = [leavable(streams.stdout), leavable(streams.stderr)];
  let read: Promise<Output> | undefined;
  const output = async (): Promise<Output> => {
    const [out, err, ended] = await Promise.all([textOf(stdout), textOf(stderr), outcome]);
    return { target, stdout: out, stderr: err, outcome: ended, exitCode: exitStatusOf(ended) };
  };
  return {
    ...{ target, stdout, stderr, outcome, kill },
    output() {
      read ??= output();
      return read;
    },
  };
}

/** If the program stops reading (`break` in `for await`), the rest is thrown away, so that the command can end. */
function leavable(source: Readable): Readable {
  const stream = new PassThrough();
  stream.once('close', () => {
    source.unpipe(stream);
    source.resume();
  });
  source.once('error', (error) => stream.destroy(error));
  return source.pipe(stream);
}

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk as Buffer);
  } catch {
    // The stream was destroyed. The text is what came before that.
  }
  return Buffer.concat(chunks).toString();
}

/** What a command reads. It fails if the given stream does, or yields something other than strings and bytes. */
export function inputOf(stdin: unknown): Readable | undefined {
  if (stdin === undefined) return undefined;
  if (!(stdin instanceof Readable)) throw new AppError('usage', 'Invalid stdin: expected a stream to read from');
  async function* bytes(source: Readable) {
    for await (const chunk of source) {
      if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array))
        throw new AppError('usage', 'Invalid stdin: it yields something other than strings and bytes');
      yield chunk;
    }
  }
  return Readable.from(bytes(stdin), { objectMode: false });
}
