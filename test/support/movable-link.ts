import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** A TCP way to a server that can be cut, held up, and moved to another address of loopback. */
export interface MovableLink {
  readonly place: () => { readonly address: string; readonly port: number };
  /** Resets every connection and refuses new ones. */
  cut(): void;
  /** Nothing passes any more. As in a network, what is sent meanwhile arrives later, unless its sender has reset the connection by then. */
  stall(): void;
  /** Back after `cut` or `stall`. */
  restore(): Promise<void>;
  /** Back after `stall`, for new connections: what there was hangs for ever, and nobody is told, as behind a router that was restarted. */
  forget(): void;
  /** Cut here; back at another address. */
  move(): Promise<void>;
  /** Connections that are open on azlin's side. */
  readonly open: () => number;
  close(): void;
}

/** One direction of a connection. */
interface Way {
  readonly from: Socket;
  readonly into: Socket;
  readonly held: Buffer[];
  isStalled: boolean;
}

export async function startMovableLink(to: () => { address: string; port: number }): Promise<MovableLink> {
  const ways = new Set<Way>();
  let isStalled = false;
  let last = 1;
  let address = `127.0.40.${last}`;
  let port = 0;
  let listener: Server | undefined;

  const release = (way: Way) => {
    for (const chunk of way.held.splice(0)) way.into.write(chunk);
    if (!way.from.destroyed) return;
    ways.delete(way);
    way.into.destroySoon();
  };
  const carry = (way: Way) => {
    const { from, into, held } = way;
    ways.add(way);
    from.on('data', (chunk: Buffer) => {
      if (way.isStalled) held.push(chunk);
      else if (!into.write(chunk)) from.pause();
    });
    into.on('drain', () => from.resume());
    from.on('error', () => held.splice(0));
    from.on('close', () => way.isStalled || release(way));
  };
  const listen = () =>
    new Promise<void>((resolve, reject) => {
      const server = createServer((client) => {
        const target = to();
        const far = createConnection({ host: target.address, port: target.port, noDelay: true });
        carry({ from: client.setNoDelay(true), into: far, held: [], isStalled });
        carry({ from: far, into: client, held: [], isStalled });
      }).once('error', reject);
      server.listen(port, address, () => {
        port = (server.address() as { port: number }).port;
        resolve();
      });
      listener = server;
    });
  const cut = () => {
    listener?.close();
    listener = undefined;
    for (const { from } of ways) from.resetAndDestroy();
  };
  await listen();
  return {
    place: () => ({ address, port }),
    cut,
    stall() {
      isStalled = true;
      for (const way of ways) way.isStalled = true;
    },
    async restore() {
      // Who has reset their connection by now has done so before: the event may wait behind others.
      for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve));
      isStalled = false;
      for (const way of ways) {
        way.isStalled = false;
        release(way);
      }
      if (!listener) await listen();
    },
    forget() {
      isStalled = false;
    },
    async move() {
      cut();
      last = (last % 200) + 1;
      address = `127.0.40.${last}`;
      await listen();
    },
    open: () => ways.size,
    close: cut,
  };
}
