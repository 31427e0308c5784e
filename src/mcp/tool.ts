import {
  type CallToolResult,
  CLIENT_INFO_META_KEY,
  type InputRequiredResult,
  type McpServer,
  type ServerContext,
  type ToolAnnotations,
} from '@modelcontextprotocol/server';
import type { z } from 'zod';
import { type Caller, silentCaller } from '../domain/caller.ts';
import { AppError, toAppError } from '../domain/errors.ts';
import { withoutSecrets } from '../domain/secrets.ts';
import { auditRecord } from './audit.ts';
import { enforce, inEnvelope, questionOf } from './confirm.ts';
import type { McpContext } from './context.ts';
import type { Guard, GuardPlace } from './guard.ts';
import { type PlacedAt, placesOf } from './places.ts';

/** One call of a tool. */
export interface ToolCall {
  readonly caller: Caller;
  readonly context: McpContext;
  /** What the client calls itself. */
  readonly client: string;
  /** Tells clients of one server apart, as far as the protocol lets it: the others only by their names. */
  readonly clientKey: string;
  /** What the caller was warned of so far. */
  readonly warnings: readonly string[];
  /** Goes on only if the settings allow this call there; a person may be asked. Rejects with an AppError, or with what makes the client ask. */
  permit(at: PlacedAt): Promise<void>;
  /** Whether the settings forbid it there: for rows of lists. */
  isHidden(at: GuardPlace): boolean;
  /** Whether it has to be known which session a name really means. */
  readonly isAboutSessions: boolean;
}

export interface Tool<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  readonly annotations: ToolAnnotations;
  run(args: z.output<Input>, call: ToolCall): Promise<z.input<Output>>;
}

/** Tools that only look; those that change something that can be changed again; those that end something. */
export const LOOKS: ToolAnnotations = { readOnlyHint: true, openWorldHint: true };
export const CHANGES: ToolAnnotations = { readOnlyHint: false, destructiveHint: false, openWorldHint: true };
export const ENDS: ToolAnnotations = { readOnlyHint: false, destructiveHint: true, openWorldHint: true };

/** Keeps the types of input and output together. */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(tool: Tool<Input, Output>): Tool {
  return tool;
}

export interface Offering {
  readonly server: McpServer;
  readonly context: McpContext;
  readonly guard: Guard;
}

/** Offers a tool to the client. Whatever goes wrong becomes an answer that says what to do, and every call is written down. */
export function offer(tool: Tool, offering: Offering): void {
  const { name, title, description, input, output, annotations } = tool;
  const config = { title, description, inputSchema: input, outputSchema: output, annotations };
  offering.server.registerTool(name, config, (args, request) => {
    const answering = answer(tool, { args, request, offering });
    offering.context.onCall?.(answering);
    return answering;
  });
}

interface Asked {
  readonly args: Readonly<Record<string, unknown>>;
  readonly request: ServerContext;
  readonly offering: Offering;
}

/** Does what was asked for, as far as the settings allow it, and writes that down. Never rejects. */
export async function answer(tool: Tool, asked: Asked): Promise<CallToolResult | InputRequiredResult> {
  const { args, request, offering } = asked;
  const { context } = offering;
  const warnings: string[] = [];
  const client = clientOf(asked);
  let place: GuardPlace | undefined;
  const note = noteOf(tool, { asked, client, warnings });
  let hasAgreed = false;
  const judge = () => {
    const verdict = offering.guard.judge({ tool: tool.name, place });
    if (verdict.kind === 'confirm' && hasAgreed) return;
    const { server } = offering;
    hasAgreed = enforce(verdict, { tool: tool.name, args, place, request, server }) === 'agreed';
  };
  const caller = callerOf(request, warnings);
  let isBegun = false;
  const permit = async (at: PlacedAt) => {
    for (place of await placesOf(at, context.access, caller)) judge();
    // Should this process be killed meanwhile, it is still known what an agent began.
    if (!isBegun && tool.annotations.readOnlyHint === false) await note({ result: 'begun' }, place);
    isBegun = true;
  };
  try {
    judge();
    const result = await tool.run(args, {
      ...{ caller, context, client, warnings, permit },
      clientKey: request.sessionId ?? (request.http ? client : 'stdio'),
      isHidden: (at) => offering.guard.judge({ tool: tool.name, place: at }).kind === 'denied',
      isAboutSessions: offering.guard.isAboutSessions,
    });
    await note({ result: 'ok', ...tellingOf(result) }, place);
    const told = 'warnings' in result ? { ...result, warnings: [...warnings] } : result;
    return { content: [{ type: 'text', text: JSON.stringify(told) }], structuredContent: told };
  } catch (thrown) {
    const error = toAppError(thrown);
    const question = questionOf(error);
    if (question) {
      await note({ result: 'asked' }, place);
      return question;
    }
    await note({ result: 'error', code: error.code, error: error.message }, place);
    return failure(error, warnings);
  }
}

interface Noted {
  readonly asked: Asked;
  readonly client: string;
  readonly warnings: string[];
}

/** Writes down what comes of a call. What cannot be written is a warning, for its caller too. */
function noteOf({ name }: Tool, { asked, client, warnings }: Noted) {
  const { args, offering } = asked;
  const { context } = offering;
  const user = context.access.settings.label;
  return async (outcome: object, place: GuardPlace | undefined): Promise<void> => {
    const record = auditRecord({ tool: name, args, client, user, place, outcome, now: context.clock.now() });
    await context.audit(record).catch((error: unknown) => {
      const { message } = toAppError(error);
      context.log(message);
      warnings.push(`this call could not be written down: ${message}`);
    });
  };
}

/** What of a result belongs into the log. */
function tellingOf(result: Readonly<Record<string, unknown>>): object {
  const names = ['job', 'state', 'exitCode', 'session_id'] as const;
  return Object.fromEntries(names.flatMap((name) => (name in result ? [[name, result[name]]] : [])));
}

function clientOf(asked: Asked): string {
  const { server } = asked.offering.server;
  const { name } = (inEnvelope(asked.request, CLIENT_INFO_META_KEY) ?? server.getClientVersion() ?? {}) as {
    readonly name?: unknown;
  };
  return typeof name === 'string' ? name.slice(0, 100) : 'unknown';
}

function failure({ code, message, hint, candidates }: AppError, warnings: readonly string[]): CallToolResult {
  const near = candidates?.items.map(({ identifier }) => identifier).join(', ');
  const lines = [
    `error: ${message} (${code})`,
    ...(near ? [`${candidates?.title}: ${near}`] : []),
    ...(hint ? [`hint: ${hint}`] : []),
    ...warnings.map((line) => `warning: ${line}`),
  ];
  return { isError: true, content: [{ type: 'text', text: withoutSecrets(lines.join('\n')) }] };
}

/** Whom operations tell: progress goes to the client if it wants any, warnings into the answer. Nobody can be asked. */
function callerOf({ mcpReq }: ServerContext, warnings: string[]): Caller {
  const { signal, _meta: meta } = mcpReq;
  const cancelled = new AbortController();
  const cancel = () => cancelled.abort(new AppError('interrupted', 'The client has cancelled the call'));
  if (signal.aborted) cancel();
  signal.addEventListener('abort', cancel, { once: true });
  const token = meta?.progressToken;
  let progress = 0;
  return {
    ...silentCaller(cancelled.signal),
    progress(message) {
      if (token === undefined || message === undefined) return;
      const params = { progressToken: token, progress: ++progress, message };
      mcpReq.notify({ method: 'notifications/progress', params }).catch(() => {});
    },
    warn: (line) => void warnings.push(withoutSecrets(line)),
  };
}
