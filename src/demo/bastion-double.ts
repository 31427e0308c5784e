import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';

export interface BastionRequest {
  readonly sku: string;
  readonly ipConnect: boolean;
  readonly key: string;
  readonly certificate: string;
  /** The token that it takes. */
  readonly token: string;
  /** Where a VM, by its resource id in lower case, or an address listens; undefined for what the user may not see. */
  readonly placeOf: (target: string) => { readonly host: string; readonly port: number } | undefined;
}

/** What goes wrong with a request, or with the stream that comes of it. */
export interface BastionFault {
  readonly at: 'tokens' | 'tunnel';
  /** How often; by default always. */
  readonly times?: number;
  /** The answer instead of the right one. */
  readonly status?: number;
  readonly message?: string;
  /** `400`: accepts the WebSocket and then answers with plain HTTP; `silent`: and then says nothing; `closed`: and then closes it; `bare`: with a reply that has no headers. */
  readonly node?: '400' | 'silent' | 'closed' | 'bare';
  /** Breaks the connection after so many bytes from the VM. */
  readonly cutAfter?: number;
}

/** A stand-in for the web server of an Azure Bastion. */
export interface BastionDouble {
  /** Its host and port. */
  readonly dnsName: string;
  /** The open sessions, by their token. */
  readonly sessions: ReadonlyMap<string, unknown>;
  /** What was asked: `POST /api/tokens`, `GET /webtunnelv2/…`, `DELETE /api/tokens/…`. */
  readonly requests: readonly string[];
  /** The longest frame that a client has sent, in bytes, and how many WebSockets were open at once. */
  readonly most: { readonly frame: number; readonly open: number };
  /** What goes wrong from now on. */
  readonly faults: { add(fault: BastionFault): void; clear(): void };
  /** Breaks every connection that goes through it now. */
  cut(): void;
  /** Passes nothing more on over them. */
  mute(): void;
  close(): void;
}

interface Session {
  readonly nodeId: string;
  readonly websocketToken: string;
  readonly place: { readonly host: string; readonly port: number };
  isUsed: boolean;
}

/** Starts one on loopback. It is as strict as Azure's is known to be about what clients send. */
export function startBastion(request: BastionRequest): Promise<BastionDouble> {
  const { sku, key, certificate } = request;
  const isDeveloper = /^developer$/i.test(sku);
  const sessions = new Map<string, Session>();
  const requests: string[] = [];
  const most = { frame: 0, open: 0 };
  const sockets = new Set<WebSocket>();
  let faults: (BastionFault & { left: number })[] = [];
  const faultAt = (at: BastionFault['at']): BastionFault | undefined => {
    const fault = faults.find((one) => one.at === at && one.left > 0);
    if (fault) fault.left--;
    return fault;
  };
  let dnsName = '';

  const answer = async (incoming: IncomingMessage, response: ServerResponse) => {
    const { method = '', url = '' } = incoming;
    const { pathname } = new URL(url, 'https://bastion');
    requests.push(`${method} ${pathname.replace(/(?<=\/api\/tokens)\/.+/, '/…')}`);
    const body = await bodyOf(incoming);
    if (method === 'POST' && pathname === '/api/connection' && isDeveloper) return podReply(request, body, dnsName);
    if (method === 'POST' && pathname === '/api/tokens') {
      const fault = faultAt('tokens');
      if (fault?.status) return { status: fault.status, body: { message: fault.message } };
      return tokenReply(request, { incoming, body, sessions });
    }
    const [, token = ''] = /^\/api\/tokens\/(.+)$/.exec(pathname) ?? [];
    const session = sessions.get(decodeURIComponent(token));
    if (method !== 'DELETE' || !session) return { status: 404, body: { message: 'Not found' } };
    if (session.nodeId !== incoming.headers['x-node-id']) return { status: 404, body: { message: 'Not found' } };
    sessions.delete(decodeURIComponent(token));
    response.writeHead(204).end();
    return undefined;
  };

  const server = createServer({ key, cert: certificate }, (incoming, response) => {
    answer(incoming, response).then(
      (reply) => {
        if (!reply) return;
        response.writeHead(reply.status, { 'content-type': 'application/json' });
        response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body));
      },
      () => response.destroy(),
    );
  });
  const upgrades = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on('upgrade', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    const { pathname, searchParams } = new URL(incoming.url ?? '', 'https://bastion');
    const [, mode = '', token] = /^\/(webtunnelv2|omni\/webtunnel)\/([^/]+)$/.exec(pathname) ?? [];
    requests.push(`GET /${mode}/…`);
    socket.on('error', () => {});
    const fault = faultAt('tunnel');
    if (fault?.status) return socket.end(`HTTP/1.1 ${fault.status} No\r\ncontent-length: 0\r\n\r\n`);
    if (fault?.node) return troubled(socket, incoming, fault.node);
    const session = [...sessions.values()].find((one) => one.websocketToken === token && !one.isUsed);
    const isRight = isDeveloper
      ? mode === 'omni/webtunnel'
      : mode === 'webtunnelv2' && searchParams.get('X-Node-Id') === session?.nodeId;
    if (!session || !isRight) return socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
    session.isUsed = true;
    socket.setNoDelay(true);
    upgrades.handleUpgrade(incoming, socket, head, (webSocket) => {
      sockets.add(webSocket);
      most.open = Math.max(most.open, sockets.size);
      webSocket.once('close', () => sockets.delete(webSocket));
      webSocket.on('message', (data: Buffer, isBinary) => {
        most.frame = Math.max(most.frame, data.length);
        if (!isBinary) webSocket.close(1003);
      });
      join(webSocket, session.place, fault);
    });
    return undefined;
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      dnsName = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      const cut = () => {
        for (const one of sockets) one.terminate();
      };
      const mute = () => {
        for (const one of sockets) muted.add(one);
      };
      resolve({
        ...{ dnsName, sessions, requests, most, cut, mute },
        faults: {
          add: (fault) => void faults.push({ ...fault, left: fault.times ?? Number.POSITIVE_INFINITY }),
          clear() {
            faults = [];
          },
        },
        close() {
          cut();
          server.close();
          server.closeAllConnections();
        },
      });
    });
  });
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** The Developer SKU names the machine that does the work. */
function podReply({ token }: BastionRequest, body: string, dnsName: string): Reply {
  const { azToken, connectionType, bastionResourceId } = JSON.parse(body) as Record<string, unknown>;
  const isRight = azToken === token && connectionType === 'nativeclient' && bastionResourceId !== undefined;
  return isRight ? { status: 200, body: dnsName } : { status: 403, body: { message: 'Forbidden' } };
}

