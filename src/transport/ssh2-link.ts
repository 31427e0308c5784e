import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client, ClientChannel } from 'ssh2';
import type { Clock } from '../domain/clock.ts';
import { formatDuration } from '../domain/duration.ts';
import { AppError } from '../domain/errors.ts';
import type { Endpoint } from './endpoint.ts';
import { frameArgv, unframe } from './frame.ts';
import { watchSilence } from './silence.ts';
import { channelTimeout, lost, lostEarly, noCommand, refusedForward, refusedRequest } from './ssh-errors.ts';
import type { ExitStatus, Link, RemoteProcess, SpawnOptions } from './transport.ts';

export interface SignedIn {
  readonly client: Client;
  /** What the connection runs over. */
  readonly stream: Duplex;
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  readonly warn: (line: string) => void;
}

/** A signed-in ssh2 client as a Link. */
export function linkOf(signedIn: SignedIn): Link {
  const { client, stream, endpoint, clock, warn } = signedIn;
  let alive = true;
  let cause: unknown;
  let forwardsAgent = endpoint.ssh.forwardAgent !== undefined;
  client.on('error', (error) => {
    cause ??= error;
  });
  const { keepalive, keepaliveMissed } = endpoint.ssh;
  const running = new Set<Losable>();
  const lose = (silentFor: number) => {
    if (!alive) return;
    cause ??= new Error(`no sign of life for ${formatDuration(silentFor)}`);
    alive = false;
    // What the link runs over may be as dead as it is, and never tell of its end.
    for (const one of running) one.lose();
    // Keys that are still on their way must not arrive when nobody sees any more what they do.
    if (stream instanceof Socket) stream.resetAndDestroy();
    client.destroy();
    stream.destroy();
  };
  const stopWatching = watchSilence({ stream, clock, ms: keepalive, times: keepaliveMissed }, () =>
    lose(keepalive * keepaliveMissed),
  );
  const check = (ms: number) => {
    if (!alive) return;
    const cancel = clock.schedule(ms, () => lose(ms));
    stream.once('data', cancel);
    client.once('close', cancel);
    try {
      // Every server answers to this, and be it that there is no such forward.
      client.unforwardIn('127.0.0.1', 1, () => {});
    } catch {
      // It cannot even be sent any more.
      cancel();
      lose(ms);
    }
  };
  client.on('close', () => {
    alive = false;
    stopWatching();
    for (const { cut } of running) cut();
  });

  /** Opens a channel; `use` gets it at once: its command may end with the next byte. Rejects with the error of ssh2. */
  const opening = <T>({ ask, use, signal, ms }: Opening<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      let isLate = false;
      const settle = () => {
        cancel();
        signal.removeEventListener('abort', onAbort);
      };
      const giveUp = (reason: unknown) => {
        isLate = true;
        settle();
        reject(reason);
      };
      const onAbort = () => giveUp(signal.reason);
      const onTimeout = () => {
        alive = false;
        giveUp(channelTimeout(endpoint, formatDuration(ms ?? 0)));
      };
      const cancel = ms === undefined ? () => {} : clock.schedule(ms, onTimeout);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        ask((error, opened) => {
          if (isLate) return void opened?.close();
          settle();
          if (error) reject(error);
          else resolve(use(opened));
        });
      } catch (error) {
        giveUp(error);
      }
    });

  const spawn = async (argv: readonly string[], options: SpawnOptions): Promise<RemoteProcess | 'no-channel'> => {
    const nonce = randomBytes(16).toString('hex');
    const { terminal, isUsers = false, signal } = options;
    const pty = terminal && { term: terminal.term, cols: terminal.columns, rows: terminal.rows };
    const asked = { env: { ...endpoint.ssh.environment }, ...(pty ? { pty } : {}) };
    const agent: object = { agentForward: forwardsAgent && isUsers };
    try {
      return await opening({
        ask: (opened) => client.exec(frameArgv(argv, nonce, pty !== undefined), { ...asked, ...agent }, opened),
        use: (channel) => processOf({ channel, endpoint, nonce, running, lossCause: () => cause, check }),
        signal,
        ms: endpoint.ssh.connectTimeout,
      });
    } catch (thrown) {
      const error = thrown as ChannelError;
      if (signal.aborted || error instanceof AppError) throw error;
      if (error.reason !== undefined) return 'no-channel';
      // What was asked for when the link broke is answered with a refusal, too.
      if (!alive || !/^Unable to/.test(error.message)) throw lostEarly(endpoint, cause ?? error);
      if (!/agent forwarding/.test(error.message)) throw refusedRequest(endpoint, error);
      // As with ssh, the command runs all the same.
      forwardsAgent = false;
      warn(`${endpoint.label} does not take the SSH agent: its server has AllowAgentForwarding no`);
      return spawn(argv, options);
    }
  };

  return {
    get alive() {
      return alive;
    },
    close() {
      alive = false;
      stopWatching();
      client.end();
    },
    spawn,
    async forward({ host, port }, signal) {
      try {
        return await opening<Duplex>({
          ask: (opened) => client.forwardOut('127.0.0.1', 0, host, port, opened),
          use: (channel) => channel,
          signal,
        });
      } catch (error) {
        signal.throwIfAborted();
        throw refusedForward({ host, port }, cause ?? error);
      }
    },
  };
}

