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

export interface CommandStarter {
  /** Requests a command and sends its first input right behind, without waiting for an answer. */
  start(start: CommandStart, started: ChannelStarted): void;
  /** Opens a channel for the next command that needs no terminal, if there is none yet: it then starts a round trip sooner. `environment`: that of every command. */
  prepare(environment: ExecOptions['env']): void;
}

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
export function commandStarter(client: Client): CommandStarter {
  const { _protocol: protocol, _chanMgr: channels, _remoteVer: version = '' } = client as Client & Internals;
  const waiting = new Map<unknown, Waiting>();
  /** The channel that is open, or is being opened, for the next command. */
  let spare: Waiting | undefined;
  const exec = protocol.exec.bind(protocol);
  const channelOf = (id: number) =>
    Object.values(channels._channels).find(
      (one): one is OpenChannel => (one as Partial<OpenChannel> | null)?.outgoing?.id === id,
    );
  protocol.exec = (id, command, wantReply) => {
    const known = waiting.get(command);
    if (!known) return exec(id, command, wantReply);
    const { start } = known;
    if (!start) {
      known.onStart = () => protocol.exec(id, command, wantReply);
      return;
    }
    const channel = channelOf(id);
    if (!start.isWanted()) return channel?.close();
    start.onSent();
    exec(id, known.line, wantReply);
    if (!channel) return;
    const { window, packetSize } = channel.outgoing;
    const room = window === 0 && version.startsWith('OpenSSH') ? OPENSSH_WINDOW : window;
    known.early = Math.min(room, start.input.length);
    for (let at = 0; at < known.early; at += packetSize)
      protocol.channelData(id, start.input.subarray(at, Math.min(at + packetSize, known.early)));
  };
  const open = (known: Waiting, options: ExecOptions) => {
    // ssh2 passes this Buffer on unchanged, so it is recognized by identity, not by content.
    const token = Buffer.from(known.line);
    waiting.set(token, known);
    client.exec(token as Buffer & string, options, (error, channel) => {
      waiting.delete(token);
      if (spare === known) spare = undefined;
      const { start, started } = known;
      if (error || !start) return error ? started?.(error, channel) : channel.close();
      const { outgoing } = channel as ClientChannel & OpenChannel;
      outgoing.window = Math.max(0, outgoing.window - known.early);
      if (known.early < start.input.length) channel.write(start.input.subarray(known.early));
      started?.(undefined, channel);
    });
  };
  return {
    start(start, started) {
      const known = spare;
      const { pty, agentForward } = start.options as ExecOptions & { readonly agentForward?: boolean };
      const isPlain = pty === undefined && agentForward !== true;
      if (!known || !isPlain) return open({ ...{ line: start.line, start, started }, early: 0 }, start.options);
      spare = undefined;
      Object.assign(known, { line: start.line, start, started });
      // If it is not open yet, it starts when it is.
      known.onStart?.();
    },
    prepare(environment) {
      if (spare) return;
      spare = { line: '', early: 0 };
      try {
        open(spare, environment === undefined ? {} : { env: environment });
      } catch {
        // The connection is over.
        spare = undefined;
      }
    },
  };
}

/** A command whose channel is being opened; without `start`, a channel that is opened for the next one. */
interface Waiting {
  line: string;
  start?: CommandStart;
  started?: ChannelStarted;
  /** Bytes of its input that were sent early. */
  early: number;
  /** Called when the spare channel, which is open, is to be used. */
  onStart?: () => void;
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
