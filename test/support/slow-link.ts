import { createConnection, createServer, type Socket } from 'node:net';

export interface SlowLink {
  readonly address: string;
  readonly port: number;
  /** Connections so far. */
  readonly connections: () => number;
  close(): void;
}

/** How often a second something passes. */
const STEPS = 20;

/** A TCP proxy that passes so many bytes a second each way, however much it is given. */
export async function startSlowLink(
  server: { readonly address: string; readonly port: number },
  { address, bytesPerSecond }: { readonly address: string; readonly bytesPerSecond: number },
): Promise<SlowLink> {
  const sockets = new Set<Socket>();
  let connections = 0;
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
  const listener = createServer((client) => {
    connections++;
    const upstream = createConnection({ host: server.address, port: server.port, noDelay: true });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
    pass(client, upstream);
    pass(upstream, client);
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
