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
