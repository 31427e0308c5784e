import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** A TCP link to a server that can be cut, stalled, and moved to another address of loopback. */
export interface MovableLink {
  readonly place: () => { readonly address: string; readonly port: number };
  /** Resets every connection and refuses new ones. */
  cut(): void;
  /** Lets nothing pass. As in a network, what is sent meanwhile arrives later, unless its sender has reset the connection by then. */
  stall(): void;
  /** Brings the link back after `cut` or `stall`. */
  restore(): Promise<void>;
  /** Brings the link back for new connections after `stall`. Existing ones hang for ever without notice, as behind a router that was restarted. */
  forget(): void;
  /** Cuts the link and brings it back at another address. */
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

/** `wanted`: the port to listen on; any free port by default. */
export async function startMovableLink(to: () => { address: string; port: number }, wanted = 0): Promise<MovableLink> {
  const ways = new Set<Way>();
  let isStalled = false;
  let last = 1;
  let address = `127.0.40.${last}`;
  let port = wanted;
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
    let isJustRead = false;
    from.on('data', (chunk: Buffer) => {
      isJustRead = true;
      setImmediate(() => {
        isJustRead = false;
      });
      if (way.isStalled) held.push(chunk);
      else if (!into.write(chunk)) from.pause();
    });
    into.on('drain', () => from.resume());
    from.on('error', () => held.splice(0));
    // libuv reports a reset that it reads together with data as an end in the same turn; a real end comes in a later turn.
    from.on('end', () => isJustRead && held.splice(0));
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
      // Pending events come first: one of them may say that a sender had already reset its connection.
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
