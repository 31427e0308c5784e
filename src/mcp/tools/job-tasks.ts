import {
  type CallToolResult,
  type InputRequiredResult,
  isInputRequiredResult,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { count } from '../../domain/text.ts';
import { answer, type Offering } from '../answer.ts';
import { BYTES, type CommandResult } from '../followed.ts';
import { saidIn } from '../said-in.ts';
import { type Task, type TaskSource, unknownTask } from '../tasks.ts';
import type { Tool } from '../tool.ts';
import type { ToolName } from '../tool-names.ts';
import { CANCEL_FOR_TASK, JOB_FOR_TASK, type TaskResult } from './jobs.ts';

/** Milliseconds: how long VMs keep jobs; between two questions of a client. */
const [KEPT, POLL] = [7 * 86_400_000, 2_000];

/** The jobs of VMs as tasks: every server that has these VMs in scope can be asked. The same rules hold as for the tools, and it is written down. */
export function jobTasks(offering: Offering, isOffered: (tool: ToolName) => boolean): TaskSource {
  const call = async (tool: Tool, args: Arguments, request: ServerContext) => {
    const result = await answer(tool, { args, request, offering, isAgain: true });
    if (!isInputRequiredResult(result)) return result;
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, `A person has to agree to this: call ${tool.name}`);
  };
  const ask = async (tool: Tool, taskId: string, request: ServerContext): Promise<CallToolResult> => {
    if (!isOffered(tool.name))
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `${tool.name} is not allowed by the settings`);
    const { job, server, ...bounds } = partsOf(taskId);
    const args = tool === CANCEL_FOR_TASK ? { job } : { job, wait: 0, ...bounds };
    const first = await call(tool, args, request);
    // Its VM may not answer, which is no answer about the job.
    const isMissing = first.isError === true && saidIn(first).includes('(job-not-found)');
    const result = isMissing ? await call(tool, { ...args, server }, request) : first;
    const said = saidIn(result);
    if (result.isError && said.includes('(job-not-found)')) throw unknownTask(taskId);
    if (result.isError) throw new ProtocolError(ProtocolErrorCode.InternalError, said);
    return result;
  };
  return {
    async get(taskId, request) {
      const result = await ask(JOB_FOR_TASK, taskId, request);
      const { row, ...told } = result.structuredContent as TaskResult;
      const now = new Date(offering.context.clock.now()).toISOString();
      const times = { createdAt: row.started ?? now, lastUpdatedAt: row.ended ?? now };
      const task = { taskId, ...times, ttlMs: KEPT, pollIntervalMs: POLL };
      if (told.state === 'running') return { ...task, status: 'working', statusMessage: `${told.target}: running` };
      if (told.state === 'cancelled') return { ...task, status: 'cancelled' };
      const content = [{ type: 'text' as const, text: JSON.stringify(told) }];
      return { ...task, status: 'completed', result: { ...result, content, structuredContent: told } };
    },
    cancel: async (taskId, request) => void (await ask(CANCEL_FOR_TASK, taskId, request)),
    // No job ever waits for an answer.
    update: async (taskId, _answers, request) => void (await ask(JOB_FOR_TASK, taskId, request)),
  };
}

type Arguments = Readonly<Record<string, unknown>>;

/** The task of a call whose command goes on; undefined for any other result. */
export function taskOf(result: CallToolResult | InputRequiredResult, args: Arguments, now: number): Task | undefined {
  if (isInputRequiredResult(result) || result.isError) return undefined;
  const { state, target, stdoutOffset, stderrOffset, job } = result.structuredContent as CommandResult;
  if (state !== 'running') return undefined;
  const time = new Date(now).toISOString();
  const times = { createdAt: time, lastUpdatedAt: time, ttlMs: KEPT, pollIntervalMs: POLL };
  const statusMessage = `${target}: running, ${count(stdoutOffset + stderrOffset, 'byte')} of output`;
  return { taskId: idOf(job, target, args), status: 'working', statusMessage, ...times };
}

/** A job, its VM, and how much of its output was asked for: whoever is asked for the task may be another server. */
function idOf(
  job: string,
  target: string,
  { max_bytes: bytes = BYTES, stdoutOffset: out = 0, stderrOffset: err = 0 }: Arguments,
): string {
  const server = target.replace(/:[^:\]]*$/, '');
  const bounds = bytes === BYTES && out === 0 && err === 0 ? [] : [bytes, out, err];
  return [`${job}@${encodeURIComponent(server)}`, ...bounds].join('~');
}

function partsOf(taskId: string) {
  const form = /^([\w-]{1,64})@([\w.%!'()*-]{1,300})(?:~(\d{1,7})~(\d{1,15})~(\d{1,15}))?$/;
  const [, job, server = '', bytes = `${BYTES}`, out = '0', err = '0'] = form.exec(taskId) ?? [];
  if (job === undefined || !isEncoded(server)) throw unknownTask(taskId);
  const bounds = { max_bytes: Number(bytes), stdoutOffset: Number(out), stderrOffset: Number(err) };
  return { job, server: decodeURIComponent(server), ...bounds };
}

function isEncoded(text: string): boolean {
  try {
    return decodeURIComponent(text) !== '';
  } catch {
    return false;
  }
}
