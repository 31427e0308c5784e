import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client, ClientChannel } from 'ssh2';
import type { Clock } from '../../domain/clock.ts';
import { formatDuration } from '../../domain/duration.ts';
import { AppError } from '../../domain/errors.ts';
import type { RemoteScript } from '../../domain/remote-script.ts';
import type { Endpoint } from '../endpoint.ts';
import { loginLine, payloadOf } from '../frame.ts';
import { watchSilence } from '../silence.ts';
import { channelTimeout, lostEarly, refusedForward, refusedRequest } from '../ssh-errors.ts';
import type { Link, Refusal, RemoteProcess, SpawnOptions } from '../transport.ts';
import { firstChannel, REFUSED } from './first-channel.ts';
import type { Learning } from './server-memory.ts';
import { commandStarter, type Internals } from './ssh2-input.ts';
import { type Losable, processOf } from './ssh2-process.ts';

export interface SignedIn {
  readonly client: Client;
  /** What the connection runs over. */
  readonly stream: Duplex;
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  readonly memory: Learning;
  /** Whether the first command follows the opening of its channel at once. */
  readonly shortcut: boolean;
  /** Called when a command has been sent. */
  readonly onFirst?: () => void;
}

/** Modes of a terminal while the script comes over it: no echo, and no editing keys. The script then sets the modes that users expect. */
const SILENT_MODES = { ECHO: 0, ICANON: 0, ISIG: 0, ICRNL: 0, IXON: 0 } as const;

const newWord = () => randomBytes(16).toString('hex');

/** A link whose server may not have let the user in yet. */
export interface EarlyLink extends Link {
  /** Whether its server is one that says so when it refuses a signature, and drops what came behind it. Others hang up. */
  readonly isFrank: boolean;
  /** The server has not let the user in. `isCertain`: what was sent early has not run. */
  giveUp(isCertain: boolean): void;
}

/** An ssh2 client that has signed in, or has sent its signature, as a Link. */
export function linkOf(signedIn: SignedIn): EarlyLink {
  const { client, stream, endpoint, clock, memory } = signedIn;
  let alive = true;
  let cause: unknown;
  let forwardsAgent = endpoint.ssh.forwardAgent !== undefined;
  client.on('error', (error) => {
    cause ??= error;
  });
  const { keepalive, keepaliveMissed } = endpoint.ssh;
  const running = new Set<Losable>();
  let onOver = () => {};
  const over = new Promise<void>((resolve) => {
    onOver = resolve;
  });
  const lose = (silentFor: number) => {
    if (!alive) return;
    cause ??= new Error(`nothing received for ${formatDuration(silentFor)}`);
    alive = false;
    // The stream below the link may be dead too and never report its end.
    for (const one of running) one.lose();
    // Keys that are still on their way must not arrive when nobody can see any more what they do.
    if (stream instanceof Socket) stream.resetAndDestroy();
    client.destroy();
    stream.destroy();
    onOver();
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
      // Every server answers this, if only to say that there is no such forward.
      client.unforwardIn('127.0.0.1', 1, () => {});
    } catch {
      // It could not even be sent.
      cancel();
      lose(ms);
    }
  };
  client.on('close', () => {
    alive = false;
    stopWatching();
    for (const { cut } of running) cut();
    onOver();
  });

  /** Opens a channel. `use` gets it synchronously, because its command may end with the next byte. Rejects with the error of ssh2. */
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
        giveUp(new Error(`no answer in ${formatDuration(ms ?? 0)}`));
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

  const starter = commandStarter(client);
  /** Rejects when the server does not open the first channel as expected. What was sent to it has not run. */
  const refused = firstChannel(signedIn);
  let isLost = false;
  const spawn = async (script: RemoteScript, options: SpawnOptions): Promise<RemoteProcess | Refusal> => {
    const frames = { start: newWord(), output: newWord(), errors: newWord() };
    const { terminal, isUsers = false, patience, signal } = options;
    const pty = terminal && { term: terminal.term, cols: terminal.columns, rows: terminal.rows, modes: SILENT_MODES };
    const ms = endpoint.ssh.connectTimeout;
    let isSent = false;
    let isLate = false;
    const start = {
      line: loginLine(frames),
      options: {
        env: { ...endpoint.ssh.environment },
        ...(pty ? { pty } : {}),
        agentForward: forwardsAgent && isUsers,
      },
      input: payloadOf(script, frames, patience),
      isWanted: () => !isLate,
      onSent() {
        isSent = true;
        options.onSent?.(true);
        signedIn.onFirst?.();
      },
    };
    try {
      const opened = opening({
        ask: (opened) => starter.start(start, opened),
        use: (channel) =>
          processOf({ channel, endpoint, frames, running, lossCause: () => cause, check, memory, clock }),
        signal,
        ms,
      });
      return await refused.unlessRefused(opened);
    } catch (thrown) {
      isLate = true;
      if (thrown === REFUSED && !isLost) await memory.suspect(['exec', 'exec']);
      if (thrown === REFUSED || (isLost && !signal.aborted && (script.mayRepeat || !isSent))) return 'again';
      const error = thrown as ChannelError;
      if (signal.aborted || error instanceof AppError) throw error;
      if (error.reason !== undefined) return 'no-channel';
      if (/^no answer/.test(error.message)) throw channelTimeout(endpoint, formatDuration(ms), isSent);
      // A request that was open when the link broke is reported as refused, too.
      if (!alive || !/^Unable to/.test(error.message)) {
        // The server may have minded a channel that was not open yet. It need not say so.
        if (refused.isOpen() === false) await memory.suspect(['exec', 'exec']);
        throw lostEarly(endpoint, cause ?? error);
      }
      if (!/agent forwarding/.test(error.message)) throw refusedRequest(endpoint, error);
      // As with ssh, the command runs without agent forwarding.
      forwardsAgent = false;
      options.warn?.(`${endpoint.label} refused agent forwarding: its SSH server has AllowAgentForwarding no`);
      return spawn(script, options);
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
    check,
    over,
    prepare() {
      // The first channel is opened together with its command.
      refused.skip();
      if (alive) starter.prepare({ ...endpoint.ssh.environment });
    },
    spawn,
    isFrank: ((client as Client & Internals)._remoteVer ?? '').startsWith('OpenSSH_'),
    giveUp(isCertain) {
      isLost = true;
      alive = false;
      if (isCertain) refused.reject();
    },
    async forward({ host, port }, signal) {
      refused.skip();
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
  /** Milliseconds after which the link counts as dead. A forward has none: it waits for another host, which says nothing about the link. */
  readonly ms?: number;
}

/** `reason`: set if the server said why it opens no channel. */
type ChannelError = Error & { readonly reason?: number | string };
type Opened = (error: ChannelError | undefined, channel: ClientChannel) => void;
