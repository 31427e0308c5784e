import type { Duplex } from 'node:stream';
import { backOff } from '../../domain/back-off.ts';
import type { Caller } from '../../domain/caller.ts';
import { type Clock, pause } from '../../domain/clock.ts';
import { orAborted } from '../../domain/deadline.ts';
import { describePlace, type Endpoint } from '../endpoint.ts';
import type { KnownHosts } from '../host-keys/known-hosts.ts';
import { fingerprint, sha256Of } from '../host-keys/public-key.ts';
import { sshAgent } from '../identities/agent.ts';
import { type EntraCertificates, entraOffers } from '../identities/entra.ts';
import { type Identities, identities, type Offers } from '../identities/identities.ts';
import { cannotConnect, denied } from '../ssh-errors.ts';
import type { Dial, Dialer, Link, Step } from '../transport.ts';
import type { Tunnel, TunnelSettings } from '../tunnel.ts';
import { tunnels } from '../tunnels.ts';
import { dialWithEntra } from './entra-dial.ts';
import { beginLink } from './late-link.ts';
import { type KnownServer, learning, type ServerMemory, serverMemory } from './server-memory.ts';
import type { Attempt } from './ssh2-attempt.ts';
import type { SignIn, SignInSettings } from './ssh2-auth.ts';

export interface Ssh2Settings extends TunnelSettings {
  /** A clock that keeps running while `clock` is paused. */
  readonly wallClock: Clock;
  readonly knownHosts: KnownHosts;
  /** Absent where nobody signs in with Entra ID. */
  readonly certificates?: EntraCertificates;
  /** Where is kept what is known about servers. */
  readonly cacheDirectory: string;
  /** Whether what was read of keys and agents, and passphrases, are forgotten when nothing is being dialled: for a process that lasts. */
  readonly forgetsKeys?: boolean;
}

/** Milliseconds after which a waiting user is told which identity is being waited for. */
const PATIENCE = 2_000;
/** How long to wait before retrying a server that drops connections. */
const SHED = { first: 150, longest: 1_000, jitter: 1 };
/** The most connections for one sign-in to one server. Each can offer a few more keys; with more, servers that punish refusals would block the client. */
const CONNECTIONS = 6;

/** Opens SSH connections with ssh2. A server that sheds load is asked again, with jitter, until the deadline. */
export function ssh2Dialer(settings: Ssh2Settings): Dialer {
  const { wallClock: clock } = settings;
  const servers = serverMemory(settings.cacheDirectory);
  const newKeys = () => identities({ loadParse, agentAt: (socket) => sshAgent({ socket, clock }), clock });
  let keys = newKeys();
  let dialling = 0;
  const whileDialling = async <T>(work: Promise<T>) => {
    dialling++;
    try {
      return await work;
    } finally {
      if (--dialling === 0 && settings.forgetsKeys) keys = newKeys();
    }
  };
  const dial: Dial = (endpoint, caller, onStep = () => {}) =>
    whileDialling(dialAs({ settings, keys, servers, ways, endpoint, onStep, caller, onEarly: undefined }));
  const ways = tunnels(settings, dial);
  return {
    dial,
    begin: (endpoint, caller, onStep = () => {}) =>
      beginLink(caller, (own, onEarly) =>
        whileDialling(dialAs({ settings, keys, servers, ways, endpoint, onStep, caller: own, onEarly })),
      ),
    close: ways.close,
    async knock(endpoint, caller) {
      const stream = await ways.open(endpoint, caller);
      try {
        await orAborted(firstWords(stream, endpoint), caller.signal);
      } finally {
        stream.destroy();
      }
    },
    async identitiesFor({ ssh }, caller) {
      const { entra } = ssh;
      const { certificates } = settings;
      const { identities: offered, notes } =
        entra?.wish === 'always' && certificates
          ? entraOffers(await certificates.certificate(entra, caller), certificates, { clock, caller })
          : await keys.offersFor(ssh, caller);
      const names = offered.map(({ name }) => name);
      return { names: entra?.wish === 'auto' ? [...names, 'Entra ID'] : names, notes };
    },
  };
}

/** Resolves with the first byte; rejects if none comes. */
function firstWords(stream: Duplex, endpoint: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('data', () => resolve());
    stream.once('close', () => reject(cannotConnect(endpoint, new Error('its SSH server sent nothing'))));
  });
}

interface Dialling {
  readonly settings: Ssh2Settings;
  readonly keys: Pick<Identities, 'offersFor'>;
  readonly servers: ServerMemory;
  readonly ways: Tunnel;
  readonly endpoint: Endpoint;
  readonly onStep: (step: Step) => void;
  readonly onEarly: Attempt['onEarly'];
  readonly caller: Caller;
}

/** Dials with the user's keys, or with a certificate of Entra ID. */
function dialAs(dialling: Dialling): Promise<Link> {
  const { settings, endpoint, servers, caller } = dialling;
  const { entra } = endpoint.ssh;
  const { wallClock: clock, certificates } = settings;
  if (!entra || !certificates) return dialOne(dialling);
  return dialWithEntra({
    ...{ endpoint, entra, certificates, servers, clock, caller, onStep: traced(dialling) },
    dial: (own, keys = dialling.keys, isFirst) =>
      dialOne({ ...dialling, endpoint: own, keys, onEarly: isFirst ? dialling.onEarly : undefined }),
  });
}

