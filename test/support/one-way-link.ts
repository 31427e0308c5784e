import { createConnection, createServer, type Socket } from 'node:net';

export interface OneWayLink {
  readonly address: string;
  readonly port: number;
  /** Connections so far. */
  readonly connections: () => number;
  /** Whether one has lost its way back by now. */
  readonly isLost: () => boolean;
  close(): void;
}

/**
 * A TCP proxy whose way back is lost once the client has sent so many bytes: what the client sends still arrives, and it hears nothing more. The first
 * `times` connections lose it.
 */
export async function startOneWayLink(
  server: { readonly address: string; readonly port: number },
  { after, address, times = 1e9 }: { readonly after: number; readonly address: string; readonly times?: number },
): Promise<OneWayLink> {
  const sockets = new Set<Socket>();
  let connections = 0;
  let isLost = false;
  const listener = createServer((client) => {
    const isDoomed = ++connections <= times;
    const upstream = createConnection({ host: server.address, port: server.port, noDelay: true });
    let sent = 0;
    let isDeaf = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
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
  await new Promise<void>((resolve) => listener.listen(0, address, resolve));
  const { port } = listener.address() as { port: number };
  return {
    address,
    port,
    connections: () => connections,
    isLost: () => isLost,
    close() {
      for (const socket of sockets) socket.destroy();
      listener.close();
    },
  };
}