interface Opening<T> {
  readonly ask: (opened: Opened) => void;
  readonly use: (channel: ClientChannel) => T;
  readonly signal: AbortSignal;
  /** Milliseconds after which the link is no good any more. A forward waits for another host: its time says nothing about the link. */
  readonly ms?: number;
}

/** `reason`: the server has said why it opens no channel. */
type ChannelError = Error & { readonly reason?: number | string };
type Opened = (error: ChannelError | undefined, channel: ClientChannel) => void;

/** A process whose link is lost. */
interface Losable {
  /** Before its channel is closed: what has not come by now does not come any more. */
  readonly cut: () => void;
  /** Ends it on this side. */
  readonly lose: () => void;
}

interface Spawned {
  readonly channel: ClientChannel;
  readonly endpoint: Endpoint;
  readonly nonce: string;
  /** What runs over the link. */
  readonly running: Set<Losable>;
  readonly lossCause: () => unknown;
  readonly check: (ms: number) => void;
}

function processOf({ channel, endpoint, nonce, running, lossCause, check }: Spawned): RemoteProcess {
  const output = unframe(nonce);
  const errors = unframe(nonce);
  channel.pipe(output.stream);
  channel.stderr.pipe(errors.stream);
  let status: ExitStatus | undefined;
  channel.on('exit', (code: number | null, signal?: string) => {
    status =
      code === null ? { kind: 'signaled', signal: (signal ?? '').replace(/^SIG/, '') } : { kind: 'exited', code };
  });
  // Servers tell how a command ended before they have sent all that it said.
  let isCut = false;
  const cut = () => {
    isCut = (channel as unknown as { incoming: { state: string } }).incoming.state === 'open';
  };
  const losable: Losable = {
    cut,
    lose() {
      cut();
      // What has come is still to be read.
      if (channel.readableEnded) return void channel.emit('close');
      channel.once('end', () => channel.emit('close'));
      channel.push(null);
      channel.stderr.push(null);
    },
  };
  running.add(losable);
  // Not `exit`: output can follow it, and it may never come.
  const exit = new Promise<ExitStatus>((resolve) => {
    channel.once('close', () => {
      running.delete(losable);
      const gone = output.begun() ? lost : lostEarly;
      if (status === undefined || isCut) return resolve({ kind: 'lost', cause: gone(endpoint, lossCause()) });
      if (output.begun()) return resolve(status);
      resolve({ kind: 'lost', cause: noCommand(endpoint, `${output.noise()} ${errors.noise()}`) });
    });
  });
  return {
    stdin: channel,
    stdout: output.stream,
    stderr: errors.stream,
    exit,
    noise: () => `${output.noise()} ${errors.noise()}`.trim(),
    resize: (columns, rows) => channel.setWindow(rows, columns, 0, 0),
    check,
    close: () => channel.close(),
  };
}
