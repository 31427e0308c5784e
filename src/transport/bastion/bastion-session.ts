import type { Agent } from 'node:http';
import { request } from 'node:https';
import { type Bastion, isDeveloper } from '../../domain/route.ts';
import { keepSecret } from '../../domain/secrets.ts';
import { nodeTrouble, refusedBy } from './bastion-errors.ts';

export interface SessionRequest {
  readonly bastion: Bastion;
  /** The resource id of the VM, or of an address of the Bastion's network. */
  readonly target: string;
  /** The address, if that is what is wanted. */
  readonly ip: string | undefined;
  readonly port: number;
  readonly token: string;
  readonly agentFor: (target: URL) => Promise<Agent>;
  readonly signal: AbortSignal;
}

/** A session on a node of a Bastion: it leads to one port, once. */
export interface BastionSession {
  /** Where its WebSocket is. It contains a secret. */
  readonly url: URL;
  /** Ends it; gives up when the signal aborts. Never rejects. */
  leave(signal: AbortSignal): Promise<void>;
}

/** Asks the Bastion for a session. Rejects with an AppError, with trouble of a node, or with an Error of the network. */
export async function openSession(asked: SessionRequest): Promise<BastionSession> {
  const { bastion, target, ip, port, token, agentFor, signal } = asked;
  const host = isDeveloper(bastion) ? await podOf(asked) : bastion.dnsName;
  const tokens = new URL(`https://${host}/api/tokens`);
  // The form is what the Bastion wants: JSON, and an Authorization header, are server errors to it.
  const form = new URLSearchParams({
    ...{ resourceId: target, protocol: 'tcptunnel', workloadHostPort: `${port}`, aztoken: token },
    ...(ip === undefined ? {} : { hostname: ip }),
  });
  const answer = await ask(tokens, {
    method: 'POST',
    type: 'application/x-www-form-urlencoded',
    body: form.toString(),
    agent: await agentFor(tokens),
    signal,
  });
  if (answer.status !== 200) throw refusedBy(bastion, answer.status, answer.body);
  const { authToken, nodeId, websocketToken } = sessionIn(answer.body);
  for (const secret of [authToken, websocketToken]) keepSecret(secret);
  const url = new URL(`wss://${host}/`);
  url.pathname = `${isDeveloper(bastion) ? 'omni/webtunnel' : 'webtunnelv2'}/${encodeURIComponent(websocketToken)}`;
  if (!isDeveloper(bastion)) url.searchParams.set('X-Node-Id', nodeId);
  return {
    url,
    async leave(limit) {
      const own = new URL(`${tokens.href}/${encodeURIComponent(authToken)}`);
      const headers = nodeId === '' ? {} : { 'X-Node-Id': nodeId };
      await ask(own, { method: 'DELETE', headers, agent: await agentFor(own), signal: limit }).catch(() => {});
    },
  };
}

/** The Developer SKU sends its users to one of its machines first. */
async function podOf({ bastion, target, port, token, agentFor, signal }: SessionRequest): Promise<string> {
  const url = new URL(`https://${bastion.dnsName}/api/connection`);
  const wanted = { resourceId: target, bastionResourceId: bastion.id, vmPort: port, azToken: token };
  const { status, body } = await ask(url, {
    method: 'POST',
    type: 'application/json',
    body: JSON.stringify({ ...wanted, connectionType: 'nativeclient' }),
    agent: await agentFor(url),
    signal,
  });
  if (status !== 200) throw refusedBy(bastion, status, body);
  const host = body.trim().replace(/^"|"$/g, '');
  // The token is sent there next.
  if (/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?$/i.test(host) && domainOf(host) === domainOf(bastion.dnsName))
    return host;
  throw nodeTrouble('its reply has no host');
}

const domainOf = (host: string) => host.toLowerCase().split('.').slice(-2).join('.');

function sessionIn(body: string): {
  readonly authToken: string;
  readonly nodeId: string;
  readonly websocketToken: string;
} {
  const { authToken, nodeId, websocketToken } = objectIn(body);
  if (typeof authToken !== 'string' || typeof websocketToken !== 'string')
    throw nodeTrouble('its reply has no session');
  return { authToken, websocketToken, nodeId: typeof nodeId === 'string' ? nodeId : '' };
}

function objectIn(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // The error would quote it.
  }
  throw nodeTrouble('its reply is not JSON');
}

interface Question {
  readonly method: 'POST' | 'DELETE';
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly agent: Agent;
  readonly signal: AbortSignal;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Characters of an answer that are read. */
const LONGEST = 64 * 1024;

function ask(url: URL, { method, type, headers = {}, body = '', agent, signal }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = {
      ...headers,
      ...(type === undefined ? {} : { 'Content-Type': type }),
      'Content-Length': Buffer.byteLength(body),
    };
    const going = request(url, { method, agent, headers: sent, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        if (text.length < LONGEST) text += chunk;
      });
      response.on('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    // Nothing waits for the end of a session.
    if (method === 'DELETE') going.once('socket', (socket) => socket.unref());
    going.on('error', reject);
    going.end(body);
  });
}
