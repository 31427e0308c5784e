import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type McpServer,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  type Result,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { inEnvelope } from './confirm.ts';

/** The extension with which a call returns at once, and its client asks for the result later. */
const TASKS = 'io.modelcontextprotocol/tasks';

/** The state of a task, as `tasks/get` tells it. */
export interface Task {
  readonly taskId: string;
  readonly status: 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled';
  readonly statusMessage?: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly lastUpdatedAt: string;
  /** How long it can be asked for, from its beginning. */
  readonly ttlMs: number | null;
  readonly pollIntervalMs: number;
  /** What the call would have returned, once it is completed. */
  readonly result?: Result;
  /** Once it has failed. */
  readonly error?: { readonly code: number; readonly message: string };
  /** What it waits for, by names that the answers come under. */
  readonly inputRequests?: Readonly<Record<string, object>>;
}

/** Where tasks are. Each function rejects with `unknownTask` for one that is not there. */
export interface TaskSource {
  get(id: string, request: ServerContext): Promise<Task>;
  cancel(id: string, request: ServerContext): Promise<void>;
  /** Answers what it waits for; others are passed over. */
  update(id: string, answers: Readonly<Record<string, unknown>>, request: ServerContext): Promise<void>;
}

export function unknownTask(id: string): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no task "${id}"`);
}

/** Whether the client takes a task for a result: it says so with each request. */
export function takesTasks(request: ServerContext): boolean {
  const { extensions } = (inEnvelope(request, CLIENT_CAPABILITIES_META_KEY) ?? {}) as {
    readonly extensions?: Readonly<Record<string, unknown>>;
  };
  return extensions?.[TASKS] !== undefined;
}

/** What a call returns instead of its result. The content is there because the SDK wants some. */
export function createdTask({ result, error, inputRequests, ...task }: Task): CallToolResult {
  return { resultType: 'task', ...task, content: [] };
}

const NAMED = z.object({ taskId: z.string() });
const DONE = z.object({});

/** Lets clients of newer revisions ask for tasks, and end them. */
export function serveTasks({ server }: McpServer, source: TaskSource): void {
  server.registerCapabilities({ extensions: { [TASKS]: {} } });
  server.setRequestHandler('tasks/get', { params: NAMED, result: z.looseObject({}) }, async ({ taskId }, request) => {
    needTasks(request);
    const { result, ...task } = await source.get(taskId, request);
    // The whole of what the call would have returned: the SDK marks only what it sends itself.
    return result ? { ...task, result: { resultType: 'complete', ...result } } : task;
  });
  server.setRequestHandler('tasks/cancel', { params: NAMED, result: DONE }, async ({ taskId }, request) => {
    needTasks(request);
    await source.cancel(taskId, request);
    return {};
  });
  server.setRequestHandler('tasks/update', { params: NAMED, result: DONE }, async ({ taskId }, request) => {
    needTasks(request);
    await source.update(taskId, request.mcpReq.inputResponses ?? {}, request);
    return {};
  });
}

/** Throws what a client gets that does not take tasks. */
export function needTasks(request: ServerContext): void {
  if (takesTasks(request)) return;
  throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { extensions: { [TASKS]: {} } } });
}
