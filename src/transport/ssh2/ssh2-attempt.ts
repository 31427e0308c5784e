import type { Duplex } from 'node:stream';
import ssh2 from 'ssh2';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { formatDuration } from '../../domain/duration.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import type { Shortcut } from '../../domain/ssh-choices.ts';
import { printable } from '../../domain/text.ts';
import { describePlace, type Endpoint } from '../endpoint.ts';
import type { KnownHosts } from '../host-keys/known-hosts.ts';
import { fingerprint, sha256Of } from '../host-keys/public-key.ts';
import { connectTimeout, denied, hungUp, type Stage } from '../ssh-errors.ts';
import type { Link, Step } from '../transport.ts';
import { algorithmsFor } from './algorithms.ts';
import { holdBack } from './hold-back.ts';
import { helloReader, learnHello } from './server-hello.ts';
import type { Learning } from './server-memory.ts';
import { askForProofOnlyOfNew, isPlainEnvironment, takeShortcuts } from './shortcuts.ts';
import type { Accepted, ConnectionHooks, SignIn } from './ssh2-auth.ts';
import { type Again, ending, suspectsOf } from './ssh2-ending.ts';
import { quietChannels } from './ssh2-input.ts';
import { type EarlyLink, linkOf } from './ssh2-link.ts';
import { untimed } from './untimed.ts';

export interface Attempt {
  readonly endpoint: Endpoint;
  /** A stream to the server. The attempt ends it unless it succeeds. */
  readonly stream: Duplex;
  readonly signIn: SignIn;
  readonly knownHosts: KnownHosts;
  /** The types of host keys that are known for it. */
  readonly knownTypes: readonly string[];
  /** What is known about the server, and who hears what is learned. */
  readonly memory: Learning;
  readonly shortcuts: readonly Shortcut[];
  /** Called with the link when the signature has been sent, if commands may be sent right behind it. The attempt resolves to the same link, or gives it up. */
  readonly onEarly: ((link: EarlyLink) => void) | undefined;
  readonly clock: Clock;
  readonly onStep: (step: Step) => void;
  readonly caller: Caller;
}