async function dialOne({ settings, keys, servers, ways, endpoint, onStep, caller, onEarly }: Dialling): Promise<Link> {
  const { clock, knownHosts } = settings;
  const { signal, trace } = caller;
  const { label, ssh } = endpoint;
  for (const note of endpoint.notes) trace(note);
  if (endpoint.unused) trace(`${label}: ${endpoint.unused.problem}`);
  const [offers, known] = await orAborted(
    Promise.all([keys.offersFor(ssh, caller), servers.recall(endpoint, caller)]),
    signal,
  );
  const memory = learning(servers, { endpoint, known, caller });
  let shortcuts = memory.usable();
  const until = clock.now() + ssh.connectTimeout;
  const step = traced({ endpoint, onStep, caller });
  let signing: SignIn | undefined;
  for (let shed = 0, connections = 1; ; ) {
    const knownTypes = await knownHosts.typesOf(endpoint, caller);
    const opening = ways.open(endpoint, caller);
    // Loading ssh2 takes a while. Meanwhile the server can send its greeting.
    const [stream, adapter] = await Promise.all([opening, adapterLoaded()]);
    // A ProxyCommand has reached the server only when its first output arrives.
    if (endpoint.route.kind !== 'command') step({ kind: 'reached', detail: describePlace(endpoint) });
    signing ??= adapter.signIn(signInSettings(settings, { endpoint, offers, known, caller }));
    const request = { ...settings, endpoint, stream, signIn: signing, knownTypes, memory, shortcuts, onStep: step };
    const result = await adapter.attempt({ ...request, onEarly, caller });
    if (!('because' in result)) {
      await memory.succeeded(shortcuts);
      if (signal.aborted) result.close();
      signal.throwIfAborted();
      return result;
    }
    if (result.because === 'other-hello' || result.because === 'minded' || result.because === 'refused') {
      trace(`${label}: ${REASONS[result.because]}`);
      memory.minded(result.because === 'other-hello' ? ['hello'] : (result.suspects ?? []));
      shortcuts = [];
      await orAborted(signing.pending(), signal);
      continue;
    }
    // It may turn connections away, or mind what comes first.
    if (result.because === 'shed' && shortcuts.includes('hello')) memory.minded(['hello']);
    shortcuts = [];
    if (result.because === 'keys' || result.because === 'answered') {
      if (++connections > CONNECTIONS)
        throw result.because === 'keys' ? denied(endpoint, signing.tried()) : result.error;
      trace(`${label}: ${REASONS[result.because]}`);
      await orAborted(signing.pending(), signal);
      continue;
    }
    const wait = backOff(SHED, ++shed);
    if (clock.now() + wait > until) throw result.error;
    trace(`${label}: the SSH server closed the connection before its greeting; trying again`);
    await pause(clock, wait, signal);
  }
}

const REASONS = {
  'other-hello': 'its server says something else than last time; again without shortcuts',
  minded: 'its server may mind a shortcut; again without shortcuts',
  refused: 'its server does not accept the key of last time; again without shortcuts',
  keys: 'the server closed the connection during sign-in; continuing over another one',
  answered: 'the server did not wait for the answer about its host key; reconnecting',
} as const;

const adapterLoaded = () => import('./ssh2-adapter.ts');

/** Loaded when a whole private key is first needed. Usually only its public half is read. */
async function loadParse() {
  return (await adapterLoaded()).parsePrivateKey;
}

interface SigningIn {
  readonly endpoint: Endpoint;
  readonly known: KnownServer | undefined;
  readonly offers: Offers;
  readonly caller: Caller;
}

function signInSettings({ wallClock }: Ssh2Settings, { endpoint, offers, known, caller }: SigningIn): SignInSettings {
  const { label } = endpoint;
  const { warn, trace } = caller;
  return {
    offers,
    knownAlgorithm: (key) => (known?.identity?.key === sha256Of(key) ? known.identity.algorithm : undefined),
    onOffer: (name, key) => trace(`${label}: offering ${name}, ${fingerprint(key)}`),
    async whileSigning(name, work) {
      const cancel = wallClock.schedule(PATIENCE, () =>
        warn(`waiting for ${name} to sign; the agent may be asking you for confirmation`),
      );
      try {
        return await work();
      } finally {
        cancel();
      }
    },
  };
}

type Traced = Pick<Dialling, 'endpoint' | 'onStep' | 'caller'>;

/** Tells of each step in the trace, too. */
function traced({ endpoint: { label }, onStep, caller: { trace } }: Traced): Dialling['onStep'] {
  return (step) => {
    trace(`${label}: ${describeStep(step)}`);
    onStep(step);
  };
}

function describeStep({ kind, detail }: Step): string {
  const words: Record<Step['kind'], string> = {
    proving: 'Azure is asked about',
    certifying: 'Entra ID is asked for a certificate for',
    reached: 'connected to',
    answered: 'its server is',
    verified: 'its host key is',
    'signed-in': 'signed in with',
  };
  return `${words[kind]} ${detail}`;
}
