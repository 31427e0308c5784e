import type { AnyAuthMethod, AuthHandlerMiddleware, Client } from 'ssh2';
import { AppError, messageOf } from '../../domain/errors.ts';
import { typeOfKey } from '../host-keys/public-key.ts';
import { isCertificateType, plainType } from '../identities/certificate.ts';
import type { Offers } from '../identities/identities.ts';
import type { Identity } from '../identities/identity.ts';
import type { Tried } from '../ssh-errors.ts';
import { agentOfOne } from './ssh2-agent.ts';

/**
 * Signs in to one server, over as many connections as needed, because a server hangs up after a few refused keys. Each identity is offered as an agent with
 * one key: ssh2 signs with key files synchronously, and with a whole agent it would not say which key was refused.
 */
export interface SignIn {
  /** The handler with which the next connection continues. */
  handler(user: string, hooks: ConnectionHooks): AuthHandlerMiddleware;
  /** To be called when the connection was lost. Returns whether another one can get further. */
  goesOn(isRefusal: boolean): boolean;
  /** To be called when the connection was lost for a reason that has nothing to do with the key: it is offered again over the next one. */
  putBack(): void;
  /** Resolves when this side has finished what it was doing: the user types a passphrase, or an agent asks its user. Never rejects. */
  pending(): Promise<unknown>;
  /** The identity that was offered last. */
  current(): string;
  /** Its public key and the algorithm; undefined if the server wanted none. */
  accepted(): Accepted | undefined;
  tried(): Tried;
}

export interface Accepted {
  readonly key: Buffer;
  readonly algorithm: string;
}

/** What a connection that signs in provides. */
export interface ConnectionHooks {
  readonly client: Client;
  /** Ends the connection for a reason other than a refusal. */
  readonly fail: (error: unknown) => void;
  /** Called when the connection starts and stops waiting for a signature of this side: an agent may ask its user. */
  readonly onSigning: (isSigning: boolean) => void;
  /** Whether a key is signed at once, because the server has accepted it before. */
  readonly trusts: (accepted: Accepted) => boolean;
}

export interface SignInSettings {
  readonly offers: Offers;
  /** The algorithm with which the server has accepted this key before; undefined if it has not. Such a key is offered first. */
  readonly knownAlgorithm: (key: Buffer) => string | undefined;
  /** Called with each identity as it is offered. */
  readonly onOffer: (name: string, key: Buffer) => void;
  /** Wraps the wait for a signature. */
  readonly whileSigning: <T>(name: string, work: () => Promise<T>) => Promise<T>;
}

interface Turn {
  readonly identity: Identity;
  /** Undefined for the usual algorithm of its type. */
  readonly algorithm?: string;
  /** Whether it was offered before, over a connection that broke while this side was busy with it. */
  readonly isSecond?: boolean;
}

/** How far one connection has got. */
interface Here {
  turn: Turn | undefined;
  /** The key of the turn, once it is known. */
  accepted?: Accepted;
  /** Whether it is signed although the server has not said that it knows the key. */
  isTrusted?: boolean;
  /** `busy`: this side is unlocking or signing, and the server may not wait for that. */
  phase: 'offered' | 'busy' | 'signed';
  refused: number;
  /** Whether the connection is no longer used. */
  isOver: boolean;
}

