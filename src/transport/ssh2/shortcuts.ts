import type { Client, ParsedKey } from 'ssh2';
import type { Shortcut } from '../../domain/ssh-choices.ts';
import { helloIn } from './server-hello.ts';
import type { KnownServer } from './server-memory.ts';
import { type Handler, internalsOf, type Protocol } from './ssh2-internals.ts';

/*
 * The shortcuts of domain/ssh-choices.ts, by way of the internals of ssh2 1.17. RFC 4253 and 4254 let a client send all of this before it has an answer. What it
 * cannot know it guesses from last time, and a server that sees a wrong guess ends the connection or refuses, so nothing happens that was not asked for.
 */

/** early: whether only the locale is sent with commands. Other variables may be secrets, and wait until the server has let the user in. */
export function isPlainEnvironment(environment: Readonly<Record<string, string>>): boolean {
  return Object.keys(environment).every((name) => /^(LANG|LC_\w+)$/.test(name));
}

export interface ShortcutRequest {
  readonly client: Client;
  readonly known: KnownServer;
  readonly wanted: readonly Shortcut[];
  /** Whether this key, with this algorithm, may be signed before the server has said that it knows it. */
  readonly isTrusted: (key: Buffer, algorithm: string) => boolean;
  /** Called when such a signature has been sent. */
  readonly onSigned: () => void;
  /** Called when the server has refused it. Returns whether this connection is over. */
  readonly onRefused: () => boolean;
  readonly trace: (line: string) => void;
  /** Called when the server says something else than last time. */
  readonly onOtherHello: () => void;
}

/** Prepares a client that has just been told to connect. Returns the shortcuts that are taken: none if ssh2 does not allow them. */
export function takeShortcuts(request: ShortcutRequest): readonly Shortcut[] {
  const { client, wanted } = request;
  const protocol = internalsOf(client);
  if (!protocol) {
    request.trace('this version of ssh2 allows no shortcuts');
    return [];
  }
  // ssh2 drops it once it has started.
  const isAhead = typeof protocol.start === 'function';
  const hello = isAhead && wanted.includes('hello') ? helloIn(Buffer.from(request.known.hello, 'base64')) : undefined;
  if (hello) beginWith(protocol, hello, request.onOtherHello);
  if (wanted.includes('service')) askForNoService(protocol);
  if (wanted.includes('sign')) signAtOnce(protocol, request);
  return wanted.filter((one) => one !== 'hello' || hello);
}

/**
 * hello: ssh2 reads what the server said last time as if it had just come, and begins the key exchange. When the real words come, they must be the same but for
 * the cookie, and the real ones go into the hash that both sides sign: nobody can pass off the old ones.
 */
function beginWith(protocol: Protocol, known: ReturnType<typeof helloIn> & object, onOther: () => void): void {
  const { start, parse } = protocol;
  protocol.start = () => {
    start?.call(protocol);
    parse.call(protocol, known.bytes, 0, known.bytes.length);
    let head = Buffer.alloc(0);
    protocol.parse = (chunk, at, length) => {
      head = Buffer.concat([head, chunk.subarray(at, length)]);
      const hello = helloIn(head);
      // Too long to be one: the plain connection says what is wrong.
      if (!hello && head.length < LONGEST_HELLO) return;
      const kex = protocol._kex;
      if (!hello || !kex || !hello.identification.equals(known.identification) || !hello.offers.equals(known.offers))
        return onOther();
      kex._remoteKexinit = Buffer.from(hello.kexinit);
      protocol.parse = parse;
      const rest = head.subarray(hello.bytes.length);
      if (rest.length > 0) parse.call(protocol, rest, 0, rest.length);
    };
  };
}

const LONGEST_HELLO = 64 * 1024;

/** service: every server agrees to the service that is about signing in, or it is no SSH server for anybody. */
function askForNoService(protocol: Protocol): void {
  const { service, _handlers: on } = protocol;
  const accepted = on.SERVICE_ACCEPT as (protocol: Protocol, name: string) => void;
  let isTaken = false;
  protocol.service = (name) => {
    service.call(protocol, name);
    if (isTaken) return;
    isTaken = true;
    on.SERVICE_ACCEPT = () => {};
    accepted(protocol, name);
  };
}

/** sign: the question whether the server knows a key is left out. A server that does not know it refuses the signature, and sign-in goes on as usual. */
function signAtOnce(protocol: Protocol, { isTrusted, onSigned, onRefused }: ShortcutRequest): void {
  const { authPK, _handlers: on } = protocol;
  const failed = on.USERAUTH_FAILURE as (...args: unknown[]) => void;
  let isAhead = false;
  protocol.authPK = (...[user, key, algorithm, sign]) => {
    const given = typeof algorithm === 'function' ? algorithm : sign;
    if (given === undefined && isTrusted(key.getPublicSSH(), key.type)) {
      isAhead = true;
      return (on.USERAUTH_PK_OK as (protocol: Protocol) => void)(protocol);
    }
    if (given === undefined || !isAhead) return authPK.call(protocol, user, key, algorithm, sign);
    const name = typeof algorithm === 'function' ? undefined : algorithm;
    authPK.call(protocol, user, key, name, (data, send) =>
      given(data, (signature) => {
        send(signature);
        onSigned();
      }),
    );
  };
  on.USERAUTH_FAILURE = ((...args: unknown[]) => {
    const isOver = isAhead && onRefused();
    isAhead = false;
    if (!isOver) failed(...args);
  }) as Handler;
}