interface TokenQuestion {
  readonly incoming: IncomingMessage;
  readonly body: string;
  readonly sessions: Map<string, Session>;
}

function tokenReply({ token, ipConnect, placeOf }: BastionRequest, { incoming, body, sessions }: TokenQuestion): Reply {
  const { headers } = incoming;
  const isForm = /^application\/x-www-form-urlencoded/.test(headers['content-type'] ?? '');
  if (!isForm || headers.authorization !== undefined) return { status: 500, body: { message: 'Internal error' } };
  const form = new URLSearchParams(body);
  if (form.get('aztoken') !== token)
    return { status: 401, body: { message: 'The token is expired or of another tenant.' } };
  if (form.get('protocol') !== 'tcptunnel') return { status: 400, body: { message: 'bad protocol' } };
  const id = form.get('resourceId') ?? '';
  const port = Number(form.get('workloadHostPort'));
  const ip = /\/bh-hostConnect\/([\d.]+)$/.exec(id)?.[1];
  if (ip !== undefined && (!ipConnect || form.get('hostname') !== ip))
    return { status: 400, body: { message: 'IP connect is not enabled' } };
  const place = placeOf(ip ?? id.toLowerCase());
  if (!place) return { status: 403, body: { message: `(AuthorizationFailed) no read on ${id}` } };
  // Machines of the demo listen on ports of their own; 22 means that of the machine.
  if (port !== place.port && port !== 22) return { status: 400, body: { message: `nothing listens on port ${port}` } };
  const authToken = randomUUID().replaceAll('-', '').toUpperCase();
  const session = { nodeId: `vm-${randomUUID().slice(0, 8)}`, websocketToken: randomUUID().replaceAll('-', '') };
  sessions.set(authToken, { ...session, place, isUsed: false });
  return {
    status: 200,
    body: { authToken, ...session, username: '', dataSource: 'default', availableDataSources: [] },
  };
}

/** A node that takes a WebSocket and then fails, in one of the ways that were seen. */
function troubled(socket: Socket, incoming: IncomingMessage, kind: NonNullable<BastionFault['node']>): void {
  const accept = createHash('sha1')
    .update(`${incoming.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  if (kind === 'bare') return void socket.end(`HTTP/1.1 101 \r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  const hello = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
  if (kind === 'silent') return void socket.write(hello);
  // A frame that closes it: 1011, the node could not do what was asked.
  if (kind === 'closed')
    return void socket.end(Buffer.concat([Buffer.from(hello), Buffer.from([0x88, 2, 0x03, 0xf3])]));
  socket.end(`${hello}HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html></html>`);
}

const muted = new WeakSet<WebSocket>();

/** Joins a WebSocket and the VM. */
function join(webSocket: WebSocket, place: Session['place'], fault: BastionFault | undefined): void {
  const far = connect({ ...place, noDelay: true });
  const near: Duplex = createWebSocketStream(webSocket);
  let passed = 0;
  near.on('error', () => far.destroy());
  far.on('error', () => webSocket.close(1011));
  near.pipe(far);
  far.on('data', (chunk: Buffer) => {
    passed += chunk.length;
    if (passed > (fault?.cutAfter ?? Number.POSITIVE_INFINITY)) return webSocket.terminate();
    if (muted.has(webSocket)) return;
    if (!near.write(chunk)) far.pause();
  });
  near.on('drain', () => far.resume());
  far.once('end', () => near.end());
  webSocket.once('close', () => far.destroy());
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