/** Offers the identities in order, one at a time, so that it is known which the server has refused. */
export function signIn({ offers, knownAlgorithm, onOffer, whileSigning }: SignInSettings): SignIn {
  const isKnown = ({ publicKey }: Identity) => publicKey !== undefined && knownAlgorithm(publicKey) !== undefined;
  const waiting: Turn[] = offers.identities
    .map((identity) => ({ identity }))
    .sort((a, b) => Number(isKnown(b.identity)) - Number(isKnown(a.identity)));
  /** RSA keys that were refused with SHA-512, to be tried with SHA-256: a few servers support only that. */
  const otherHash: Turn[] = [];
  const refused: string[] = [];
  const signed: string[] = [];
  let isCertified = false;
  const notes: string[] = [];
  let methods: readonly string[] | undefined;
  let pending: Promise<unknown> = Promise.resolve();
  const unlocked = (identity: Identity) => {
    const work = identity.unlock();
    pending = work.catch(() => {});
    return work;
  };
  let here: Here = { turn: undefined, phase: 'offered', refused: 0, isOver: true };

  const refuse = (at: Here) => {
    const { turn } = at;
    if (!turn) return;
    const { identity, algorithm } = turn;
    at.turn = undefined;
    at.refused++;
    // A signature that the server did not ask for only tells that it does not know the key.
    const isSigned = at.phase === 'signed' && !at.isTrusted;
    if (isSigned) signed.push(identity.name);
    else if (algorithm === undefined) refused.push(identity.name);
    isCertified ||= identity.publicKey !== undefined && isCertificateType(typeOfKey(identity.publicKey));
    const usual = identity.publicKey && algorithmFor(identity.publicKey);
    const other = usual?.replace(/^rsa-sha2-512/, 'rsa-sha2-256');
    if (!isSigned && algorithm === undefined && other !== undefined && other !== usual)
      otherHash.push({ identity, algorithm: other });
  };

  /** The next identity, as ssh2 wants it: an agent that has this one key. */
  const nextMethod = async (at: Here, user: string, hooks: ConnectionHooks): Promise<AnyAuthMethod | undefined> => {
    refuse(at);
    const take = () => waiting.shift() ?? otherHash.shift();
    for (let next = take(); next; next = take()) {
      const { identity } = next;
      at.turn = next;
      at.phase = 'busy';
      const key = identity.publicKey ?? (await unlocked(identity))?.publicKey;
      if (at.isOver) return undefined;
      const algorithm = next.algorithm ?? (key && (knownAlgorithm(key) ?? algorithmFor(key)));
      if (!key || !algorithm) continue;
      at.phase = 'offered';
      at.accepted = { key, algorithm };
      at.isTrusted = hooks.trusts(at.accepted);
      onOffer(identity.name, key);
      const sign = (data: Buffer) => signWith({ at, identity, algorithm, hooks }, data);
      return { type: 'agent', username: user, agent: agentOfOne({ ...hooks, key, algorithm, sign }) };
    }
    at.turn = undefined;
    return undefined;
  };

  /** Undefined if there is no signature; the notes say why. */
  const signWith = async ({ at, identity, algorithm, hooks }: Signing, data: Buffer): Promise<Buffer | undefined> => {
    at.phase = 'busy';
    hooks.onSigning(true);
    try {
      const key = await unlocked(identity);
      const signature = key && (await whileSigning(identity.name, () => key.sign(data, plainType(algorithm))));
      if (signature) at.phase = 'signed';
      else at.turn = undefined;
      return signature;
    } catch (error) {
      if (error instanceof AppError && error.code === 'interrupted') hooks.fail(error);
      notes.push(`${identity.name}: ${messageOf(error)}`);
      at.turn = undefined;
      return undefined;
    } finally {
      hooks.onSigning(false);
    }
  };

  return {
    handler(user, hooks) {
      const at: Here = { turn: undefined, phase: 'offered', refused: 0, isOver: false };
      here.isOver = true;
      here = at;
      let hasAsked = false;
      return (left, _partial, next) => {
        if (hasAsked) {
          methods = (left as readonly string[] | null) ?? methods;
          return next(false as AnyAuthMethod & false);
        }
        nextMethod(at, user, hooks)
          .then((method) => {
            if (at.isOver) return;
            // Asked without a key, the server says which other methods it accepts. Some servers let the user in without any.
            hasAsked = method === undefined;
            next(method ?? { type: 'none', username: user });
          })
          .catch(hooks.fail);
      };
    },
    goesOn(isRefusal) {
      const { turn, phase } = here;
      here.isOver = true;
      if (turn && phase !== 'offered' && !isRefusal) {
        // Typing a passphrase or touching a token took time, and the server did not wait. Try the same key once more.
        if (turn.isSecond) return false;
        waiting.unshift({ ...turn, isSecond: true });
        return true;
      }
      refuse(here);
      // The server hangs up after a few keys, so the named ones go first.
      waiting.sort((a, b) => Number(b.identity.isNamed) - Number(a.identity.isNamed));
      return waiting.length + otherHash.length > 0 && here.refused > 0 && (isRefusal || here.refused > 1);
    },
    putBack() {
      here.isOver = true;
      if (here.turn) waiting.unshift(here.turn);
      here.turn = undefined;
    },
    pending: () => pending,
    current: () => here.turn?.identity.name ?? 'no key',
    accepted: () => (here.turn ? here.accepted : undefined),
    tried: () => ({
      refused,
      signed,
      notes: [...new Set([...notes, ...offers.notes])],
      methods,
      left: waiting.length,
      isCertified,
    }),
  };
}

interface Signing {
  readonly at: Here;
  readonly identity: Identity;
  readonly algorithm: string;
  readonly hooks: ConnectionHooks;
}

/** RSA keys and their certificates sign with SHA-2 only, whatever else the server would accept. */
function algorithmFor(key: Buffer): string | undefined {
  return typeOfKey(key).replace(/^ssh-rsa/, 'rsa-sha2-512') || undefined;
}