/** Agrees on encryption, checks the host key, signs in. Rejects with an AppError, or with the reason of the caller's signal. */
export function attempt(request: Attempt): Promise<Link | Again> {
  const { endpoint, stream, signIn, knownHosts, clock, onStep, caller } = request;
  const { signal, trace } = caller;
  const client = new ssh2.Client();
  const reader = helloReader();
  let stage: Stage = endpoint.route.kind === 'command' ? 'connect' : 'hello';
  let hostKey: Buffer | undefined;
  /** Set while the host key is looked up, or the user is asked about it. */
  let checking: Promise<void> | undefined;
  let isSettled = false;
  let taken: readonly Shortcut[] = [];
  let head: Buffer | undefined = Buffer.alloc(0);
  let early: EarlyLink | undefined;
  let isRefused = false;
  let release = () => {};
  let cancelTimer = () => {};
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      if (isSettled) return;
      isSettled = true;
      cancelTimer();
      signal.removeEventListener('abort', onAbort);
      stream.off('data', listen);
      settle();
    };
    const end = (settle: () => void) => {
      if (!isSettled) early?.giveUp(isRefused);
      finish(settle);
      client.destroy();
      stream.destroy();
    };
    // This can happen even after success: a server may present another host key when keys are exchanged again.
    const fail = (error: unknown) => end(() => reject(error));
    const onAbort = () => fail(signal.reason);
    const enter = (next: Stage) => {
      if (isSettled) return;
      stage = next;
      const ms = endpoint.ssh.connectTimeout;
      cancelTimer();
      cancelTimer = clock.schedule(ms, () => {
        void request.memory.suspect(suspectsOf(taken, stage));
        fail(connectTimeout(endpoint, stage, formatDuration(ms)));
      });
    };
    const step = (one: Step) => {
      if (!isSettled) onStep(one);
    };
    const listen = (chunk: Buffer) => {
      if (stage === 'connect') {
        enter('hello');
        step({ kind: 'reached', detail: describePlace(endpoint) });
      }
      reader.read(chunk);
      head = head && learnHello(Buffer.concat([head, chunk]), request.memory.learn);
      if (stage !== 'hello') return;
      const { version } = reader.hello();
      if (version === undefined) return;
      enter('key-exchange');
      step({ kind: 'answered', detail: printable(version) });
    };
    const onEnd = (error: Error & { level?: string }) => {
      // If a key could not sign, ssh2 goes on to the next identity.
      if (isSettled || error.level === 'agent') return;
      const used = early ? taken : taken.filter((one) => one !== 'early');
      const outcome = ending({ ...request, taken: used, stage, hello: reader.hello(), error });
      if (checking && outcome instanceof AppError) {
        // The question is still on the screen. Its answer will be used for another connection.
        const again: Again = { because: 'answered', error: outcome };
        checking.then(() => resolve(again), reject);
        return end(() => {});
      }
      end(() => (outcome instanceof AppError ? reject(outcome) : resolve(outcome)));
    };
    if (signal.aborted) return fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    client.on('error', onEnd);
    client.on('close', () => onEnd(new Error('the connection was closed')));
    // Servers may exchange keys again at any time.
    client.once('handshake', () => enter('authenticate'));
    client.on('banner', (text) => trace(`${endpoint.label} says: ${text.trim()}`));
    client.on('hostkeys', (keys) => {
      const proven = keys.map((key) => key.getPublicSSH());
      knownHosts
        .update(endpoint, { current: hostKey ?? Buffer.alloc(0), proven }, caller)
        .catch((error: unknown) => trace(`${endpoint.label}: its other host keys were not kept: ${messageOf(error)}`));
    });
    client.on('ready', () => {
      step({ kind: 'signed-in', detail: signIn.current() });
      const accepted = signIn.accepted();
      const identity = accepted ? { key: sha256Of(accepted.key), algorithm: accepted.algorithm } : null;
      request.memory.learn({ hostKey: hostKey ? sha256Of(hostKey) : '', identity });
      finish(() => resolve(early ?? linkOf({ ...request, client, shortcut: taken.includes('exec') })));
    });
    const onHostKey = (key: Buffer) => {
      checking = knownHosts.check(endpoint, key, {
        ...caller,
        questions: untimed(caller.questions, { stop: () => cancelTimer(), goOn: () => enter(stage) }),
      });
      return checking.then(() => {
        checking = undefined;
        hostKey = key;
        step({ kind: 'verified', detail: fingerprint(key) });
        if (taken.includes('sign')) release = holdBack({ stream, clock });
      });
    };
    const onSigning = (isSigning: boolean) => (isSigning ? cancelTimer() : enter('authenticate'));
    enter(stage);
    if (stream.destroyed) return onEnd(stream.errored ?? new Error('the connection was closed'));
    // Only a socket closes by itself when the other side ends.
    stream.once('end', () => stream.destroy());
    const trusts = ({ key, algorithm }: Accepted) => {
      const { identity, hostKey: its } = request.memory.known ?? {};
      if (!taken.includes('sign') || !identity || !hostKey || its !== sha256Of(hostKey)) return false;
      return identity.algorithm === algorithm && identity.key === sha256Of(key);
    };
    try {
      startClient({
        ...request,
        client,
        onHostKey,
        verified: () => hostKey,
        hooks: { client, fail, onSigning, trusts },
      });
      const onOtherHello = () =>
        end(() =>
          resolve({
            because: 'other-hello',
            error: hungUp(endpoint, stage, { hello: reader.hello(), error: new Error('other hello') }),
          }),
        );
      const onSigned = () => {
        const isWanted =
          request.onEarly &&
          request.memory.known?.channel &&
          isPlainEnvironment(endpoint.ssh.environment) &&
          !isSettled;
        const isEarly = isWanted && taken.includes('exec') && taken.includes('early');
        if (!isEarly) return release();
        early = linkOf({ ...request, client, shortcut: true, onFirst: () => queueMicrotask(release) });
        request.onEarly?.(early);
      };
      const onRefused = () => {
        if (!early || isSettled) return isSettled;
        isRefused = true;
        signIn.goesOn(true);
        end(() => resolve({ because: 'refused', error: denied(endpoint, signIn.tried()) }));
        return true;
      };
      if (request.memory.known && request.shortcuts.length > 0)
        taken = takeShortcuts({
          ...{ client, known: request.memory.known, wanted: request.shortcuts },
          ...{ trace, onSigned, onRefused, onOtherHello },
          isTrusted: (key, algorithm) => trusts({ key, algorithm }),
        });
      const areKnown = (keys: readonly Buffer[]) => knownHosts.hasExactly(endpoint, keys);
      if (taken.includes('exec')) askForProofOnlyOfNew(client, areKnown);
      if (taken.length > 0) trace(`${endpoint.label}: shortcuts: ${taken.join(', ')}`);
    } catch (error) {
      return fail(error);
    }
    // Only after ssh2 has paused the stream, so that ssh2 misses nothing that is heard here.
    stream.on('data', listen);
  });
}

interface Start extends Attempt {
  readonly client: ssh2.Client;
  /** Rejects if the key must not be trusted. */
  readonly onHostKey: (key: Buffer) => Promise<void>;
  /** The key that has been verified; undefined before. */
  readonly verified: () => Buffer | undefined;
  readonly hooks: ConnectionHooks;
}

function startClient({ client, endpoint, stream, signIn, knownTypes, onHostKey, verified, hooks }: Start): void {
  const { user, ssh } = endpoint;
  client.connect({
    sock: stream,
    username: user,
    algorithms: { ...algorithmsFor(ssh.weakest, knownTypes), compress: ['none'] },
    readyTimeout: 0,
    keepaliveInterval: ssh.keepalive,
    // Silence decides whether the link is dead, not the answers to keepalives alone.
    keepaliveCountMax: Number.MAX_SAFE_INTEGER,
    ...(ssh.forwardAgent === undefined ? {} : { agent: ssh.forwardAgent }),
    hostVerifier: (key: Buffer, verify: (valid: boolean) => void) => {
      // When keys are exchanged again, the server uses the new ones at once, so the answer cannot wait.
      const known = verified();
      if (known) return key.equals(known);
      onHostKey(key)
        .then(() => verify(true))
        .catch(hooks.fail);
      return undefined;
    },
    authHandler: signIn.handler(user, hooks),
  });
  quietChannels(client);
}
