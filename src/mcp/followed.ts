import { once } from 'node:events';
import { z } from 'zod';
import { count } from '../domain/text.ts';
import type { RunningCommand } from '../operations/exec/exec.ts';
import { type Collected, collector } from './collected.ts';
import type { ToolCall } from './tool.ts';

/** Milliseconds that a call waits for its command, so that no client gives up first; the longest that it may be told to. */
export const [WAIT, LONGEST_WAIT] = [50_000, 600_000];
/** Bytes of each stream in one answer, and the most that may be asked for. */
export const [BYTES, MOST_BYTES] = [60_000, 1_000_000];
/** Milliseconds between two signs of life. */
const BEAT = 5_000;

const offset = z.int().min(0);
const omitted = z.object({ from: offset, to: offset }).nullable();

/** What became of a command, as tools tell it. Offsets are bytes. */
export const COMMAND_RESULT = z.object({
  state: z
    .enum(['running', 'exited', 'signaled', 'timed_out', 'cancelled', 'lost', 'not_started'])
    .describe('running: it goes on, and ssh_job_wait waits for it; lost: it may have run'),
  job: z.string().describe('The id of the job on its VM'),
  target: z.string().describe('The VM, or vm:session'),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  stdout: z.string(),
  stderr: z.string(),
  stdoutOffset: offset.describe('Where ssh_job_wait goes on'),
  stderrOffset: offset,
  stdoutOmitted: omitted.describe('Bytes left out of stdout because it is too long; ssh_job_output reads them'),
  stderrOmitted: omitted,
  reason: z.string().nullable().describe('Why it is lost or was not started'),
  warnings: z.array(z.string()),
});
export type CommandResult = z.output<typeof COMMAND_RESULT>;

/** How long to wait, what becomes of the command if nobody does any more, and how much to take of the output. */
export const WAITING = {
  on_cancel: z
    .enum(['leave', 'cancel'])
    .default('leave')
    .describe('What happens to it if the client cancels this call, or goes away'),
  wait: z
    .number()
    .min(0)
    .max(LONGEST_WAIT / 1_000)
    .default(WAIT / 1_000)
    .describe('Seconds to wait for the command to end; it keeps running after that'),
  max_bytes: z
    .int()
    .min(1_000)
    .max(MOST_BYTES)
    .default(BYTES)
    .describe('Bytes of each stream in the answer; of more, the beginning and the end'),
};

export interface FollowBounds {
  /** Milliseconds. */
  readonly wait: number;
  readonly bytes: number;
  /** The bytes that are known already. */
  readonly out: number;
  readonly err: number;
}

/** Follows a job for a while. When the time is up, or the client has cancelled, the job goes on. */
export async function follow(running: RunningCommand, following: FollowBounds, call: ToolCall): Promise<CommandResult> {
  const { caller, context, warnings } = call;
  const { stdout, stderr, outcome, job, target } = running;
  const out = collector(following.out, following.bytes);
  const err = collector(following.err, following.bytes);
  const onOut = (chunk: Buffer) => out.add(chunk);
  const onErr = (chunk: Buffer) => err.add(chunk);
  // Both have been read to their ends before the outcome counts.
  const read = Promise.all([once(stdout, 'end'), once(stderr, 'end')]).catch(() => {});
  stdout.on('data', onOut);
  stderr.on('data', onErr);
  const ended = outcome.then(async (end) => {
    await read;
    return end;
  });
  let cancel = () => {};
  let stopBeat = () => {};
  const beat = () => {
    caller.progress(`${target}: running, ${count(out.read() + err.read(), 'byte')} of output`);
    stopBeat = context.clock.schedule(BEAT, beat);
  };
  stopBeat = context.clock.schedule(BEAT, beat);
  const late = new Promise<undefined>((resolve) => {
    cancel = context.clock.schedule(Math.min(following.wait, call.followsAtMost), () => resolve(undefined));
    if (caller.signal.aborted) resolve(undefined);
    caller.signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const end = await Promise.race([ended, late]);
  cancel();
  stopBeat();
  stdout.off('data', onOut).resume();
  stderr.off('data', onErr).resume();
  if (!end) job?.leave();
  // Of one that is lost, more may be there to be read.
  const isOver = end !== undefined && end.kind !== 'lost';
  const texts = textsOf(out.result(isOver), err.result(isOver));
  const about = { job: job?.id ?? '', target, ...texts, warnings: [...warnings] };
  if (!end) return { ...about, state: 'running', exitCode: null, signal: null, reason: null };
  return {
    ...about,
    state: end.kind === 'timed-out' ? 'timed_out' : end.kind === 'not-started' ? 'not_started' : end.kind,
    exitCode: end.kind === 'exited' ? end.code : null,
    signal: end.kind === 'signaled' ? end.signal : null,
    reason: end.kind === 'lost' || end.kind === 'not-started' ? end.cause.message : null,
  };
}

/** The collected outputs as results tell them. */
export function textsOf(out: Collected, err: Collected) {
  return {
    ...{ stdout: out.text, stdoutOffset: out.end, stdoutOmitted: out.omitted },
    ...{ stderr: err.text, stderrOffset: err.end, stderrOmitted: err.omitted },
  };
}
