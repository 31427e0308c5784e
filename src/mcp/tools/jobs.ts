import { z } from 'zod';
import { isoTime } from '../../domain/duration.ts';
import { cancelJob, findJob } from '../../operations/jobs/find-job.ts';
import { watchJob } from '../../operations/jobs/job-as-command.ts';
import { listJobs, type PlacedJob } from '../../operations/jobs/list-jobs.ts';
import { begun } from '../collected.ts';
import { BYTES, COMMAND_RESULT, type CommandResult, MOST_BYTES, WAITING } from '../followed.ts';
import { CHANGES, defineTool, ENDS, LOOKS, type ToolCall } from '../tool.ts';
import { endedResult, readPart } from './ended-job.ts';
import { followOrCancel } from './execute.ts';
import { vmOrSession } from './targets.ts';

const NAMED = {
  job: z.string().min(1).describe('The id of the job, or the unique beginning of one'),
  server: z.string().min(1).optional().describe('Its VM, if several have a job with that id'),
};
type Named = { readonly job: string; readonly server?: string | undefined; readonly isWholeId?: boolean };

/** The job that is meant, if the settings allow the call there. */
async function found(
  { job: name, server: vm, isWholeId = false }: Named,
  { context, caller, permit }: ToolCall,
): Promise<PlacedJob> {
  const { list: deadline, listWhole: wholeDeadline } = context.limits;
  const job = await findJob(context.access, { name, vm, isWholeId, deadline, wholeDeadline }, caller);
  await permit(placeOfJob(job));
  return job;
}

const placeOfJob = ({ hostname, session, target }: PlacedJob) => ({ hostname, session, vm: target.vm });

const JOB = z.object({
  job: z.string(),
  server: z.string(),
  session: z.string().nullable(),
  command: z.string().describe('The first line of what runs'),
  state: z.string(),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  started: z.string().nullable(),
  ended: z.string().nullable(),
  stdoutBytes: z.int().nullable(),
  stderrBytes: z.int().nullable(),
});

function jobRow({
  id,
  hostname,
  session,
  command,
  state,
  startedAt,
  endedAt,
  ...job
}: PlacedJob): z.output<typeof JOB> {
  const { exitCode, signal, stdoutBytes, stderrBytes } = job;
  const times = {
    started: startedAt === null ? null : isoTime(startedAt),
    ended: endedAt === null ? null : isoTime(endedAt),
  };
  const what = { job: id, server: hostname, session: session === '' ? null : session, command, state };
  return { ...what, exitCode, signal, ...times, stdoutBytes, stderrBytes };
}

export const SSH_JOB_LIST = defineTool({
  name: 'ssh_job_list',
  title: 'List jobs',
  description:
    'Commands that run or ended in the last seven days, newest first: of a VM, a session, or the whole fleet.',
  input: z.object({
    server: z.string().min(1).optional().describe('VM or vm:session; the whole fleet if omitted'),
    running: z.boolean().default(false).describe('Only those that run'),
    limit: z.int().min(1).max(1_000).default(100).describe('The most jobs'),
  }),
  output: z.object({ jobs: z.array(JOB), warnings: z.array(z.string()) }),
  annotations: LOOKS,
  async run({ server, running, limit }, call) {
    const { context, caller, warnings, isHidden } = call;
    const { list: deadline, listWhole: wholeDeadline } = context.limits;
    const target = server === undefined ? undefined : await vmOrSession(server, call);
    const found = await listJobs(context.access, { target, deadline, wholeDeadline }, caller);
    const all = found.filter((job) => !isHidden(placeOfJob(job)));
    const wanted = running ? all.filter(({ state }) => state === 'running' || state === 'starting') : all;
    return { jobs: wanted.slice(0, limit).map(jobRow), warnings: [...warnings] };
  },
});

/** Seconds for reading the output of a job that has ended. */
const READING = 30;

const WAITED = z.object({
  ...NAMED,
  stdoutOffset: z.int().min(0).default(0).describe('stdoutOffset of the answer before'),
  stderrOffset: z.int().min(0).default(0).describe('stderrOffset of the answer before'),
  ...WAITING,
});

/** All of a job so far, without waiting for more. */
export const JOB_ANEW = {
  ...{ stdoutOffset: 0, stderrOffset: 0, wait: 0, max_bytes: BYTES },
  on_cancel: 'leave',
} as const;

