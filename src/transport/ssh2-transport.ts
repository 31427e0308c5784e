import { connect as connectSocket, type Socket } from 'node:net';
import ssh2, { type Algorithms, type AnyAuthMethod, type ParsedKey } from 'ssh2';
import { type Clock, pause } from '../domain/clock.ts';
import { formatDuration } from '../domain/duration.ts';
import type { AppError } from '../domain/errors.ts';
import { ALGORITHMS, hostKeyOrder } from './algorithms.ts';
import type { Endpoint } from './endpoint.ts';
import { type Identities, identities } from './identities.ts';
import type { KnownHosts } from './known-hosts.ts';
import { connectError, connectTimeout, denied, type Stage, tooManyKeys } from './ssh-errors.ts';
import { linkOf } from './ssh2-link.ts';
import type { Dial, Link } from './transport.ts';

export interface Ssh2Settings {
  readonly clock: Clock;
  readonly knownHosts: KnownHosts;
  readonly identityFiles: readonly string[];
  readonly agentSocket: string | undefined;
  readonly home: string;
  readonly askPassphrase: ((question: string) => Promise<string>) | undefined;
  /** Milliseconds for everything from the first packet to the accepted key. */
  readonly connectTimeout: number;
  /** Milliseconds between keepalives; three unanswered ones are a lost link. */
  readonly keepalive: number;
  readonly trace: (line: string) => void;
}

const SHED_RETRIES = 8;

/** The server hung up before it said hello: it sheds load (MaxStartups), and asking again is safe. */
interface Shed {
  readonly shed: AppError;
}

/** Opens SSH connections with ssh2. A server that sheds load is asked again, with jitter, until the deadline. */
export function ssh2Dial(settings: Ssh2Settings): Dial {
  const keys = identities<ParsedKey>({
    files: settings.identityFiles,
    agentSocket: settings.agentSocket,
    home: settings.home,
    parse: parseKey,
    askPassphrase: settings.askPassphrase,
  });
  return async (endpoint, signal) => {
    const until = settings.clock.now() + settings.connectTimeout;
    const known = await settings.knownHosts.knownTypes(endpoint.hostKeyAlias);
    const algorithms = { ...ALGORITHMS, serverHostKey: hostKeyOrder(known) };
    for (let attempt = 1; ; attempt++) {
      const link = await dialOnce({ endpoint, settings, keys, signal, until, algorithms });
      if (!('shed' in link)) return link;
      const wait = 50 + Math.random() * 100 * 2 ** Math.min(attempt, 4);
      if (attempt > SHED_RETRIES || settings.clock.now() + wait > until) throw link.shed;
      settings.trace(`${endpoint.label}: the SSH server hung up before it said hello, trying again`);
      await pause(settings.clock, wait, signal);
    }
  };
}

function parseKey(data: Buffer, passphrase?: string): ParsedKey | 'encrypted' | Error {
  const parsed = ssh2.utils.parseKey(data, passphrase);
  // A list is what a public key file or a bundle gives; its first entry is the key.
  const key = Array.isArray(parsed) ? (parsed as ParsedKey[])[0] : parsed;
  if (key === undefined) return new Error('it holds no key');
  if (key instanceof Error) return passphrase === undefined && /encrypted/i.test(key.message) ? 'encrypted' : key;
  return key.isPrivateKey() ? key : new Error('it is a public key; name the private one');
}

interface Attempt {
  readonly endpoint: Endpoint;
  readonly settings: Ssh2Settings;
  readonly keys: Identities<ParsedKey>;
  readonly signal: AbortSignal;
  /** By the clock, when to give up. */
  readonly until: number;
  readonly algorithms: Algorithms;
}

function dialOnce(attempt: Attempt): Promise<Link | Shed> {
  const { endpoint, settings, keys, signal } = attempt;
  const client = new ssh2.Client();
  const tried: string[] = [];
  const skipped: string[] = [];
  let stage: Stage = 'connect';
  return new Promise<Link | Shed>((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const finish = (settle: () => void) => {
      cancelTimer();
      signal.removeEventListener('abort', onAbort);
      client.off('close', onClose);
      settle();
    };
    const fail = (error: unknown) => {
      finish(() => reject(error));
      client.destroy();
    };
    const onAbort = () => fail(signal.reason);
    const cancelTimer = settings.clock.schedule(Math.max(0, attempt.until - settings.clock.now()), () =>
      fail(connectTimeout(endpoint, stage, formatDuration(settings.connectTimeout))),
    );
    const onError = (error: Error & { level?: string }) => {
      // An agent that fails is skipped by ssh2; the next identity follows.
      if (error.level === 'agent') return void skipped.push(`${tried.pop() ?? 'the SSH agent'}: ${error.message}`);
      if (error.level === 'client-authentication')
        return fail(denied(endpoint, tried, [...skipped, ...keys.skipped()]));
      if (/too many authentication failures/i.test(error.message)) return fail(tooManyKeys(endpoint, tried, error));
      const translated = connectError(endpoint, stage, error);
      const hungUp = error.level === 'client-socket' || /before handshake/.test(error.message);
      if (stage !== 'handshake' || !hungUp) return fail(translated);
      finish(() => resolve({ shed: translated }));
      client.destroy();
    };
    const onClose = () => onError(new Error('Connection lost before handshake'));
    signal.addEventListener('abort', onAbort, { once: true });
    client.on('error', onError);
    client.on('close', onClose);
    client.on('handshake', () => {
      stage = 'authenticate';
    });
    client.on('ready', () => {
      settings.trace(`${endpoint.label}: signed in to ${endpoint.address} as ${endpoint.user} with ${tried.at(-1)}`);
      client.off('error', onError);
      finish(() => resolve(linkOf(client, endpoint)));
    });
    const socket = connectSocket({ host: endpoint.address, port: endpoint.port, noDelay: true });
    socket.once('connect', () => {
      stage = 'handshake';
    });
    startHandshake({ ...attempt, client, socket, tried, fail });
  });
}

interface Handshake extends Attempt {
  readonly client: ssh2.Client;
  readonly socket: Socket;
  /** Filled with the names of the identities as they are offered. */
  readonly tried: string[];
  readonly fail: (error: unknown) => void;
}

function startHandshake({ endpoint, settings, keys, algorithms, client, socket, tried, fail }: Handshake): void {
  const offers = keys.offer();
  const nextMethod = async (): Promise<AnyAuthMethod | false> => {
    const { value: identity } = await offers.next();
    if (!identity) return false;
    tried.push(identity.name);
    if (identity.kind === 'agent') return { type: 'agent', username: endpoint.user, agent: identity.socket };
    return { type: 'publickey', username: endpoint.user, key: identity.key };
  };
  client.connect({
    sock: socket,
    username: endpoint.user,
    algorithms,
    readyTimeout: 0,
    keepaliveInterval: settings.keepalive,
    keepaliveCountMax: 3,
    hostVerifier: (key: Buffer, verify: (valid: boolean) => void) => {
      const { hostKeyAlias: alias, label } = endpoint;
      settings.knownHosts
        .check({ alias, label, key })
        .then(() => verify(true))
        .catch(fail);
    },
    authHandler: (_left, _partial, next) => {
      nextMethod()
        .then((method) => next(method as AnyAuthMethod))
        .catch(fail);
    },
  });
}
