import { createConnection, createServer, type Socket } from 'node:net';

/** What a proxy does with a connection from some point on. */
export type Fault =
  /** Both sides are reset. */
  | 'cut'
  /** Both sides are closed in order. */
  | 'close'
  /** Nothing passes any more, in either direction. */
  | 'stall'
  /** What comes from the server passes byte by byte. */
  | 'slow'
  /** What comes from the server is replaced by noise. */
  | 'garbage'
  /** The server is gone; the client's side stays open and takes what is sent. */
  | 'half-open';

export interface FaultyProxy {
  readonly port: number;
  /** Gives every connection this fault after the next `bytes` from the server; undefined ends it for what comes later. */
  inject(fault: Fault | undefined, bytes?: number): void;
  /** Connections that the client has not closed. */
  readonly open: () => number;
  close(): void;
}

/** A TCP proxy on loopback to `port` at `address` that can fail in many ways. `noise` gives a byte of garbage. */
export async function startProxy(address: string, port: number, noise: () => number = () => 0): Promise<FaultyProxy> {
  let fault: Fault | undefined;
  let left = 0;
  const clients = new Set<Socket>();
  const servers = new Set<Socket>();
  const listener = createServer((client) => {
    const server = createConnection({ host: address, port, noDelay: true });
    client.setNoDelay(true);
    clients.add(client);
    servers.add(server);
    client
      .on('error', () => {})
      .on('close', () => {
        clients.delete(client);
        server.destroy();
      });
    server
      .on('error', () => client.destroy())
      .on('close', () => {
        servers.delete(server);
        if (current() !== 'half-open' && current() !== 'stall') client.destroy();
      });
    // The fault that is in effect: none before the byte from the server at which it begins.
    const current = () => (left <= 0 ? fault : undefined);
    client.on('data', (chunk) => {
      if (current() !== 'stall' && current() !== 'half-open') server.write(chunk);
    });
    if (current()) apply(client, server);
    server.on('data', (chunk: Buffer) => {
      const whole = fault === undefined ? chunk.length : Math.max(0, Math.min(left, chunk.length));
      left -= chunk.length;
      if (whole > 0) client.write(chunk.subarray(0, whole));
      if (whole === chunk.length) return;
      apply(client, server, chunk.subarray(whole));
    });
  });
  const apply = (client: Socket, server: Socket, rest: Uint8Array = Buffer.alloc(0)) => {
    if (fault === 'cut') {
      client.resetAndDestroy();
      server.destroy();
    } else if (fault === 'close') {
      client.end();
      server.destroy();
    } else if (fault === 'garbage') client.write(Buffer.from(rest.length > 0 ? rest : Buffer.alloc(64)).map(noise));
    else if (fault === 'half-open') server.destroy();
    else if (fault === 'slow') for (const byte of rest) client.write(Buffer.from([byte]));
  };
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return {
    port: (listener.address() as { port: number }).port,
    inject(next, bytes = 0) {
      fault = next;
      left = bytes;
      if (bytes > 0) return;
      // Apply it at once: a client that waits for the server's next byte would wait for ever.
      if (next === 'cut' || next === 'close' || next === 'half-open') {
        const pairs = [...clients].map((client, index) => [client, [...servers][index]] as const);
        for (const [client, server] of pairs) if (server) apply(client, server);
      }
    },
    open: () => clients.size,
    close() {
      listener.close();
      for (const socket of [...clients, ...servers]) socket.destroy();
    },
  };
}
