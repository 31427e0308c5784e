import { Writable } from 'node:stream';
import type { PlacedJob } from '../../operations/jobs/list-jobs.ts';
import { showLogs } from '../../operations/jobs/logs.ts';
import { identifierOf } from '../../targets/target.ts';
import { type Collected, collector } from '../collected.ts';
import { type CommandResult, type FollowBounds, textsOf } from '../followed.ts';
import type { ToolCall } from '../tool.ts';

interface Part {
  readonly job: PlacedJob;
  readonly stream: 'stdout' | 'stderr';
  /** The first byte, and how many at most. */
  readonly from: number;
  readonly most: number;
}

/** Reads so many bytes of the output of a job, and no more. Rejects with an AppError. */
export async function readPart({ job, stream, from, most }: Part, { context, caller }: ToolCall) {
  const { to, result } = limitedTo(most);
  await showLogs(context.access, { job, stream, from, follow: false, to }, caller);
  return result();
}

/** Takes so many bytes, then nobody reads any more. */
function limitedTo(most: number) {
  const chunks: Buffer[] = [];
  let length = 0;
  let isFull = false;
  const to = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const rest = chunk.subarray(0, most - length);
      if (rest.length > 0) chunks.push(Buffer.from(rest));
      length += rest.length;
      isFull ||= rest.length < chunk.length;
      done(isFull ? Object.assign(new Error('enough was read'), { code: 'EPIPE' }) : undefined);
    },
  });
  to.on('error', () => {});
  return { to, result: () => ({ bytes: Buffer.concat(chunks), isFull }) };
}

const STATES = { exited: 'exited', signaled: 'signaled', 'timed-out': 'timed_out', cancelled: 'cancelled' } as const;

/** The result of a job that has ended with more output than is wanted: its beginning and its end are read, and nothing between. Undefined for any other job. */
export async function endedResult(
  job: PlacedJob,
  { bytes, out, err }: FollowBounds,
  call: ToolCall,
): Promise<CommandResult | undefined> {
  const { id, hostname, session, target, exitCode, signal, stdoutBytes, stderrBytes } = job;
  const state = job.state in STATES ? STATES[job.state as keyof typeof STATES] : undefined;
  if (!state || stdoutBytes === null || stderrBytes === null) return undefined;
  if (stdoutBytes - out <= bytes && stderrBytes - err <= bytes) return undefined;
  const half = Math.floor(bytes / 2);
  const ends = async (stream: Part['stream'], from: number, total: number): Promise<Collected> => {
    const all = collector(from, bytes);
    const read = async (at: number, most: number) => {
      if (most > 0) all.add((await readPart({ job, stream, from: at, most }, call)).bytes);
    };
    if (total - from <= bytes) await read(from, total - from);
    else {
      await read(from, half);
      all.skip(total - from - 2 * half);
      await read(total - half, half);
    }
    return all.result(true);
  };
  const texts = textsOf(await ends('stdout', out, stdoutBytes), await ends('stderr', err, stderrBytes));
  const where = session === '' ? hostname : identifierOf(target);
  return { job: id, target: where, ...texts, warnings: [...call.warnings], state, exitCode, signal, reason: null };
}
