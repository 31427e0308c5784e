import { spawn } from 'node:child_process';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { CLI } from './fleet.ts';

/** The revisions of the protocol that clients speak: those of 2025, and the newest. */
export const ERAS = ['2025-11-25', '2026-07-28'] as const;

export interface McpAgent {
  readonly client: Client;
  /** Calls a tool; rejects with its text if it fails. */
  call<T = Record<string, unknown>>(
    name: string,
    args?: object,
    options?: Parameters<Client['callTool']>[1],
  ): Promise<T>;
  /** The text of a call that fails. */
  refused(name: string, args?: object): Promise<string>;
  /** What the server wrote to standard error. */
  errors(): string;
  readonly pid: number;
  close(): Promise<void>;
}

interface AgentRequest {
  readonly environment: Readonly<Record<string, string>>;
  readonly era?: (typeof ERAS)[number];
  readonly args?: readonly string[];
  /** Answers when a person is asked; without it the client cannot ask. */
  readonly confirm?: (message: string) => boolean;
  /** What it says about asking people, if not that it shows forms. */
  readonly elicitation?: { readonly form?: Record<string, never>; readonly url?: Record<string, never> };
  /** Over HTTP instead of its standard input and output. */
  readonly http?: { readonly url: string; readonly token: string };
}

/** A server that clients reach over HTTP, until it is closed. */
export interface McpHttpServer {
  readonly url: string;
  readonly pid: number;
  readonly exitCode: Promise<number | null>;
  said(): string;
  close(): void;
}

export async function startHttpServer(
  environment: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<McpHttpServer> {
  const child = spawn(process.execPath, [CLI, 'mcp', '--listen', '127.0.0.1:0', ...args], { env: { ...environment } });
  let said = '';
  const exitCode = new Promise<number | null>((resolve) => child.once('close', resolve));
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const [, found] = /listening on (\S+);/.exec(said) ?? [];
      if (found) resolve(found);
    });
    child.once('close', () => reject(new Error(said)));
  });
  return { url, pid: child.pid ?? 0, exitCode, said: () => said, close: () => void child.kill('SIGTERM') };
}

/** The official client, connected to the built `azlin mcp`. */
export async function connectAgent({
  environment,
  era = '2026-07-28',
  args = [],
  confirm,
  elicitation = confirm && { form: {} },
  http,
}: AgentRequest): Promise<McpAgent> {
  const versionNegotiation = era === '2026-07-28' ? { mode: 'auto' as const } : { mode: 'legacy' as const };
  const client = new Client(
    { name: 'test-agent', version: '1' },
    { versionNegotiation, capabilities: elicitation ? { elicitation } : {} },
  );
  if (confirm)
    client.setRequestHandler('elicitation/create', async ({ params }) => ({
      action: 'accept',
      content: { confirm: confirm(params.message) },
    }));
  let errors = '';
  const stdio = () => {
    const made = new StdioClientTransport({
      command: process.execPath,
      args: [CLI, 'mcp', ...args],
      env: { ...environment },
      stderr: 'pipe',
    });
    made.stderr?.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    return made;
  };
  const transport = http
    ? new StreamableHTTPClientTransport(new URL(http.url), {
        requestInit: { headers: { Authorization: `Bearer ${http.token}` } },
      })
    : stdio();
  await client.connect(transport);
  const call = async (name: string, given: object = {}, options?: Parameters<Client['callTool']>[1]) =>
    client.callTool({ name, arguments: given as Record<string, unknown> }, options);
  const textOf = ({ content }: Awaited<ReturnType<typeof call>>) =>
    content.map((one) => (one.type === 'text' ? one.text : '')).join('');
  return {
    client,
    async call<T>(name: string, given?: object, options?: Parameters<Client['callTool']>[1]) {
      const result = await call(name, given, options);
      if (result.isError) throw new Error(textOf(result));
      return result.structuredContent as T;
    },
    async refused(name, given) {
      const result = await call(name, given);
      if (!result.isError) throw new Error(`${name} was done: ${textOf(result)}`);
      return textOf(result);
    },
    errors: () => errors,
    get pid() {
      return 'pid' in transport ? (transport.pid ?? 0) : 0;
    },
    close: () => client.close(),
  };
}
