import type { Client, ClientChannel, ExecOptions } from 'ssh2';

export interface CommandStart {
  readonly line: string;
  readonly options: ExecOptions;
  /** What the command reads first. */
  readonly input: Buffer;
  /** Whether the command is still wanted. Called just before it is sent. */
  readonly isWanted: () => boolean;
  /** Called when it is sent. */
  readonly onSent: () => void;
}

export type ChannelStarted = (error: Error | undefined, channel: ClientChannel) => void;

/** Requests a command and sends its first input right behind, without waiting for an answer. */
export type ChannelStart = (start: CommandStart, started: ChannelStarted) => void;

/** The internals of ssh2 1.17 that are used here. A test checks that they exist. */
export interface Internals {
  readonly _protocol: {
    exec(channel: number, command: string | Buffer, wantReply: boolean): void;
    channelData(channel: number, data: Buffer): void;
  };
  readonly _chanMgr: { readonly _channels: Readonly<Record<string, unknown>> };
  readonly _remoteVer?: string;
}

interface Outgoing {
  readonly id: number;
  window: number;
  readonly packetSize: number;
}

interface OpenChannel {
  readonly outgoing: Outgoing;
  close(): void;
}

/** Bytes to send early to OpenSSH: less than it accepts at once. */
const OPENSSH_WINDOW = 1_500_000;

/**
 * ssh2 hands out a channel only when the server has confirmed the command, a round trip after the request was sent. Here the first input of the command is
 * sent right behind the request instead, as far as the server's window allows. OpenSSH announces a window of 0 until the command starts. But it reads the
 * request before the input, and has then opened a window of 2 MB.
 */
export function commandStarter(client: Client): ChannelStart {
  const { _protocol: protocol, _chanMgr: channels, _remoteVer: version = '' } = client as Client & Internals;
  const waiting = new Map<unknown, { readonly start: CommandStart; early: number }>();
  const exec = protocol.exec.bind(protocol);
  const channelOf = (id: number) =>
    Object.values(channels._channels).find(
      (one): one is OpenChannel => (one as Partial<OpenChannel> | null)?.outgoing?.id === id,
    );
  protocol.exec = (id, command, wantReply) => {
    const known = waiting.get(command);
    if (!known) return exec(id, command, wantReply);
    const { start } = known;
    const channel = channelOf(id);
    if (!start.isWanted()) return channel?.close();
    start.onSent();
    exec(id, command, wantReply);
    if (!channel) return;
    const { window, packetSize } = channel.outgoing;
    const room = window === 0 && version.startsWith('OpenSSH') ? OPENSSH_WINDOW : window;
    known.early = Math.min(room, start.input.length);
    for (let at = 0; at < known.early; at += packetSize)
      protocol.channelData(id, start.input.subarray(at, Math.min(at + packetSize, known.early)));
  };
  return (start, started) => {
    // ssh2 passes this Buffer on unchanged, so it is recognized by identity, not by content.
    const line = Buffer.from(start.line);
    const known = { start, early: 0 };
    waiting.set(line, known);
    client.exec(line as Buffer & string, start.options, (error, channel) => {
      waiting.delete(line);
      if (error) return started(error, channel);
      const { outgoing } = channel as ClientChannel & OpenChannel;
      outgoing.window = Math.max(0, outgoing.window - known.early);
      if (known.early < start.input.length) channel.write(start.input.subarray(known.early));
      started(undefined, channel);
    });
  };
}

/**
 * Ignores errors of channels. The end of a channel says what is wrong with it, and a server that goes on sending after the end must not crash this process.
 * The listeners are needed from the channel's first moment, which is before ssh2 hands it out, so this hooks into its list of channels.
 */
export function quietChannels(client: Client): void {
  interface Channels {
    update(id: number, channel: ClientChannel): void;
  }
  const { _chanMgr: channels } = client as Client & { readonly _chanMgr: Channels };
  const update = channels.update.bind(channels);
  channels.update = (id, channel) => {
    channel.on('error', () => {});
    channel.stderr.on('error', () => {});
    update(id, channel);
  };
}
