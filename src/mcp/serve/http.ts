import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  localhostHostValidation,
  localhostOriginValidation,
  NodeStreamableHTTPServerTransport,
  toNodeHandler,
  toWebRequest,
} from '@modelcontextprotocol/node';
import { createMcpHandler, isInitializeRequest, isLegacyRequest } from '@modelcontextprotocol/server';
import { AppError, messageOf } from '../../domain/errors.ts';
import { changedUris } from './resources.ts';
import type { McpService } from './service.ts';

/** Where clients reach it. */
const PATH = '/mcp';
/** How many clients of the revisions of 2025 may have a connection at once, and milliseconds after which one that is not used is forgotten. */
const [MOST, UNUSED] = [200, 3_600_000];

export interface HttpPlace {
  readonly host: string;
  readonly port: number;
  /** What clients show in `Authorization: Bearer`. */
  readonly token: string;
  readonly signal: AbortSignal;
  /** Called with the address once it listens. */
  readonly onReady: (url: string) => void;
}

/** A server's requests have both. */
type GivenRequest = IncomingMessage & { readonly method: string; readonly url: string };

interface Conversation {
  readonly transport: NodeStreamableHTTPServerTransport;
  usedAt: number;
}

/** Serves programs over HTTP until the signal aborts. Rejects with an AppError if it cannot listen there. */
export async function serveOverHttp(service: McpService, listening: HttpPlace): Promise<void> {
  const { signal, onReady } = listening;
  const conversations = new Map<string, Conversation>();
  const onerror = (error: Error) => service.log(error.message);
  const modern = createMcpHandler(() => service.serverFor('none'), { legacy: 'reject', onerror });
  const toModern = toNodeHandler(modern);
  // Newer clients are told of all changes, which the handler sorts out.
  const stop = service.onChange((change) => {
    for (const uri of changedUris(change)) modern.notify.resourceUpdated(uri);
  });
  const isHere = localhostHostValidation();
  const isFromHere = localhostOriginValidation();

  const answer = async (request: GivenRequest, response: ServerResponse) => {
    // A page in a browser of this machine must not reach it, whatever name it uses.
    if (!isHere(request, response) || !isFromHere(request, response)) return;
    if (!isKnown(request, listening.token)) return refuse(response, 401, 'the token is missing or wrong');
    if (new URL(request.url, 'http://localhost').pathname !== PATH)
      return refuse(response, 404, `only ${PATH} is here`);
    const web = await toWebRequest(request);
    const body: unknown = request.method === 'POST' ? await web.clone().json() : undefined;
    if (!(await isLegacyRequest(web))) return toModern(request, response, body);
    const id = request.headers['mcp-session-id'];
    const known = typeof id === 'string' ? conversations.get(id) : undefined;
    if (id !== undefined && !known)
      return refuse(response, 404, 'the connection is not known any more; initialize again');
    const conversation = known ?? (isInitializeRequest(body) ? await begin() : undefined);
    if (!conversation) return refuse(response, 400, 'initialize first');
    conversation.usedAt = service.clock.now();
    await conversation.transport.handleRequest(request, response, body);
  };

  /** A connection of a client of 2025, whose requests belong together. */
  const begin = async (): Promise<Conversation> => {
    for (const [id, { transport, usedAt }] of conversations)
      if (service.clock.now() - usedAt > UNUSED || conversations.size >= MOST) {
        conversations.delete(id);
        await transport.close().catch(() => {});
      }
    const transport: NodeStreamableHTTPServerTransport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void conversations.set(id, conversation),
      onsessionclosed: (id) => void conversations.delete(id),
    });
    const conversation: Conversation = { transport, usedAt: service.clock.now() };
    await service.serverFor('subscribers').connect(transport);
    return conversation;
  };

  const server = createServer((request, response) => {
    answer(request as GivenRequest, response).catch((error: unknown) => {
      const isTooLong = (error as { readonly status?: unknown }).status === 413;
      if (response.headersSent) response.destroy();
      else refuse(response, isTooLong ? 413 : 400, messageOf(error));
    });
  });
  onReady(await listen(server, listening));
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  stop();
  server.close();
  server.closeAllConnections();
  await Promise.all([modern.close(), ...[...conversations.values()].map(({ transport }) => transport.close())]).catch(
    () => {},
  );
}

function listen(server: Server, { host, port }: HttpPlace): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new AppError('usage', `Cannot listen on ${host}:${port}: ${messageOf(cause)}`, {
          cause,
          hint: '--listen 127.0.0.1:0 takes a free port',
        }),
      );
    });
    server.listen(port, host, () => {
      const { port: taken } = server.address() as AddressInfo;
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${taken}${PATH}`);
    });
  });
}

function isKnown({ headers }: IncomingMessage, token: string): boolean {
  const [, given = ''] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  const hashOf = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hashOf(given), hashOf(token));
}

function refuse(response: ServerResponse, status: number, message: string): void {
  if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32_000, message } }));
}
