import {
  type CallToolResult,
  CLIENT_INFO_META_KEY,
  type InputRequiredResult,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { type Caller, silentCaller } from '../domain/caller.ts';
import { AppError, toAppError } from '../domain/errors.ts';
import { withoutSecrets } from '../domain/secrets.ts';
import { checkArguments } from './arguments.ts';
import { auditRecord } from './audit.ts';
import { enforce, inEnvelope, questionOf } from './confirm.ts';
import type { McpContext } from './context.ts';
import type { Guard, GuardPlace } from './guard.ts';
import { type PlacedAt, placesOf } from './places.ts';
import type { Tool } from './tool.ts';

export interface Offering {
  readonly server: McpServer;
  readonly context: McpContext;
  readonly guard: Guard;
}

export interface GivenCall {
  /** As the client gave them. */
  readonly args: Readonly<Record<string, unknown>>;
  readonly request: ServerContext;
  readonly offering: Offering;
  /** Milliseconds for which the call follows a command at most, whatever it asks for. */
  readonly atMost?: number | undefined;
  /** Whether a client only asks again for what it has asked for before: that does not count as a call. */
  readonly isAgain?: boolean;
}

/** Does what was asked for, as far as the settings allow it, and writes that down. Whatever goes wrong becomes an answer that says what to do. Never rejects. */
export async function answer(tool: Tool, asked: GivenCall): Promise<CallToolResult | InputRequiredResult> {
  const { args, request, offering } = asked;
  const { context } = offering;
  const warnings: string[] = [];
  const client = clientOf(asked);
  const clientKey = request.sessionId ?? (request.http ? client : 'stdio');
  let place: GuardPlace | undefined;
  const note = noteOf(tool, asked, warnings);
  let hasAgreed = false;
  let refusal: AppError | undefined;
  const judge = () => {
    const verdict = offering.guard.judge({ tool: tool.name, place });
    // A person is asked once for a call.
    if (verdict.kind === 'confirm' && hasAgreed) return;
    if (verdict.kind === 'confirm' && refusal) throw refusal;
    const { server } = offering;
    try {
      hasAgreed = enforce(verdict, { tool: tool.name, args, place, request, server }) === 'agreed';
    } catch (error) {
      if (verdict.kind === 'confirm') refusal = toAppError(error);
      throw error;
    }
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
    if (!asked.isAgain) context.clients.called(clientKey);
    const given = checkArguments(tool, args);
    judge();
    const result = await tool.run(given, {
      ...{ caller, context, client, clientKey, warnings, permit },
      followsAtMost: asked.atMost ?? Number.POSITIVE_INFINITY,
      isToldApart: request.sessionId !== undefined || request.http === undefined,
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

/** Writes down what comes of a call. What cannot be written is a warning, for its caller too. */
export function noteOf(
  tool: { readonly name: string; readonly input?: Tool['input'] },
  asked: GivenCall,
  warnings: string[],
) {
  const { args, offering } = asked;
  const { context } = offering;
  const user = context.access.settings.label;
  const client = clientOf(asked);
  return async (outcome: object, place?: GuardPlace): Promise<void> => {
    const takes = Object.keys(tool.input?.shape ?? {});
    const record = auditRecord({
      tool: tool.name,
      takes,
      args,
      client,
      user,
      place,
      outcome,
      now: context.clock.now(),
    });
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

function clientOf({ offering, request }: GivenCall): string {
  const { server } = offering.server;
  const { name } = (inEnvelope(request, CLIENT_INFO_META_KEY) ?? server.getClientVersion() ?? {}) as {
    readonly name?: unknown;
  };
  return typeof name === 'string' ? name.slice(0, 100) : 'unknown';
}

/** What helps in a terminal, as tools: by the code of the error, and what its hint says. */
const TOOL_HINTS: readonly (readonly [AppError['code'], RegExp, string])[] = [
  ['vm-not-running', /^azlin start /, 'ssh_vm_start starts it'],
  ['pane-busy', /^azlin /, 'ssh_screen shows what is there; ssh_execute runs a command beside it'],
  [
    'session-not-found',
    /^azlin ssh .* creates it$/,
    'ssh_session_start creates it; ssh_list shows those that there are',
  ],
  ['usage', /^azlin logs .*use another id/, 'use another idempotency_key for another command'],
];

function failure({ code, message, hint: given, candidates }: AppError, warnings: readonly string[]): CallToolResult {
  const hint = TOOL_HINTS.find(([of, said]) => of === code && said.test(given ?? ''))?.[2] ?? given;
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
