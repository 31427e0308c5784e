import { wireReader } from '../host-keys/ssh-wire.ts';

/** What a server says before anything is encrypted. ssh2 does not report it when a connection fails. */
export interface ServerHello {
  /** Whether anything at all has been received. */
  readonly heard: boolean;
  /** Lines before its version; servers that turn people away say why here. */
  readonly greeting: string;
  /** `OpenSSH_9.2p1 Debian-2`; undefined until it is received. */
  readonly version: string | undefined;
  /** The algorithms that it supports; undefined until they are received. */
  readonly offers: AlgorithmOffers | undefined;
}

export interface AlgorithmOffers {
  readonly kex: readonly string[];
  readonly hostKey: readonly string[];
  readonly cipher: readonly string[];
  readonly mac: readonly string[];
}

/** The first bytes of a server. */
export interface RawHello {
  /** All of them. */
  readonly bytes: Buffer;
  /** The lines up to its version. */
  readonly identification: Buffer;
  /** The payload of its KEXINIT. */
  readonly kexinit: Buffer;
  /** The payload without the message number and the cookie, which is random. */
  readonly offers: Buffer;
}

/** The identification and the KEXINIT at the start of what a server has sent; undefined until both are complete. */
export function helloIn(bytes: Buffer): RawHello | undefined {
  let end = 0;
  for (let start = 0; ; start = end) {
    end = bytes.indexOf(LINE_BREAK, start) + 1;
    if (end === 0) return undefined;
    if (bytes.toString('latin1', start, start + 4) === 'SSH-') break;
  }
  if (bytes.length < end + 6) return undefined;
  const length = bytes.readUInt32BE(end);
  const padding = bytes[end + 4] ?? 0;
  const size = end + 4 + length;
  if (length > PACKET_LIMIT || padding + COOKIE_END > length || bytes.length < size || bytes[end + 5] !== KEXINIT)
    return undefined;
  const kexinit = bytes.subarray(end + 5, size - padding);
  return {
    bytes: bytes.subarray(0, size),
    identification: bytes.subarray(0, end),
    kexinit,
    offers: kexinit.subarray(COOKIE_END),
  };
}

/** Whether two hellos, in Base64, are the same but for the cookie. */
export function isSameHello(one: string, other: string): boolean {
  if (one === other) return true;
  const [a, b] = [one, other].map((text) => helloIn(Buffer.from(text, 'base64')));
  return a !== undefined && b !== undefined && a.identification.equals(b.identification) && a.offers.equals(b.offers);
}

/** The length of the message number and the cookie. */
const COOKIE_END = 17;

export interface HelloReader {
  read(chunk: Buffer): void;
  hello(): ServerHello;
}

/** The most bytes to read of the greeting and of the algorithms. No server needs more. */
const GREETING_LIMIT = 16 * 1024;
const PACKET_LIMIT = 64 * 1024;
const GREETING_KEPT = 500;
const KEXINIT = 20;
const LINE_BREAK = 10;

/** Listens in on the first bytes of a connection. Never throws, and gives up on servers that talk too much. */
export function helloReader(): HelloReader {
  const lines: string[] = [];
  let bytes = Buffer.alloc(0);
  let heard = 0;
  let version: string | undefined;
  let offers: AlgorithmOffers | undefined;
  let isDone = false;

  const readLines = () => {
    for (let end = bytes.indexOf(LINE_BREAK); end >= 0 && version === undefined; end = bytes.indexOf(LINE_BREAK)) {
      const line = bytes.subarray(0, end).toString('latin1').replace(/\r$/, '');
      bytes = bytes.subarray(end + 1);
      version = line.startsWith('SSH-') ? (/^SSH-[\d.]{1,8}-(.*)$/.exec(line)?.[1] ?? '') : undefined;
      if (version === undefined) lines.push(line);
    }
  };

  return {
    read(chunk) {
      heard += chunk.length;
      if (isDone) return;
      bytes = Buffer.concat([bytes, chunk]);
      if (version === undefined) readLines();
      if (version !== undefined) offers = offersIn(bytes);
      isDone = offers !== undefined || heard > (version === undefined ? GREETING_LIMIT : PACKET_LIMIT);
    },
    hello() {
      const last = version === undefined ? [bytes.subarray(0, GREETING_KEPT).toString('latin1')] : [];
      const greeting = [...lines, ...last].join('\n').slice(0, GREETING_KEPT);
      return { heard: heard > 0, greeting, version, offers };
    },
  };
}

/** The algorithms in the packet that starts here; undefined until it is complete. */
function offersIn(packet: Buffer): AlgorithmOffers | undefined {
  try {
    const reader = wireReader(packet);
    if (reader.uint32() > packet.length - 4) return undefined;
    // Skip the length of the padding, the type of the message, and a cookie of 16 bytes.
    reader.skip(1);
    if (packet[5] !== KEXINIT) return undefined;
    reader.skip(17);
    const names = () => reader.string().toString('latin1').split(',');
    const [kex, hostKey, cipher] = [names(), names(), names()];
    // Skip the ciphers for the other direction.
    names();
    return { kex, hostKey, cipher, mac: names() };
  } catch {
    return undefined;
  }
}

/** Tells the first bytes of the server, once they are complete; until then, returns what there is. */
export function learnHello(head: Buffer, learn: (facts: { readonly hello: string }) => void): Buffer | undefined {
  const hello = helloIn(head);
  if (!hello) return head.length < HELLO_LIMIT ? head : undefined;
  learn({ hello: hello.bytes.length < HELLO_KEPT ? hello.bytes.toString('base64') : '' });
  return undefined;
}

/** Bytes to read until the hello is complete, and the most that is kept of one. */
const HELLO_LIMIT = 80 * 1024;
const HELLO_KEPT = 8 * 1024;
