import { createHmac, randomBytes } from 'node:crypto';
import {
  acceptedContent,
  inputRequired,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { capabilitiesOf, NOTHING, needs, type Offer, type Returned, said } from './tools.ts';

const SECRET = randomBytes(32);
const signed = (what: string) => `${what}.${createHmac('sha256', SECRET).update(what).digest('hex')}`;
/** What a state says that has come back unchanged. */
function stateOf({ mcpReq }: ServerContext): string | undefined {
  const state = mcpReq.requestState();
  if (state === undefined) return undefined;
  const [what = ''] = `${state}`.split('.');
  if (state === signed(what)) return what;
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'the state was changed');
}

const NAME = z.object({ name: z.string() });
const asks = (message: string, requestedSchema: z.ZodObject) => inputRequired.elicit({ message, requestedSchema });
const name = () => asks('What is your name?', NAME);
const sampled = (text: string, maxTokens = 100) =>
  inputRequired.createMessage({ messages: [{ role: 'user', content: { type: 'text', text } }], maxTokens });
const roots = () => inputRequired.listRoots();

type Asking = (request: ServerContext) => Returned;

/** Tools of newer clients, which ask by what they return. */
const ASKING: Readonly<Record<string, Asking>> = {
  test_input_required_result_elicitation({ mcpReq }) {
    const given = acceptedContent(mcpReq.inputResponses, 'user_name', NAME);
    return given ? said(`Hello, ${given.name}!`) : inputRequired({ inputRequests: { user_name: name() } });
  },
  test_input_required_result_sampling({ mcpReq }) {
    const answer = mcpReq.inputResponses?.['capital_question'];
    if (answer !== undefined) return said(JSON.stringify(answer));
    return inputRequired({ inputRequests: { capital_question: sampled('What is the capital of France?') } });
  },
  test_input_required_result_list_roots({ mcpReq }) {
    const answer = mcpReq.inputResponses?.['client_roots'];
    return answer === undefined
      ? inputRequired({ inputRequests: { client_roots: roots() } })
      : said(JSON.stringify(answer));
  },
  test_input_required_result_request_state: confirming('state-ok'),
  test_input_required_result_tampered_state: confirming('done'),
  test_input_required_result_multiple_inputs(request) {
    const answers = request.mcpReq.inputResponses ?? {};
    const isWhole = ['user_name', 'greeting', 'client_roots'].every((key) => key in answers);
    if (isWhole && stateOf(request) === 'all') return said(JSON.stringify(answers));
    const inputRequests = { user_name: name(), greeting: sampled('Generate a greeting', 50), client_roots: roots() };
    return inputRequired({ inputRequests, requestState: signed('all') });
  },
  test_input_required_result_multi_round(request) {
    const { inputResponses } = request.mcpReq;
    const state = stateOf(request);
    if (state === 'second' && inputResponses?.['step2'] !== undefined) return said('done');
    if (state === 'first' && inputResponses?.['step1'] !== undefined) {
      const step2 = asks('Step 2: What is your favorite color?', z.object({ color: z.string() }));
      return inputRequired({ inputRequests: { step2 }, requestState: signed('second') });
    }
    const step1 = asks('Step 1: What is your name?', NAME);
    return inputRequired({ inputRequests: { step1 }, requestState: signed('first') });
  },
  test_input_required_result_capabilities(request) {
    const can = capabilitiesOf(request) ?? {};
    const inputRequests = {
      ...('elicitation' in can ? { user_name: name() } : {}),
      ...('sampling' in can ? { greeting: sampled('Generate a greeting') } : {}),
    };
    return Object.keys(inputRequests).length === 0 ? said('nothing to ask with') : inputRequired({ inputRequests });
  },
  test_streaming_elicitation: () => inputRequired({ inputRequests: { user_name: name() } }),
};

function confirming(done: string): Asking {
  return (request) => {
    if (stateOf(request) === 'confirm' && request.mcpReq.inputResponses?.['confirm'] !== undefined) return said(done);
    const confirm = asks('Please confirm', z.object({ ok: z.boolean() }));
    return inputRequired({ inputRequests: { confirm }, requestState: signed('confirm') });
  };
}

const numbered = (word: string) => [1, 2, 3].map((n) => `${word}${n}`);
const titled = () => numbered('value').map((one) => ({ const: one, title: `Title of ${one}` }));

/** What clients of 2025 are asked, by the tools that ask it. */
const FORMS = {
  test_elicitation_sep1034_defaults: {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
  },
  test_elicitation_sep1330_enums: {
    untitledSingle: { type: 'string', enum: numbered('option') },
    titledSingle: { type: 'string', oneOf: titled() },
    legacyEnum: { type: 'string', enum: numbered('opt'), enumNames: ['Option One', 'Option Two', 'Option Three'] },
    untitledMulti: { type: 'array', items: { type: 'string', enum: numbered('option') } },
    titledMulti: { type: 'array', items: { anyOf: titled() } },
  },
} as const;

export function offerQuestions(offer: Offer): void {
  for (const [tool, run] of Object.entries(ASKING))
    offer(tool, { description: 'Asks first', input: NOTHING, run: (_args, request) => run(request) });
  offer('test_missing_capability', {
    description: 'Needs sampling',
    input: NOTHING,
    run(_args, request) {
      needs(request, 'sampling');
      return said('done');
    },
  });
  for (const [tool, properties] of Object.entries(FORMS))
    offer(tool, {
      description: 'Asks with a form',
      input: NOTHING,
      async run(_args, { mcpReq }) {
        const requestedSchema = { type: 'object', properties, required: [] } as object as FormSchema;
        const { action, content } = await mcpReq.elicitInput({ message: 'Please choose', requestedSchema });
        return said(`Elicitation completed: action=${action}, content=${JSON.stringify(content)}`);
      },
    });
  offer('test_elicitation', {
    description: 'Asks',
    input: z.object({ message: z.string() }),
    async run({ message }, { mcpReq }) {
      const properties = {
        username: { type: 'string', description: "User's response" },
        email: { type: 'string', description: "User's email address" },
      } as const;
      const requestedSchema: FormSchema = { type: 'object', properties, required: ['username', 'email'] };
      const { action, content } = await mcpReq.elicitInput({ message, requestedSchema });
      return said(`User response: action: ${action}, content: ${JSON.stringify(content)}`);
    },
  });
  offer('test_sampling', {
    description: 'Asks a model',
    input: z.object({ prompt: z.string() }),
    async run({ prompt: text }, { mcpReq }) {
      const messages = [{ role: 'user' as const, content: { type: 'text' as const, text } }];
      const { content } = await mcpReq.requestSampling({ messages, maxTokens: 100 });
      return said(`LLM response: ${'text' in content ? content.text : ''}`);
    },
  });
}

type FormSchema = Extract<
  Parameters<ServerContext['mcpReq']['elicitInput']>[0],
  { requestedSchema: object }
>['requestedSchema'];
