import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type AzureQuestion, type Caller, withSignal } from '../domain/caller.ts';
import type { AppError } from '../domain/errors.ts';
import type { RemoteScript } from '../domain/remote-script.ts';
import type { Endpoint } from '../transport/endpoint.ts';
import { lostEarly } from '../transport/ssh-errors.ts';
import type { Connection, HostAndPort, RemoteProcess, SpawnOptions, Step, Transport } from '../transport/transport.ts';
import { type DestinationSettings, destinationOf, withAbsolutePaths } from './destination.ts';
import type { Door } from './door.ts';
import { type Ask, type Destination, errorFromWire } from './messages.ts';
import { processOver, streamOver } from './process-over.ts';
import { talk } from './talk.ts';

export interface DaemonSettings extends DestinationSettings {
  readonly door: Door;
  /** What the daemon asks somebody who is signed in to Azure. */
  readonly answer: (question: AzureQuestion, caller: Caller) => Promise<string>;
}

/** Connections that azlin's daemon keeps open. Where there is no daemon, or what is asked for cannot be shared, this process connects itself. */
export function daemonTransport(settings: DaemonSettings): Transport {
  const { direct } = settings;
  return {
    dial: direct.dial,
    identitiesFor: direct.identitiesFor,
    knock: direct.knock,
    release: direct.release,
    close: direct.close,
    async connect(endpoint, asked, onStep) {
      // The daemon is not signed in to Azure; whoever asks it is.
      const caller: Caller = { ...asked, askSignedIn: (question) => settings.answer(question, asked) };
      const found = await destinationOf(endpoint, settings, caller);
      const to = found && withAbsolutePaths(found);
      const isReady = to !== undefined && (await connectThere({ settings, to, caller }, onStep));
      return isReady ? connectionTo({ settings, to, caller }) : direct.connect(endpoint, caller, onStep);
    },
  };
}

/** Has the daemon connect. Resolves to false if there is no daemon, or if it ended meanwhile: nothing has run then. */
async function connectThere(
  { settings, to, caller }: Held,
  onStep: ((step: Step) => void) | undefined,
): Promise<boolean> {
  const socket = await settings.door.open(caller);
  if (!socket) return false;
  const request: Ask = { ask: 'connect', to, canAsk: caller.questions !== undefined };
  return ask<boolean>({ socket, request, caller }, (settle) => ({
    onStep,
    onReply(reply) {
      if (reply.reply === 'failed') settle.reject(errorFromWire(reply.error));
      else settle.resolve(true);
      socket.destroy();
    },
    onClose: () => settle.resolve(false),
  }));
}

interface Settle<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

interface Asking {
  readonly socket: Socket;
  readonly request: Ask;
  readonly caller: Caller;
}

type Hearing = Omit<Parameters<typeof talk>[2], 'caller'>;

/** Talks until it is settled. When the caller gives up, the daemon hears of it by the end of the connection. */
function ask<T>({ socket, request, caller }: Asking, hearing: (settle: Settle<T>) => Hearing): Promise<T> {
  const { signal } = caller;
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      reject(signal.reason);
      socket.destroy();
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const over = () => signal.removeEventListener('abort', onAbort);
    const settle: Settle<T> = {
      resolve(value) {
        over();
        resolve(value);
      },
      reject(error) {
        over();
        reject(error);
      },
    };
    talk(socket, request, { caller, ...hearing(settle) });
  });
}

interface Held {
  readonly settings: DaemonSettings;
  readonly to: Destination;
  readonly caller: Caller;
}

function connectionTo(held: Held): Connection {
  const { settings, to, caller } = held;
  const directly = () => settings.direct.connect(to.endpoint, caller);
  return {
    async spawn(script, options) {
      const socket = await settings.door.open(withSignal(caller, options.signal));
      if (!socket) return (await directly()).spawn(script, options);
      try {
        return await spawnThere(held, socket, { script, options });
      } catch (error) {
        // It does no harm to run it twice.
        if (error !== GONE || !script.mayRepeat) throw error === GONE ? gone(to.endpoint) : error;
        return (await directly()).spawn(script, options);
      }
    },
    async forward(address, signal) {
      const socket = await settings.door.open(withSignal(caller, signal));
      if (!socket) return (await directly()).forward(address, signal);
      return forwardThere(held, socket, { ...address, signal });
    },
  };
}

/** The daemon ended before it answered. */
const GONE = Symbol('gone');

function gone(endpoint: Endpoint): AppError {
  return lostEarly(endpoint, new Error("azlin's daemon has ended"));
}

interface Spawning {
  readonly script: RemoteScript;
  readonly options: SpawnOptions;
}

function spawnThere({ to, caller }: Held, socket: Socket, { script, options }: Spawning): Promise<RemoteProcess> {
  const { terminal, isUsers, early, patience, signal, warn = caller.warn } = options;
  const own = { ...withSignal(caller, signal), warn };
  const request: Ask = {
    ask: 'spawn',
    to,
    canAsk: caller.questions !== undefined,
    script: { text: script.text.toString('latin1'), mayRepeat: script.mayRepeat === true },
    options: { terminal, isUsers: isUsers === true, early: early === true, patience },
  };
  // From here on the daemon may send it at any moment, and may end before it says so.
  options.onSent?.(true);
  return ask<RemoteProcess>({ socket, request, caller: own }, (settle) => {
    const over = processOver(socket, to.endpoint);
    return {
      onReply(reply) {
        if (reply.reply === 'exit') return over.ended(reply);
        if (reply.reply === 'done') return settle.resolve(over.remote);
        if (reply.reply !== 'failed') return;
        if (!reply.isSent) options.onSent?.(false);
        settle.reject(errorFromWire(reply.error));
        socket.destroy();
      },
      onBytes: over.bytes,
      onTaken: over.taken,
      onClose() {
        settle.reject(GONE);
        over.lost();
      },
    };
  });
}

function forwardThere(
  { to, caller }: Held,
  socket: Socket,
  { host, port, signal }: HostAndPort & { readonly signal: AbortSignal },
): Promise<Duplex> {
  const request: Ask = { ask: 'forward', to, canAsk: caller.questions !== undefined, host, port };
  return ask<Duplex>({ socket, request, caller: withSignal(caller, signal) }, (settle) => {
    const over = streamOver(socket);
    return {
      onReply(reply) {
        if (reply.reply === 'failed') settle.reject(errorFromWire(reply.error));
        else if (reply.reply === 'done') settle.resolve(over.stream);
        else over.ended();
      },
      onBytes: over.bytes,
      onTaken: over.taken,
      onClose() {
        settle.reject(gone(to.endpoint));
        over.ended();
      },
    };
  });
}
