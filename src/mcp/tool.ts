import { createHmac, randomBytes } from 'node:crypto';
import {
  acceptedContent,
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type InputRequiredResult,
  inputRequired,
  type McpServer,
  type ServerContext,
  type ToolAnnotations,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { type Caller, silentCaller } from '../domain/caller.ts';
import { AppError, toAppError } from '../domain/errors.ts';
import { withoutSecrets } from '../domain/secrets.ts';
import type { Target } from '../targets/target.ts';
import { auditRecord } from './audit.ts';
import type { McpContext } from './context.ts';
import type { GuardPlace, GuardSubject, GuardVerdict } from './guard.ts';

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
  /** Goes on only if the settings allow this call for the target; a person may be asked. Rejects with an AppError, or with what makes the client ask. */
  permit(target: PermittedTarget): void;
  /** Whether the settings forbid it there: for rows of lists. */
  isHidden(target: PermittedTarget): boolean;
}

export type PermittedTarget = Pick<Target, 'hostname' | 'session'> & {
  readonly vm?: { readonly tags: Readonly<Record<string, string>> } | null;
};

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
  readonly judge: (subject: GuardSubject) => GuardVerdict;
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
  const note = (outcome: object) =>
    context
      .audit(
        auditRecord({
          tool: tool.name,
          args,
          client,
          user: context.access.settings.label,
          place,
          outcome,
          now: context.clock.now(),
        }),
      )
      .catch((error: unknown) => {
        const { message } = toAppError(error);
        context.log(message);
        warnings.push(`this call could not be written down: ${message}`);
      });
  const judge = (target?: PermittedTarget) => {
    if (target) place = placeIn(target);
    check(offering.judge({ tool: tool.name, place }), tool.name, { asked, place });
  };
  try {
    judge();
    const result = await tool.run(args, {
      ...{ caller: callerOf(request, warnings), context, client, warnings, permit: judge },
      clientKey: request.sessionId ?? (request.http ? client : 'stdio'),
      isHidden: (target) => offering.judge({ tool: tool.name, place: placeIn(target) }).kind === 'denied',
    });
    await note({ result: 'ok', ...tellingOf(result) });
    return { content: [{ type: 'text', text: JSON.stringify(result) }], structuredContent: result };
  } catch (thrown) {
    const error = toAppError(thrown);
    const question = QUESTIONS.get(error);
    if (question) {
      await note({ result: 'asked' });
      return question;
    }
    await note({ result: 'error', code: error.code, error: error.message });
    return failure(error, warnings);
  }
}

/** What of a result belongs into the log. */
function tellingOf(result: Readonly<Record<string, unknown>>): object {
  const names = ['job', 'state', 'exitCode', 'session_id'] as const;
  return Object.fromEntries(names.flatMap((name) => (name in result ? [[name, result[name]]] : [])));
}

function placeIn({ hostname, session, vm }: PermittedTarget): GuardPlace {
  return { hostname, session, tags: vm?.tags ?? {} };
}

/** What the client is to ask a person, by the errors that end a call for that. */
const QUESTIONS = new WeakMap<AppError, InputRequiredResult>();

/** Ties an answer to the call that it was given for: it comes back through the client. */
const SECRET = randomBytes(32);
const ANSWER = z.object({ confirm: z.boolean() });

function check(
  verdict: GuardVerdict,
  tool: string,
  { asked, place }: { readonly asked: Asked; readonly place: GuardPlace | undefined },
): void {
  const where = place === undefined ? '' : ` on ${place.hostname}${place.session === '' ? '' : `:${place.session}`}`;
  if (verdict.kind === 'denied')
    throw new AppError('usage', `${tool}${where} is not allowed: ${verdict.why}`, {
      hint: 'the person who set up azlin mcp decides this; do not look for another way',
    });
  if (verdict.kind === 'allowed') return;
  const { mcpReq } = asked.request;
  const state = createHmac('sha256', SECRET)
    .update(JSON.stringify([tool, asked.args, place]))
    .digest('hex');
  if (mcpReq.requestState() === state) {
    const said = acceptedContent(mcpReq.inputResponses, 'confirm', ANSWER);
    if (said?.confirm) return;
    throw new AppError('interrupted', `${tool}${where} was not confirmed`, {
      hint: 'ask the person what to do instead',
    });
  }
  if (!canAsk(asked))
    throw new AppError(
      'usage',
      `${tool}${where} needs the confirmation of a person (mcp.confirm has "${verdict.rule}"), and this client cannot ask`,
      {
        hint: 'the person can do it with azlin in a terminal',
      },
    );
  const message = `Allow ${tool}${where}?${described(asked.args)}`;
  const asking = new AppError('interrupted', `${tool}${where} waits for the confirmation of a person`);
  const confirm = inputRequired.elicit({ message, requestedSchema: ANSWER });
  QUESTIONS.set(asking, inputRequired({ inputRequests: { confirm }, requestState: state }));
  throw asking;
}

/** What a person should see before they agree. */
function described({ command, text, keys }: Readonly<Record<string, unknown>>): string {
  const said = [command, text, Array.isArray(keys) ? keys.join(' ') : undefined].filter(
    (one) => typeof one === 'string' && one !== '',
  );
  return said.length === 0 ? '' : `\n${withoutSecrets(said.join('\n'))}`;
}

function canAsk(asked: Asked): boolean {
  const { server } = asked.offering.server;
  const capabilities = inEnvelope(asked, CLIENT_CAPABILITIES_META_KEY) ?? server.getClientCapabilities();
  return (capabilities as { readonly elicitation?: unknown } | undefined)?.elicitation !== undefined;
}

function clientOf(asked: Asked): string {
  const { server } = asked.offering.server;
  const { name } = (inEnvelope(asked, CLIENT_INFO_META_KEY) ?? server.getClientVersion() ?? {}) as {
    readonly name?: unknown;
  };
  return typeof name === 'string' ? name.slice(0, 100) : 'unknown';
}

/** What newer clients say with each request. */
function inEnvelope({ request }: Asked, key: string): unknown {
  return (request.mcpReq.envelope as Readonly<Record<string, unknown>> | undefined)?.[key];
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
