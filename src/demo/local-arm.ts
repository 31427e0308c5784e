import { setMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type Clock, pause } from '../domain/clock.ts';
import { type Fault, type Faults, faultList, type Reply, refusal } from './arm-faults.ts';
import { type ChangePower, longRunningOperations, type Operations } from './arm-operations.ts';
import type { DemoSubscription, DemoVm } from './arm-resources.ts';
import { armReply } from './arm-routes.ts';
import { githubReply, type ServicePrincipal, tokenReply } from './local-authority.ts';
import type { UserAuthority } from './user-authority.ts';

export interface ResourceManagerRequest {
  readonly clock: Clock;
  readonly subscriptions: readonly DemoSubscription[];
  readonly token: string;
  readonly key: string;
  readonly certificate: string;
  /** Resources per page of a list. */
  readonly pageSize: number;
  readonly changePower: ChangePower;
  /** Runs a script on a VM; resolves to what Azure says of it. */
  readonly runCommand: (vm: DemoVm, script: string) => Promise<string>;
  /** Who may sign in with a secret or a certificate; by default nobody. */
  readonly principals?: readonly ServicePrincipal[];
  /** Certifies the SSH keys of those who sign in. */
  readonly userAuthority: UserAuthority;
}

export interface LocalResourceManager {
  readonly url: string;
  /** The method and URL of every request so far: `GET /subscriptions/…`. */
  readonly requests: readonly string[];
  /** What goes wrong from now on. */
  readonly faults: Pick<Faults, 'add' | 'clear'>;
  close(): void;
}

interface Running {
  readonly request: ResourceManagerRequest;
  readonly operations: Operations;
  readonly base: () => string;
}

/** A Resource Manager on loopback that answers what azlin and `az` ask, as Azure does, and fails on demand. */
export function startResourceManager(request: ResourceManagerRequest): Promise<LocalResourceManager> {
  const { key, certificate, clock } = request;
  const requests: string[] = [];
  const faults = faultList();
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);
  let url = '';
  const base = () => url;
  const running = { request, base, operations: longRunningOperations(clock, request.changePower, base) };
  const server = createServer({ key, cert: certificate }, (incoming, response) => {
    const line = `${incoming.method} ${incoming.url}`;
    requests.push(line);
    const faultFor = (body: string) => faults.take(line, body);
    answer(running, incoming, { response, faultFor, signal: closing.signal }).catch(() => response.destroy());
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const close = () => {
        closing.abort();
        server.close();
        server.closeAllConnections();
      };
      resolve({ url, requests, faults, close });
    });
  });
}

interface Answering {
  readonly response: ServerResponse;
  readonly faultFor: (body: string) => Fault | undefined;
  readonly signal: AbortSignal;
}

async function answer(running: Running, incoming: IncomingMessage, { response, faultFor, signal }: Answering) {
  const body = await bodyOf(incoming);
  const fault = faultFor(body);
  if (fault?.delay) await pause(running.request.clock, fault.delay, signal);
  const right = fault?.reply ?? (await replyTo(running, incoming, body));
  const reply = fault?.edit && right.body ? { ...right, body: fault.edit(right.body as never) } : right;
  const { body: said } = reply;
  const plain = Buffer.isBuffer(said) ? said : Buffer.from(said === undefined ? '' : JSON.stringify(said));
  // Azure compresses its replies too.
  const isPacked =
    !Buffer.isBuffer(said) && plain.length > 0 && `${incoming.headers['accept-encoding']}`.includes('gzip');
  const whole = isPacked ? gzipSync(plain) : plain;
  const sent = fault?.cut ? whole.subarray(0, whole.length >> 1) : whole;
  const length = fault?.cut === 'json' ? sent.length : whole.length;
  response.writeHead(reply.status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': length,
    ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
    ...reply.headers,
  });
  if (fault?.cut === 'connection') response.write(sent, () => response.destroy());
  else response.end(sent);
}

async function replyTo(
  { request, operations, base }: Running,
  incoming: IncomingMessage,
  body: string,
): Promise<Reply> {
  const { url = '', method = '', headers } = incoming;
  const { pathname, searchParams } = new URL(url, base());
  if (pathname.startsWith('/adfs/'))
    return tokenReply({
      ...request,
      pathname,
      body,
      authority: `${base()}/adfs`,
      principals: request.principals ?? [],
    });
  if (pathname === '/github/token') return githubReply(headers.authorization, request.principals ?? []);
  if (headers.authorization !== `Bearer ${request.token}`)
    return {
      ...refusal(401, 'ExpiredAuthenticationToken', 'The access token is expired or not from this demo.'),
      headers: { 'www-authenticate': 'Bearer authorization_uri="https://login.windows.net/", error="invalid_token"' },
    };
  return armReply({ request, operations, base: base(), method, pathname, searchParams, body });
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
