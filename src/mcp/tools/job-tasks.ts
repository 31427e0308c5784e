import {
  type CallToolResult,
  type InputRequiredResult,
  isInputRequiredResult,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { answer, type Offering } from '../answer.ts';
import { BYTES, type CommandResult } from '../followed.ts';
import { saidIn } from '../said-in.ts';
import { type Task, type TaskSource, unknownTask } from '../tasks.ts';
import type { Tool } from '../tool.ts';
import { JOB_FOR_TASK, SSH_JOB_CANCEL, type TaskResult } from './jobs.ts';

/** Milliseconds: how long VMs keep jobs; between two questions of a client. */
const [KEPT, POLL] = [7 * 86_400_000, 2_000];

/** The jobs of VMs as tasks: every server that has these VMs in scope can be asked. The same rules hold as for the tools, and it is written down. */
export function jobTasks(offering: Offering): TaskSource {
  const ask = async (tool: Tool, taskId: string, request: ServerContext) => {
    const { job, max_bytes, stdoutOffset, stderrOffset } = partsOf(taskId);
    const args = tool === SSH_JOB_CANCEL ? { job } : { job, wait: 0, max_bytes, stdoutOffset, stderrOffset };
    const result = await answer(tool, { args, request, offering });
    if (isInputRequiredResult(result))
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `A person has to agree to this: call ${tool.name}`);
    const said = saidIn(result);
    if (result.isError && said.includes('(job-not-found)')) throw unknownTask(taskId);
    if (result.isError) throw new ProtocolError(ProtocolErrorCode.InternalError, said);
    const found = result.structuredContent as TaskResult;
    // A beginning of an id means a job for people, but no task.
    if (found.job !== job) throw unknownTask(taskId);
    return { result, found };
  };
  return {
    async get(taskId, request) {
      const { result, found } = await ask(JOB_FOR_TASK, taskId, request);
      const { started, ended, ...told } = found;
      const now = new Date(offering.context.clock.now()).toISOString();
      const task = {
        taskId,
        createdAt: started ?? now,
        lastUpdatedAt: ended ?? now,
        ttlMs: KEPT,
        pollIntervalMs: POLL,
      };
      if (told.state === 'running') return { ...task, status: 'working', statusMessage: messageFor(told) };
      if (told.state === 'cancelled') return { ...task, status: 'cancelled' };
      const content = [{ type: 'text' as const, text: JSON.stringify(told) }];
      return { ...task, status: 'completed', result: { ...result, content, structuredContent: told } };
    },
    cancel: async (taskId, request) => void (await ask(SSH_JOB_CANCEL, taskId, request)),
    // No job ever waits for an answer.
    update: async (taskId, _answers, request) => void (await ask(JOB_FOR_TASK, taskId, request)),
  };
}

/** The task of a call whose command goes on; undefined for any other result. */
export function taskOf(
  result: CallToolResult | InputRequiredResult,
  args: Readonly<Record<string, unknown>>,
  now: number,
): Task | undefined {
  if (isInputRequiredResult(result) || result.isError) return undefined;
  const told = result.structuredContent as CommandResult;
  if (told.state !== 'running') return undefined;
  const time = new Date(now).toISOString();
  const taskId = idOf(told.job, args);
  const times = { createdAt: time, lastUpdatedAt: time, ttlMs: KEPT, pollIntervalMs: POLL };
  return { taskId, status: 'working', statusMessage: messageFor(told), ...times };
}

const messageFor = ({ target, stdoutOffset, stderrOffset }: CommandResult) =>
  `${target}: running, ${stdoutOffset + stderrOffset} bytes of output`;

/** A job, and how much of its output was asked for: whoever is asked for the task may be another server. */
function idOf(job: string, { max_bytes: bytes = BYTES, stdoutOffset: out = 0, stderrOffset: err = 0 }: Given): string {
  return bytes === BYTES && out === 0 && err === 0 ? job : [job, bytes, out, err].join('~');
}

type Given = { readonly max_bytes?: unknown; readonly stdoutOffset?: unknown; readonly stderrOffset?: unknown };

function partsOf(taskId: string) {
  const [, job, bytes = `${BYTES}`, out = '0', err = '0'] =
    /^([\w-]{1,64})(?:~(\d{1,7})~(\d{1,15})~(\d{1,15}))?$/.exec(taskId) ?? [];
  if (job === undefined) throw unknownTask(taskId);
  return { job, max_bytes: Number(bytes), stdoutOffset: Number(out), stderrOffset: Number(err) };
}