export interface ChannelShortcut {
  /** What the server's first channel took last time. */
  readonly channel: NonNullable<KnownServer['channel']>;
  /** Called when the channel is used, and when the server has opened it. */
  readonly onAsked: () => void;
  readonly onOpen: (channel: NonNullable<KnownServer['channel']>) => void;
  /** Called when the server refuses the channel, or gives it another number. What was sent to it has not run. */
  readonly onRefused: () => void;
}

interface Confirmation {
  readonly recipient: number;
  readonly sender: number;
  readonly window: number;
  readonly packetSize: number;
}

/**
 * exec: servers number their channels from 0, so the first one on a connection is taken to be open at once. What is sent to a channel that there is not ends the
 * connection. A terminal is asked for without waiting for the answer, too: a script that gets none says so. Returns a function to call before another kind of
 * channel is opened: then nothing is taken for granted any more.
 */
export function openFirstAtOnce(client: Client, { channel, onAsked, onOpen, onRefused }: ChannelShortcut): () => void {
  const protocol = internalsOf(client);
  if (!protocol) return () => {};
  const { session, pty, _handlers: on } = protocol;
  const confirmed = on.CHANNEL_OPEN_CONFIRMATION as (protocol: Protocol, info: Confirmation) => void;
  const failed = on.CHANNEL_OPEN_FAILURE;
  let first: number | undefined;
  protocol.session = (id, ...rest) => {
    session.call(protocol, id, ...rest);
    protocol.session = session;
    // Another kind of channel has been opened before: the server's number is not known.
    if (id !== 0) return;
    first = id;
    onAsked();
    protocol.pty = (channelId, ...more) => {
      // The last argument asks for an answer.
      pty.call(protocol, channelId, ...more.slice(0, -1), false);
      (on.CHANNEL_SUCCESS as (protocol: Protocol, channel: number) => void)(protocol, id);
    };
    // ssh2 asks for the terminal right away, unless the agent is to be forwarded first.
    // Every server takes packets of that size.
    const packetSize = Math.min(channel.packetSize, 32_768);
    confirmed(protocol, { recipient: id, sender: 0, window: channel.window, packetSize });
    protocol.pty = pty;
  };
  const restore = () => {
    on.CHANNEL_OPEN_CONFIRMATION = confirmed as Handler;
    on.CHANNEL_OPEN_FAILURE = failed;
  };
  on.CHANNEL_OPEN_CONFIRMATION = ((_protocol: Protocol, info: Confirmation) => {
    if (info.recipient !== first) return confirmed(protocol, info);
    restore();
    if (info.sender !== 0) return onRefused();
    onOpen({ window: info.window, packetSize: info.packetSize });
    const more = info.window - channel.window;
    const adjusted = on.CHANNEL_WINDOW_ADJUST as (protocol: Protocol, channel: number, more: number) => void;
    if (more !== 0) adjusted(protocol, first, more);
  }) as Handler;
  on.CHANNEL_OPEN_FAILURE = ((_protocol: Protocol, recipient: number, ...rest: never[]) => {
    if (recipient !== first) return (failed as (...args: unknown[]) => void)(protocol, recipient, ...rest);
    restore();
    onRefused();
  }) as Handler;
  return () => {
    protocol.session = session;
  };
}

/** Tells how the server opens the first channel of a connection. Returns a function to call before another kind of channel is opened. */
export function onFirstChannel(client: Client, learn: (channel: ChannelShortcut['channel']) => void): () => void {
  const protocol = internalsOf(client);
  if (!protocol) return () => {};
  const { _handlers: on } = protocol;
  const confirmed = on.CHANNEL_OPEN_CONFIRMATION as (protocol: Protocol, info: Confirmation) => void;
  on.CHANNEL_OPEN_CONFIRMATION = ((_protocol: Protocol, info: Confirmation) => {
    on.CHANNEL_OPEN_CONFIRMATION = confirmed as Handler;
    if (info.sender === 0) learn({ window: info.window, packetSize: info.packetSize });
    confirmed(protocol, info);
  }) as Handler;
  return () => {
    on.CHANNEL_OPEN_CONFIRMATION = confirmed as Handler;
  };
}

/**
 * exec: the proof that the server holds the host keys that it announces is asked for only if they are not all known. It costs the server a signature for each key
 * while it has a command to start. Without `exec` it is always asked for: the request carries the TCP acknowledgement without which the server's Nagle algorithm
 * waits 40 ms.
 */
export function askForProofOnlyOfNew(client: Client, areKnown: (keys: readonly Buffer[]) => Promise<boolean>): void {
  const on = internalsOf(client)?._handlers;
  if (!on) return;
  const asked = on.GLOBAL_REQUEST as (...args: unknown[]) => void;
  on.GLOBAL_REQUEST = (...request: unknown[]) => {
    const [, name, , keys] = request as [Protocol, string, boolean, readonly ParsedKey[]];
    const goOn = () => asked(...request);
    if (name !== 'hostkeys-00@openssh.com') return goOn();
    areKnown(keys.map((key) => key.getPublicSSH())).then((known) => known || goOn(), goOn);
  };
}
