import {
  type CallToolResult,
  type InputRequiredResult,
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { answer, noteOf } from './answer.ts';
import type { McpContext } from './context.ts';
import { guardBy } from './guard.ts';
import { createdTask, type TaskSource, takesTasks } from './tasks.ts';
import type { Tool } from './tool.ts';
import { TOOL_NAMES, type ToolName } from './tool-names.ts';
import { SSH_EXECUTE } from './tools/execute.ts';
import { SSH_KEYS, SSH_LIST, SSH_SCREEN, SSH_STATUS } from './tools/fleet.ts';
import { jobTasks, taskOf } from './tools/job-tasks.ts';
import { SSH_JOB_CANCEL, SSH_JOB_LIST, SSH_JOB_OUTPUT, SSH_JOB_WAIT } from './tools/jobs.ts';
import { sessionTools } from './tools/sessions.ts';
import { SSH_CONNECTION_STATUS, SSH_VM_START, SSH_VM_STOP } from './tools/vms.ts';

interface Asking {
  readonly request: ServerContext;
  readonly server: McpServer;
  /** Whether the client speaks a revision that has tasks. */
  readonly isModern: boolean;
}
type Arguments = Readonly<Record<string, unknown>>;
type Answered = CallToolResult | InputRequiredResult;

/** The tools that clients are offered. */
export interface Offered {
  list(): { readonly tools: ReturnType<typeof described>[] };
  /** Rejects with a ProtocolError for a tool that is not there. */
  call(params: { readonly name: string; readonly arguments?: Arguments | undefined }, by: Asking): Promise<Answered>;
  /** Calls a tool for a resource. */
  read(name: ToolName, args: Arguments, by: Asking): Promise<Answered>;
  tasks(server: McpServer): TaskSource;
  /** Whether the settings let clients list the fleet. */
  readonly isFleetListed: boolean;
}

/** Milliseconds that a client which takes tasks waits for the result of a call itself. */
const BEFORE_TASK = 5_000;

/** Throws `config` for a rule that makes no sense. */
export function offeredBy(context: McpContext): Offered {
  const guard = guardBy(context.rules, TOOL_NAMES);
  const all = allTools(context);
  const tools = context.rules.isReadOnly ? all.filter(({ annotations }) => annotations.readOnlyHint) : all;
  const listed = { tools: tools.map(described) };
  const named = async (name: string, args: Arguments, { request, server }: Asking) => {
    const tool = tools.find((one) => one.name === name);
    if (tool) return tool;
    const message = `There is no tool "${name}"`;
    const asked = { args, request, offering: { server, context, guard } };
    await noteOf({ name }, asked, [])({ result: 'error', code: 'usage', error: message });
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, message);
  };
  return {
    list: () => listed,
    isFleetListed: guard.judge({ tool: 'ssh_list' }).kind === 'allowed',
    async call({ name, arguments: args = {} }, by) {
      const { request, server, isModern } = by;
      const tool = await named(name, args, by);
      const mayBeTask = isModern && tool.isTask === true && takesTasks(request);
      const atMost = mayBeTask ? BEFORE_TASK : undefined;
      const result = await answer(tool, { args, request, offering: { server, context, guard }, atMost });
      const task = mayBeTask ? taskOf(result, args, context.clock.now()) : undefined;
      return task ? createdTask(task) : result;
    },
    async read(name, args, by) {
      const { request, server } = by;
      return answer(await named(name, args, by), { args, request, offering: { server, context, guard } });
    },
    tasks: (server) => jobTasks({ server, context, guard }, (name) => tools.some((tool) => tool.name === name)),
  };
}

function described({ name, title, description, input, output, annotations }: Tool) {
  const target = 'draft-2020-12' as const;
  const type = 'object' as const;
  const inputSchema = { ...input['~standard'].jsonSchema.input({ target }), type };
  const outputSchema = { ...output['~standard'].jsonSchema.output({ target }), type };
  return { name, title, description, inputSchema, outputSchema, annotations };
}

function allTools(context: McpContext): readonly Tool[] {
  return [
    SSH_LIST,
    SSH_STATUS,
    SSH_EXECUTE,
    ...sessionTools(context.sessions),
    SSH_SCREEN,
    SSH_JOB_LIST,
    SSH_JOB_WAIT,
    SSH_JOB_OUTPUT,
    SSH_JOB_CANCEL,
    SSH_KEYS,
    SSH_CONNECTION_STATUS,
    SSH_VM_START,
    SSH_VM_STOP,
  ];
}
