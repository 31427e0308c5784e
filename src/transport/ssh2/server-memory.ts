import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Caller } from '../../domain/caller.ts';
import { oneByOne } from '../../domain/concurrency.ts';
import { SHORTCUTS, type Shortcut } from '../../domain/ssh-choices.ts';
import { readCache, writeCache } from '../../store/cache-file.ts';
import type { Endpoint } from '../endpoint.ts';
import { isSameHello } from './server-hello.ts';

/** What a server said and accepted last time. Nothing of it is believed: it is only sent sooner, and the server's own answer is what counts. */
export interface KnownServer {
  /** Its identification and its KEXINIT, in Base64; empty if they were too long. */
  readonly hello: string;
  /** The fingerprint of the host key that it showed. */
  readonly hostKey: string;
  /** The public key that it accepted, as a fingerprint, and the algorithm that it was signed with; null if it asked for none. */
  readonly identity: { readonly key: string; readonly algorithm: string } | null;
  /** How much its first channel took at once; null before one was opened. */
  readonly channel: { readonly window: number; readonly packetSize: number } | null;
  /** Shortcuts after which something went wrong; twice: they are not taken any more. Once may have been the network. */
  readonly minds: readonly Shortcut[];
}

export interface ServerMemory {
  /** What is known about the server of the endpoint, and its user there. */
  recall(endpoint: Endpoint, caller: Caller): Promise<KnownServer | undefined>;
  keep(endpoint: Endpoint, known: KnownServer, caller: Caller): Promise<void>;
  /** Whether it refused the user's keys last time, and accepted a certificate of Entra ID. */
  takesEntra(endpoint: Endpoint, caller: Caller): Promise<boolean>;
  keepEntra(endpoint: Endpoint, takes: boolean, caller: Caller): Promise<void>;
}

/** A file for each server and user, because a call needs few of them. */
export function serverMemory(cacheDirectory: string): ServerMemory {
  const pathOf = ({ user, hostKeyAlias, address, port, route }: Endpoint, ...more: readonly string[]) => {
    const name = createHash('sha256')
      .update(JSON.stringify([user, hostKeyAlias, address, port, route, ...more]))
      .digest('hex');
    return join(cacheDirectory, 'servers', `${name.slice(0, 40)}.json`);
  };
  const entraPathOf = (endpoint: Endpoint) => pathOf(endpoint, 'entra', endpoint.ssh.entra?.as ?? '');
  // What is learned last counts.
  const inTurn = oneByOne();
  return {
    recall: (endpoint, { trace }) => readCache(pathOf(endpoint), isKnownServer, trace),
    keep: (endpoint, known, { trace }) => inTurn(() => writeCache(pathOf(endpoint), known, trace)),
    takesEntra: async (endpoint, { trace }) =>
      (await readCache(entraPathOf(endpoint), isEntraNote, trace))?.takesEntra === true,
    keepEntra: (endpoint, takesEntra, { trace }) =>
      inTurn(() => writeCache(entraPathOf(endpoint), { takesEntra }, trace)),
  };
}

function isEntraNote(value: unknown): value is { readonly takesEntra: boolean } {
  return typeof (value as { takesEntra?: unknown } | null)?.takesEntra === 'boolean';
}

function isKnownServer(value: unknown): value is KnownServer {
  const { hello, hostKey, identity, channel, minds } = (value ?? {}) as Partial<KnownServer>;
  return (
    typeof hello === 'string' &&
    typeof hostKey === 'string' &&
    (identity === null || (typeof identity?.key === 'string' && typeof identity.algorithm === 'string')) &&
    (channel === null || (isSize(channel?.window, 0) && isSize(channel?.packetSize, 1_024))) &&
    Array.isArray(minds) &&
    minds.every((one) => SHORTCUTS.includes(one))
  );
}

/** A number of bytes as the protocol has them. */
function isSize(value: unknown, least: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value < 2 ** 32;
}

interface Dialled {
  readonly endpoint: Endpoint;
  readonly known: KnownServer | undefined;
  readonly caller: Caller;
}

/** What is learned about a server while it is dialled. It is kept for the next time once the server has let the user in. */
export type Learning = ReturnType<typeof learning>;

export function learning(servers: ServerMemory, { endpoint, known, caller }: Dialled) {
  const nothing: KnownServer = { hello: '', hostKey: '', identity: null, channel: null, minds: [] };
  let learned = known ?? nothing;
  let suspects: readonly Shortcut[] = [];
  let isIn = false;
  let kept = known;
  let keeping: Promise<unknown> = Promise.resolve();
  const keep = async () => {
    if (isIn && !isSameServer(learned, kept)) {
      kept = learned;
      keeping = servers.keep(endpoint, learned, caller);
    }
    await keeping;
  };
  const mind = (more: readonly Shortcut[]) => {
    learned = { ...learned, minds: [...learned.minds, ...more] };
  };
  return {
    /** What was known before. */
    known,
    usable: () => (known ? endpoint.ssh.shortcuts.filter((one) => timesOf(one, known.minds) < 2) : []),
    learn(facts: Partial<KnownServer>) {
      learned = { ...learned, ...facts };
      void keep();
    },
    /** Resolves when what was learned is kept. A short command must not end before, or nothing would be known the next time. */
    kept: () => keeping,
    /** The server is tried once more without shortcuts. Only if that works, they may have been the reason. */
    minded(more: readonly Shortcut[]) {
      suspects = more;
    },
    /** It is not tried again now. Named twice, a shortcut is not taken any more. */
    async suspect(more: readonly Shortcut[]) {
      if (more.length === 0) return;
      mind(more);
      await servers.keep(endpoint, learned, caller);
    },
    /** Resolves when it is kept: a short command may end before that. */
    async succeeded(taken: readonly Shortcut[]) {
      isIn = true;
      // What is minded for the first time this very moment stays.
      const since = learned.minds.slice(known?.minds.length ?? 0);
      const before = (known?.minds ?? []).filter((one) => !taken.includes(one));
      learned = { ...learned, minds: [...before, ...since, ...suspects] };
      await keep();
    },
  };
}

function timesOf(shortcut: Shortcut, minds: readonly Shortcut[]): number {
  return minds.filter((one) => one === shortcut).length;
}

/** The cookie in the hello is another one each time. */
function isSameServer({ hello, ...rest }: KnownServer, known: KnownServer | undefined): boolean {
  if (!known) return false;
  const { hello: before, ...others } = known;
  return isDeepStrictEqual(rest, others) && isSameHello(hello, before);
}
