import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { type Caller, withSignal } from '../../domain/caller.ts';
import { withDeadline } from '../../domain/deadline.ts';
import { AppError } from '../../domain/errors.ts';
import type { RunningCommand } from '../../operations/exec/exec.ts';
import { execDurably } from '../../operations/jobs/durable.ts';
import { jobsOf } from '../../operations/jobs/list-jobs.ts';
import { identifierOf, type Target } from '../../targets/target.ts';
import type { LeftJob } from '../clients.ts';
import { COMMAND_RESULT, type CommandResult, type FollowBounds, follow, WAITING } from '../followed.ts';
import { defineTool, ENDS, type ToolCall } from '../tool.ts';
import { placeOf } from './targets.ts';

/** Seconds. */
const LONGEST = 30 * 86_400;

export const SSH_EXECUTE = defineTool({
  name: 'ssh_execute',
  title: 'Run a command',
  description:
    'Runs a command on a VM as a job, which goes on if this call, its client or the connection ends. Returns when it has ended, or after `wait` seconds with state "running"; ssh_job_wait goes on from there. With server "vm:session" it runs in the directory and environment of that tmux session, with "vm" in the home directory.',
  input: z.object({
    server: z.string().min(1).describe('VM, resource-group/vm, an address, or vm:session'),
    command: z.string().min(1).describe('A line of shell'),
    cwd: z.string().min(1).optional().describe('Where to run it'),
    env: z.record(z.string(), z.string()).default({}).describe('Variables; no other user of the VM can see them'),
    stdin: z.string().optional().describe('Its standard input'),
    timeout: z.number().positive().max(LONGEST).optional().describe('Seconds after which the VM ends it'),
    idempotency_key: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe('The same call with the same key runs once; later ones get the result of the first'),
    ...WAITING,
  }),
  output: COMMAND_RESULT,
  annotations: ENDS,
  isTask: true,
  async run({ server, command, wait, max_bytes: bytes, on_cancel, ...args }, call) {
    const { access } = call.context;
    const target = await placeOf(server, call);
    const variables = Object.entries(args.env).map(([name, value]) => variable(name, value));
    const isToCancel = on_cancel === 'cancel';
    const { cwd, stdin, timeout } = args;
    const sorted = variables.map((one) => JSON.stringify(one)).sort();
    const about = { user: target.user, session: target.session, cwd, stdin, timeout, variables: sorted };
    const request = {
      target,
      command: [command],
      stdin: args.stdin === undefined ? undefined : Readable.from([Buffer.from(args.stdin)]),
      create: false,
      timeout: args.timeout === undefined ? undefined : args.timeout * 1_000,
      cwd: args.cwd,
      variables,
      job: args.idempotency_key === undefined ? undefined : jobOfKey(args.idempotency_key, about),
      ...{ grace: undefined, endsWithUs: false, detach: false },
    };
    const start = (caller: Caller) => execDurably(access, request, caller);
    const following = { wait: wait * 1_000, bytes, out: 0, err: 0 };
    return startAndFollow({ target, id: request.job, start, following, isToCancel }, call);
  },
});

interface Starting {
  readonly target: Target;
  /** The id that the job gets, if it is not a new one. */
  readonly id?: string | undefined;
  start(caller: Caller): Promise<RunningCommand>;
  readonly following: FollowBounds;
  /** Whether the job ends when the client cancels the call. */
  readonly isToCancel: boolean;
}

/** Starts a command, unless too many of the client run already, and follows it for a while. */
export async function startAndFollow(
  { target, id, start, following, isToCancel }: Starting,
  call: ToolCall,
): Promise<CommandResult> {
  const { clients } = call.context;
  // What is to end with the call has to have begun first: whether it did must not stay open.
  const caller = isToCancel ? { ...call.caller, signal: new AbortController().signal } : call.caller;
  const run = async () => {
    const result = await followOrCancel(await start(caller), following, { call, isToCancel });
    return { result, left: result.state === 'running' ? { id: result.job, target: identifierOf(target) } : undefined };
  };
  return (await clients.running(call.clientKey, { id, run, over: (jobs) => endedOf(jobs, call) })).result;
}

/** Those that have ended, and those on VMs that do not answer: what runs there must not keep the client from other VMs. */
async function endedOf(jobs: readonly LeftJob[], { context, caller }: ToolCall): Promise<readonly LeftJob[]> {
  const { access, clock, limits } = context;
  const ask = async (target: string) => {
    const expired = () => new AppError('timed-out', 'it did not answer');
    const deadline = { clock, ms: limits.list, signal: caller.signal, expired };
    const found = await withDeadline(deadline, (signal) =>
      jobsOf(access, { target }, withSignal(caller, signal)),
    ).catch(() => []);
    const running = found.filter(({ state }) => state === 'running' || state === 'starting').map(({ id }) => id);
    return jobs.filter((job) => job.target === target && !running.includes(job.id));
  };
  return (await Promise.all([...new Set(jobs.map(({ target }) => target))].map(ask))).flat();
}

interface Cancelling {
  readonly call: ToolCall;
  readonly isToCancel: boolean;
}

/** Follows it for a while; if the client cancels meanwhile, and wants that, the job ends. */
export async function followOrCancel(
  running: RunningCommand,
  following: FollowBounds,
  { call, isToCancel }: Cancelling,
): Promise<CommandResult> {
  const result = await follow(running, following, call);
  if (call.caller.signal.aborted && isToCancel && result.state === 'running') await running.job?.cancel();
  return result;
}

/** A job id for the key together with all that the job depends on, but for the command, which the VM compares, and the VM itself, which has ids of its own. */
function jobOfKey(key: string, about: unknown): string {
  return `key-${createHash('sha256')
    .update(JSON.stringify([key, about]))
    .digest('hex')
    .slice(0, 24)}`;
}

function variable(name: string, value: string) {
  if (/^[A-Za-z_]\w*$/.test(name)) return { name, value };
  throw new AppError('usage', `"${name}" cannot be the name of a variable`);
}