export const SSH_JOB_WAIT = defineTool({
  name: 'ssh_job_wait',
  title: 'Wait for a job',
  description:
    'Waits for a job to end, and returns what it has written since the offsets of the answer before: byte for byte, nothing twice. Returns after `wait` seconds with state "running" if it still runs.',
  input: WAITED,
  output: COMMAND_RESULT,
  annotations: CHANGES,
  isTask: true,
  run: async (args, call) => (await waitFor(args, call)).result,
});

/** The same for tasks, which are named by whole ids, with what else is known of the job. */
export const JOB_FOR_TASK = defineTool({
  ...SSH_JOB_WAIT,
  input: WAITED,
  output: COMMAND_RESULT.extend({ row: JOB }),
  async run(args, call) {
    const { job, result } = await waitFor({ ...args, isWholeId: true }, call);
    return { ...result, row: jobRow(job) };
  },
});
export type TaskResult = CommandResult & { readonly row: z.output<typeof JOB> };

/** Waits for a job, and tells which one it was. */
export async function waitFor(args: z.output<typeof WAITED> & Named, call: ToolCall) {
  const { wait, max_bytes: bytes, stdoutOffset: out, stderrOffset: err, on_cancel, ...named } = args;
  const placed = await found(named, call);
  const { state } = placed;
  const ended = await endedResult(placed, { wait: 0, bytes, out, err }, call);
  if (ended) return { job: placed, result: ended };
  // What has ended has only to be read.
  const seconds = state === 'running' || state === 'starting' ? wait : Math.max(wait, READING);
  const running = watchJob(call.context.access, { ...placed, from: { isFound: true, out, err } }, call.caller);
  const following = { wait: seconds * 1_000, bytes, out, err };
  const result = await followOrCancel(running, following, { call, isToCancel: on_cancel === 'cancel' });
  return { job: placed, result };
}

export const SSH_JOB_OUTPUT = defineTool({
  name: 'ssh_job_output',
  title: 'Read the output of a job',
  description: 'Reads the output of a job so far, starting at a byte offset. Does not wait.',
  input: z.object({
    ...NAMED,
    stream: z.enum(['stdout', 'stderr']).default('stdout').describe('Which of its outputs'),
    offset: z.int().min(0).default(0).describe('The first byte'),
    max_bytes: z.int().min(1).max(MOST_BYTES).default(BYTES).describe('The most bytes'),
  }),
  output: z.object({
    job: z.string(),
    text: z.string(),
    offset: z.int(),
    next: z.int().describe('The offset of what follows'),
    more: z.boolean().describe('Whether more has been written'),
    warnings: z.array(z.string()),
  }),
  annotations: LOOKS,
  async run({ stream, offset, max_bytes: most, ...named }, call) {
    const job = await found(named, call);
    const { bytes, isFull } = await readPart({ job, stream, from: offset, most }, call);
    // What ends in the middle of a character goes on there the next time.
    const half = begun(bytes);
    const cut = half < bytes.length ? half : 0;
    const text = bytes.subarray(0, bytes.length - cut).toString();
    const next = offset + bytes.length - cut;
    return { job: job.id, text, offset, next, more: isFull || cut > 0, warnings: [...call.warnings] };
  },
});

export const SSH_JOB_CANCEL = defineTool({
  name: 'ssh_job_cancel',
  title: 'End a job',
  description: 'Sends SIGTERM to the command of a job and everything it started, and SIGKILL five seconds later.',
  input: z.object(NAMED),
  output: z.object({
    job: z.string(),
    server: z.string(),
    state: z.string(),
    hadEnded: z.boolean().describe('Whether it had already ended'),
    warnings: z.array(z.string()),
  }),
  annotations: ENDS,
  run: (named, call) => cancel(named, call),
});

/** The same for tasks. */
export const CANCEL_FOR_TASK = defineTool({
  ...SSH_JOB_CANCEL,
  input: z.object(NAMED),
  run: (named, call) => cancel({ ...named, isWholeId: true }, call),
});

async function cancel(named: Named, call: ToolCall) {
  const job = await found(named, call);
  const { id, hostname, state, hadEnded } = await cancelJob(call.context.access, job, call.caller);
  return { job: id, server: hostname, state, hadEnded, warnings: [...call.warnings] };
}
