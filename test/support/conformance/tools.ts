import { setTimeout as wait } from 'node:timers/promises';
import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  fromJsonSchema,
  type InputRequiredResult,
  type McpServer,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
  type StandardSchemaV1,
  type StandardSchemaWithJSON,
} from '@modelcontextprotocol/server';
import { z } from 'zod';

/** A red dot, and a moment of silence. */
export const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=';

export const said = (text: string): CallToolResult => ({ content: [{ type: 'text', text }] });
export const capabilitiesOf = ({ mcpReq }: ServerContext) =>
  (mcpReq.envelope as Readonly<Record<string, unknown>> | undefined)?.[CLIENT_CAPABILITIES_META_KEY] as
    | Readonly<Record<string, unknown>>
    | undefined;

const IMAGE = { type: 'image', data: PNG, mimeType: 'image/png' } as const;

/** Tools that return something at once. */
const SIMPLE: Readonly<Record<string, CallToolResult['content']>> = {
  test_simple_text: [{ type: 'text', text: 'This is a simple text response for testing.' }],
  test_image_content: [IMAGE],
  test_audio_content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }],
  test_embedded_resource: [
    {
      type: 'resource',
      resource: {
        uri: 'test://embedded-resource',
        mimeType: 'text/plain',
        text: 'This is an embedded resource content.',
      },
    },
  ],
  test_multiple_content_types: [
    { type: 'text', text: 'Multiple content types test:' },
    IMAGE,
    {
      type: 'resource',
      resource: {
        uri: 'test://mixed-content-resource',
        mimeType: 'application/json',
        text: '{"test":"data","value":123}',
      },
    },
  ],
};

const ADDRESS = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object' as const,
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object' as const,
      properties: { street: { type: 'string' as const }, city: { type: 'string' as const } },
    },
  },
  properties: {
    name: { type: 'string' as const },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string' as const, enum: ['phone', 'email'] },
    phone: { type: 'string' as const },
    email: { type: 'string' as const },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};

/** What tools return, or what makes the client ask. */
export type Returned = CallToolResult | InputRequiredResult;

interface OfferedTool<Schema extends StandardSchemaWithJSON> {
  readonly description: string;
  readonly input: Schema;
  run(args: StandardSchemaV1.InferOutput<Schema>, request: ServerContext): Returned | Promise<Returned>;
}
export type Offer = <Schema extends StandardSchemaWithJSON>(name: string, tool: OfferedTool<Schema>) => void;

export const NOTHING = z.object({});

/** Offers tools, whose errors of the protocol reach the client as such: those of the SDK become results. */
export function offering(server: McpServer): Offer {
  const calls = new Map<string, (args: object, request: ServerContext) => Promise<Returned>>();
  const offer: Offer = (name, { description, input, run }) => {
    server.registerTool<StandardSchemaWithJSON, StandardSchemaWithJSON>(name, { description, inputSchema: input }, () =>
      said('this is not called'),
    );
    calls.set(name, async (args, request) => {
      const given = await input['~standard'].validate(args);
      if (given.issues) throw new Error(given.issues.map(({ message }) => message).join(', '));
      return run(given.value, request);
    });
    server.server.setRequestHandler('tools/call', async ({ params }, request) => {
      const call = calls.get(params.name);
      if (!call) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no tool "${params.name}"`);
      try {
        return await call(params.arguments ?? {}, request);
      } catch (error) {
        if (error instanceof ProtocolError) throw error;
        return { ...said((error as Error).message), isError: true };
      }
    });
  };
  return offer;
}

export function offerTools(offer: Offer): void {
  for (const [name, content] of Object.entries(SIMPLE))
    offer(name, { description: 'Returns something', input: NOTHING, run: () => ({ content }) });
  offer('greet', {
    description: 'Greets',
    input: z.object({ name: z.string() }),
    run: ({ name }) => said(`Hello, ${name}!`),
  });
  offer('test_error_handling', {
    description: 'Fails',
    input: NOTHING,
    run() {
      throw new Error('This tool intentionally returns an error for testing');
    },
  });
  offer('test_tool_with_progress', {
    description: 'Tells how far it is',
    input: NOTHING,
    async run(_args, { mcpReq }) {
      const progressToken = mcpReq._meta?.progressToken;
      for (const progress of [0, 50, 100]) {
        const params = { progressToken: progressToken ?? '', progress, total: 100 };
        if (progressToken !== undefined) await mcpReq.notify({ method: 'notifications/progress', params });
        await wait(50);
      }
      return said('done');
    },
  });
  for (const name of ['test_tool_with_logging', 'test_logging_tool'])
    offer(name, {
      description: 'Logs',
      input: NOTHING,
      async run(_args, { mcpReq }) {
        for (const line of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
          await mcpReq.log('info', line);
          await wait(50);
        }
        return said('done');
      },
    });
  offer('json_schema_2020_12_tool', {
    description: 'Tool with JSON Schema 2020-12 features',
    input: fromJsonSchema(ADDRESS),
    run: () => said('done'),
  });
  offer('test_custom_header', {
    description: 'Has an argument that is a header, too',
    input: z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) }),
    run: ({ region }) => said(region),
  });
}

/** Throws what a client gets that cannot do what a call needs. */
export function needs(request: ServerContext, capability: 'sampling' | 'elicitation'): void {
  if (capabilitiesOf(request)?.[capability] === undefined)
    throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { [capability]: {} } });
}
