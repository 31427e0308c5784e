import { createHmac, randomBytes } from 'node:crypto';
import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  type InputRequiredResult,
  inputRequired,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { AppError } from '../domain/errors.ts';
import type { GuardPlace, GuardVerdict } from './guard.ts';

/** A call, as a person is asked about it. */
export interface AskedCall {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly place: GuardPlace | undefined;
  readonly request: ServerContext;
  readonly server: McpServer;
}

/** What the client is to ask a person, by the errors that end a call for that. */
const QUESTIONS = new WeakMap<AppError, InputRequiredResult>();
export const questionOf = (error: AppError): InputRequiredResult | undefined => QUESTIONS.get(error);

/** Ties an answer to the call that it was given for: it comes back through the client. */
const SECRET = randomBytes(32);
const ANSWER = z.object({ confirm: z.boolean() });

/** Answers that count once: one that comes again is asked for again. The oldest are forgotten, and with them what they were for. */
const waiting = new Set<string>();
const MOST = 10_000;

/** Throws unless the verdict allows the call, or a person has just agreed to it, which it says; the error may have a question that the client has to ask. */
export function enforce(verdict: GuardVerdict, call: AskedCall): 'allowed' | 'agreed' {
  const { tool, args, place, request } = call;
  const where = place === undefined ? '' : ` on ${place.hostname}${place.session === '' ? '' : `:${place.session}`}`;
  if (verdict.kind === 'denied')
    throw new AppError('usage', `${tool}${where} is not allowed: ${verdict.why}`, {
      hint: 'the person who set up azlin mcp decides this; do not look for another way',
    });
  if (verdict.kind === 'allowed') return 'allowed';
  const { mcpReq } = request;
  const stateFor = (nonce: string) => {
    const about = JSON.stringify([nonce, tool, args, place]);
    return `${nonce}.${createHmac('sha256', SECRET).update(about).digest('hex')}`;
  };
  const state = `${mcpReq.requestState() ?? ''}`;
  const [nonce = ''] = state.split('.');
  if (state === stateFor(nonce) && waiting.delete(nonce)) {
    if (acceptedContent(mcpReq.inputResponses, 'confirm', ANSWER)?.confirm) return 'agreed';
    throw new AppError('interrupted', `${tool}${where} was not confirmed`, {
      hint: 'ask the person what to do instead',
    });
  }
  if (!canAsk(call))
    throw new AppError(
      'usage',
      `${tool}${where} needs the confirmation of a person (mcp.confirm has "${verdict.rule}"), and this client cannot ask`,
      { hint: 'the person can do it with azlin in a terminal' },
    );
  throw question(call, where, stateFor);
}

function question({ tool, args }: AskedCall, where: string, stateFor: (nonce: string) => string): AppError {
  const message = [`Allow ${visible(`${tool}${where}`)}?`, ...described(args)].join('\n');
  if (message.length > SHOWN)
    return new AppError(
      'usage',
      `${tool}${where} needs the confirmation of a person, and is too long to be shown whole: ${message.length} characters`,
      {
        hint: `at most ${SHOWN} can be shown; make it shorter, or let the person do it with azlin in a terminal`,
      },
    );
  const nonce = randomBytes(12).toString('hex');
  for (const oldest of waiting) if (waiting.size >= MOST) waiting.delete(oldest);
  waiting.add(nonce);
  const asking = new AppError('interrupted', `${tool}${where} waits for the confirmation of a person`);
  const confirm = inputRequired.elicit({ message, requestedSchema: ANSWER });
  QUESTIONS.set(asking, inputRequired({ inputRequests: { confirm }, requestState: stateFor(nonce) }));
  return asking;
}

/** Characters that a person can be shown. Nobody agrees to what they have not seen. */
const SHOWN = 4_000;
/** How long to wait and what for, how the answer is to look, and what is secret. */
const UNSAID = ['wait', 'max_bytes', 'on_cancel', 'reconnect_token'];

/** What a person should see before they agree: the command as it is, and every other argument. */
function described({ command, ...others }: Readonly<Record<string, unknown>>): readonly string[] {
  const lines = typeof command === 'string' ? command.split('\n').map(visible) : [];
  const given = Object.entries(others).filter(
    ([name, value]) => !UNSAID.includes(name) && value !== undefined && !isEmpty(value),
  );
  return [...lines, ...given.map(([name, value]) => `${visible(name)}: ${visible(JSON.stringify(value))}`)];
}

/** What would not be seen, or would push the rest out of sight, is spelled out. */
function visible(text: string): string {
  return text
    .replace(/\p{Zs}{20,}/gu, (blanks) => `[${blanks.length} blanks]`)
    .replace(/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`);
}

/** Also what leaves things as they are. */
function isEmpty(value: unknown): boolean {
  if (value === '' || value === false || value === null) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function canAsk({ request, server: { server } }: AskedCall): boolean {
  const capabilities = inEnvelope(request, CLIENT_CAPABILITIES_META_KEY) ?? server.getClientCapabilities();
  const { elicitation } = (capabilities ?? {}) as { readonly elicitation?: Readonly<Record<string, unknown>> };
  // An empty one means forms, as it did before there were others.
  return elicitation !== undefined && ('form' in elicitation || Object.keys(elicitation).length === 0);
}

/** What newer clients say with each request. */
export function inEnvelope({ mcpReq }: ServerContext, key: string): unknown {
  return (mcpReq.envelope as Readonly<Record<string, unknown>> | undefined)?.[key];
}
