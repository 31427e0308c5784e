import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createTaskSessionFromClient } from '@modelcontextprotocol/ext-tasks/client';
import type { JsonValue } from '@modelcontextprotocol/ext-tasks/core';

const REVISION = '2026-07-28';
const CLIENT = { name: 'task-client', version: '1' };
const TASKS = { extensions: { 'io.modelcontextprotocol/tasks': {} } };

interface TaskClientRequest {
  readonly url: string;
  readonly token: string;
  /** Whether it says that it takes tasks. */
  readonly takesTasks?: boolean;
}

/** What is parsed has the prototypes of the tests, which run in a context of their own: the official client looks at them. */
async function fetchHere(...asked: Parameters<typeof fetch>): Promise<Response> {
  const response = await fetch(...asked);
  return Object.assign(response, { json: async () => JSON.parse(await response.text()) as unknown });
}

type Params = Readonly<Record<string, JsonValue>>;

/** A client of the newest revision over HTTP that takes tasks: as its requests are written, or as the official client makes them. */
export async function connectTaskClient({ url, token, takesTasks = true }: TaskClientRequest) {
  const capabilities = takesTasks ? TASKS : {};
  const headers = { Authorization: `Bearer ${token}` };
  let last = 0;
  const post = async (method: string, params: Params) => {
    const meta = {
      'io.modelcontextprotocol/protocolVersion': REVISION,
      'io.modelcontextprotocol/clientInfo': CLIENT,
      'io.modelcontextprotocol/clientCapabilities': capabilities,
    };
    const name = params['name'] ?? params['taskId'];
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        ...headers,
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        'MCP-Protocol-Version': REVISION,
        'Mcp-Method': method,
        ...(name === undefined ? {} : { 'Mcp-Name': `${name}` }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: ++last, method, params: { ...params, _meta: meta } }),
    });
    const text = await response.text();
    const [, data = text] = /^data: (.*)$/m.exec(text) ?? [];
    return JSON.parse(data) as { result?: Record<string, JsonValue>; error?: { code: number; message: string } };
  };
  const request = async (method: string, params: Params) => {
    const { result, error } = await post(method, params);
    if (error || !result) throw new Error(`${error?.code}: ${error?.message}`);
    return result;
  };
  const client = new Client(CLIENT, { versionNegotiation: { mode: 'auto' }, capabilities });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers }, fetch: fetchHere }));
  return {
    request,
    call: (name: string, args: object) => request('tools/call', { name, arguments: args as Params }),
    session: () =>
      createTaskSessionFromClient(client, {
        endpointId: url,
        v2RequestFraming: { protocolVersion: REVISION, clientInfo: CLIENT, clientCapabilities: capabilities },
        async rawDispatch(asked) {
          const { method, params } = asked as { method: string; params: Params };
          const { result, error } = await post(method, params);
          return error ? { kind: 'error', error } : { kind: 'result', result: result ?? {} };
        },
      }),
  };
}
