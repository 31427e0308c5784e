import { createConnection, createServer, type Socket } from 'node:net';

interface Place {
  readonly address: string;
  readonly port: number;
}

/** A TCP link to a server. */
export interface TcpLink extends Place {
  /** Connections so far. */
  readonly connections: () => number;
  close(): void;
}

/** Listens at `address`. `join` passes data between the two sides of each connection. */
export async function startTcpLink(
  server: Place,
  address: string,
  join: (client: Socket, upstream: Socket) => void,
): Promise<TcpLink> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const listener = createServer((client) => {
    connections++;
    const upstream = createConnection({ host: server.address, port: server.port, noDelay: true });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
    join(client, upstream);
  });
  await new Promise<void>((resolve) => listener.listen(0, address, resolve));
  const { port } = listener.address() as { port: number };
  return {
    address,
    port,
    connections: () => connections,
    close() {
      for (const socket of sockets) socket.destroy();
      listener.close();
    },
  };
}

/** How many times a second a slow link passes data. */
const STEPS = 20;

/** Passes only `bytesPerSecond` in each direction, however much it is given. */
export function startSlowLink(
  server: Place,
  { address, bytesPerSecond }: { readonly address: string; readonly bytesPerSecond: number },
): Promise<TcpLink> {
  const pass = (from: Socket, to: Socket) => {
    let held = Buffer.alloc(0);
    from.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
    });
    const timer = setInterval(() => {
      const part = held.subarray(0, bytesPerSecond / STEPS);
      held = held.subarray(part.length);
      if (part.length > 0) to.write(part);
      else if (from.destroyed) to.destroy();
    }, 1_000 / STEPS);
    to.on('close', () => clearInterval(timer));
  };
  return startTcpLink(server, address, (client, upstream) => {
    pass(client, upstream);
    pass(upstream, client);
  });
}

export interface OneWayLink extends TcpLink {
  /** Whether a connection has lost its way back by now. */
  readonly isLost: () => boolean;
}

/** A link whose way back is lost once the client has sent `after` bytes: what it sends arrives, but it hears nothing. For the first `times` connections. */
export async function startOneWayLink(
  server: Place,
  { after, address, times = 1e9 }: { readonly after: number; readonly address: string; readonly times?: number },
): Promise<OneWayLink> {
  let left = times;
  let isLost = false;
  const link = await startTcpLink(server, address, (client, upstream) => {
    const isDoomed = left-- > 0;
    let sent = 0;
    let isDeaf = false;
    client.on('data', (chunk: Buffer) => {
      sent += chunk.length;
      if (isDoomed && sent > after) isLost = isDeaf = true;
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      if (!isDeaf) client.write(chunk);
    });
    client.on('close', () => upstream.destroy());
  });
  return { ...link, isLost: () => isLost };
}
