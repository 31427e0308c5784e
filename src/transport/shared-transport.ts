import { type Caller, withSignal } from '../domain/caller.ts';
import { type SharedWork, sharedWork } from '../domain/deadline.ts';
import { AppError } from '../domain/errors.ts';
import type { RemoteScript } from '../domain/remote-script.ts';
import { type Endpoint, endpointKey } from './endpoint.ts';
import { describeEndpoint } from './ssh-errors.ts';
import type { Connection, Dial, Dialer, Link, RemoteProcess, SpawnOptions, Step, Transport } from './transport.ts';

/**
 * A default sshd allows 10 channels per connection. Staying below that leaves room, and a server that allows fewer says so (`no-channel`). Either way the
 * next command gets a new connection instead of waiting for a channel that may never become free.
 */
const CHANNELS_PER_LINK = 8;

/** How often a command is sent again whose channel was not opened as expected. */
const MOST_AGAIN = 2;

interface Slot {
  readonly link: Link;
  /** Channels in use. */
  active: number;
  limit: number;
  /** Whether a command has run here. A server may refuse the next one only because it has not yet cleaned up after the last one. */
  used: boolean;
  /** Whether nothing new is to run here. */
  released: boolean;
}

export interface SharedTransport extends Transport {
  /** Closes one connection that has been used and is not in use, to one of these endpoints. Returns whether there was one. */
  closeIdle(isMeant: (endpoint: Endpoint) => boolean): boolean;
}

/** One connection per endpoint, opened when first used and shared by everything in this process. */
export function sharedTransport({ dial, begin, identitiesFor, knock, close }: Dialer): SharedTransport {
  const connections = new Map<string, Shared>();
  return {
    dial,
    identitiesFor,
    knock,
    async connect(endpoint, caller, onStep) {
      const key = endpointKey(endpoint);
      const shared = connections.get(key) ?? sharedConnection(endpoint, begin);
      connections.set(key, shared);
      await shared.ready(caller, onStep);
      return shared.of(caller);
    },
    closeIdle(isMeant) {
      return [...connections.values()].some((shared) => isMeant(shared.endpoint) && shared.closeIdle());
    },
    release(hosts) {
      for (const shared of connections.values()) if (hosts.includes(shared.endpoint.hostKeyAlias)) shared.release();
    },
    close() {
      for (const shared of connections.values()) shared.close();
      connections.clear();
      close();
    },
  };
}

interface Shared {
  readonly endpoint: Endpoint;
  /** Resolves when a link is open. */
  ready(caller: Caller, onStep?: (step: Step) => void): Promise<void>;
  /** The connection for one caller, who hears about links that are opened for it. */
  of(caller: Caller): Connection;
  /** Returns whether there was a connection to close. */
  closeIdle(): boolean;
  /** Gives up those that are open: the next command does not use them. */
  release(): void;
  close(): void;
}

function sharedConnection(endpoint: Endpoint, dial: Dial): Shared {
  const slots: Slot[] = [];
  let opening: SharedWork<Slot> | undefined;

  const begin = (caller: Caller, onStep?: (step: Step) => void) => {
    const work = sharedWork(async (signal) => {
      const link = await dial(endpoint, withSignal(caller, signal), onStep);
      const slot: Slot = { link, active: 0, limit: CHANNELS_PER_LINK, used: false, released: false };
      slots.push(slot);
      void link.over.then(() => slots.splice(slots.indexOf(slot), 1));
      return slot;
    });
    void work.over.then(() => {
      if (opening === work) opening = undefined;
    });
    return work;
  };
  /** Callers who ask while a link is being opened share it, and the first one hears about the progress. Once it is full, the others open another. */
  const open = (caller: Caller, onStep?: (step: Step) => void) => {
    if (!opening || opening.isGivenUp()) opening = begin(caller, onStep);
    return opening.join(caller.signal);
  };
  const alive = () => slots.find(({ link, released }) => link.alive && !released);
  const free = () => slots.find(({ link, active, limit, released }) => link.alive && !released && active < limit);

  const occupy = async (slot: Slot, script: RemoteScript, options: SpawnOptions) => {
    slot.active++;
    try {
      const remote = await slot.link.spawn(script, options);
      if (remote === 'no-channel' || remote === 'again') {
        slot.active--;
        slot.limit = slot.active;
        if (slot.limit === 0) slot.link.close();
        return remote;
      }
      slot.used = true;
      void remote.exit.then(() => {
        slot.active--;
        if (slot.released && slot.active === 0) slot.link.close();
      });
      return remote;
    } catch (error) {
      slot.active--;
      if (slot.released && slot.active === 0) slot.link.close();
      throw error;
    }
  };

  return {
    endpoint,
    async ready(caller, onStep) {
      if (!alive()) await open(caller, onStep);
    },
    of: (caller) => ({
      async spawn(script, options): Promise<RemoteProcess> {
        for (let again = 0; ; ) {
          const slot = free() ?? (await open(withSignal(caller, options.signal)));
          if (slot.released || (slot.active >= slot.limit && slot.limit > 0)) continue;
          const untouched = slot.active === 0 && !slot.used;
          const remote = await occupy(slot, script, { warn: caller.warn, ...options });
          if (typeof remote !== 'string') return remote;
          if (remote === 'again' && ++again > MOST_AGAIN) throw refusesCommands(endpoint);
          if (untouched && remote === 'no-channel') throw refusesCommands(endpoint);
        }
      },
      // Servers limit the commands of a connection, not the streams that they forward.
      async forward(to, signal) {
        const { link } = alive() ?? (await open(withSignal(caller, signal)));
        return link.forward(to, signal);
      },
    }),
    closeIdle() {
      const idle = slots.find(({ link, active, used }) => link.alive && used && active === 0);
      idle?.link.close();
      return idle !== undefined;
    },
    release() {
      for (const slot of slots) {
        slot.released = true;
        if (slot.active === 0) slot.link.close();
      }
    },
    close() {
      for (const { link } of slots) link.close();
    },
  };
}

function refusesCommands(endpoint: Endpoint): AppError {
  return new AppError('unreachable', `The SSH server of ${describeEndpoint(endpoint)} refuses to run commands`, {
    hint: 'MaxSessions in its sshd_config must be at least 1',
  });
}
