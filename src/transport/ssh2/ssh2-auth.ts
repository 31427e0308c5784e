import ssh2, { type AnyAuthMethod, type AuthHandlerMiddleware, type BaseAgent, type ParsedKey } from 'ssh2';
import { AppError, messageOf } from '../../domain/errors.ts';
import { typeOfKey } from '../host-keys/public-key.ts';
import type { Identity, Offers } from '../identities/identities.ts';
import type { Tried } from '../ssh-errors.ts';

/**
 * Signing in to one server, over as many connections as it takes: a server hangs up after a few refused keys. Each identity is offered as an agent of one
 * key: ssh2 signs with files at once, and of a whole agent it would not say which key was refused.
 */
export interface SignIn {
  /** How the next connection goes on with it. */
  handler(user: string, hooks: ConnectionHooks): AuthHandlerMiddleware;
  /** The connection was lost. Whether another one can get further. */
  goesOn(isRefusal: boolean): boolean;
  /** When this side has done what it was at: somebody types a passphrase, an agent asks its user. Never rejects. */
  pending(): Promise<unknown>;
  /** What was offered last. */
  current(): string;
  tried(): Tried;
}

/** The connection that signs in. */
export interface ConnectionHooks {
  /** Ends it for something that is no refusal. */
  readonly fail: (error: unknown) => void;
  /** It waits for this side: an agent may ask its user. */
  readonly onSigning: (isSigning: boolean) => void;
}

export interface SignInSettings {
  readonly offers: Offers;
  /** Gets each identity as it is offered. */
  readonly onOffer: (name: string, key: Buffer) => void;
  /** Wraps the wait for a signature. */
  readonly whileSigning: <T>(name: string, work: () => Promise<T>) => Promise<T>;
}

interface Turn {
  readonly identity: Identity;
  /** Undefined for the usual one of its type. */
  readonly algorithm?: string;
  /** Offered before, over a connection that broke while this side was at it. */
  readonly isSecond?: boolean;
}

/** How far one connection has come. */
interface Here {
  turn: Turn | undefined;
  /** `busy`: this side unlocks or signs; the server may not wait for that. */
  phase: 'offered' | 'busy' | 'signed';
  refused: number;
  /** Nobody listens to it any more. */
  isOver: boolean;
}

/** Offers the identities in order, one at a time, so that it is known which the server has refused. */
export function signIn({ offers, onOffer, whileSigning }: SignInSettings): SignIn {
  const waiting: Turn[] = offers.identities.map((identity) => ({ identity }));
  /** RSA keys that were refused with the one hash; a few servers know the other one only. */
  const otherHash: Turn[] = [];
  const refused: string[] = [];
  const signed: string[] = [];
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
    if (at.phase === 'signed') signed.push(identity.name);
    else if (algorithm === undefined) refused.push(identity.name);
    const isRsa = identity.publicKey && typeOfKey(identity.publicKey) === 'ssh-rsa';
    if (at.phase !== 'signed' && algorithm === undefined && isRsa)
      otherHash.push({ identity, algorithm: 'rsa-sha2-256' });
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
      const algorithm = next.algorithm ?? (key && algorithmFor(key));
      if (!key || !algorithm) continue;
      at.phase = 'offered';
      onOffer(identity.name, key);
      const sign = (data: Buffer) => signWith({ at, identity, algorithm, hooks }, data);
      return { type: 'agent', username: user, agent: agentOfOne({ key, algorithm, sign, fail: hooks.fail }) };
    }
    at.turn = undefined;
    return undefined;
  };

  /** Undefined when it cannot be had; the notes say why. */
  const signWith = async ({ at, identity, algorithm, hooks }: Signing, data: Buffer): Promise<Buffer | undefined> => {
    at.phase = 'busy';
    hooks.onSigning(true);
    try {
      const key = await unlocked(identity);
      const signature = key && (await whileSigning(identity.name, () => key.sign(data, algorithm)));
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
            // Without a key, the server says what else it would take; some let one in just so.
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
        // Whoever typed a passphrase, or touched a token, took their time; the server did not wait.
        if (turn.isSecond) return false;
        waiting.unshift({ ...turn, isSecond: true });
        return true;
      }
      refuse(here);
      // The server does not hear everybody out: what was named must not be left over.
      waiting.sort((a, b) => Number(b.identity.isNamed) - Number(a.identity.isNamed));
      return waiting.length + otherHash.length > 0 && here.refused > 0 && (isRefusal || here.refused > 1);
    },
    pending: () => pending,
    current: () => here.turn?.identity.name ?? 'no key',
    tried: () => ({ refused, signed, notes: [...new Set([...notes, ...offers.notes])], methods, left: waiting.length }),
  };
}

interface Signing {
  readonly at: Here;
  readonly identity: Identity;
  readonly algorithm: string;
  readonly hooks: ConnectionHooks;
}

/** RSA signs with SHA-2 only, whatever else the server would take. */
function algorithmFor(key: Buffer): string | undefined {
  const type = typeOfKey(key);
  return type === 'ssh-rsa' ? 'rsa-sha2-512' : type || undefined;
}

interface AgentOfOne {
  readonly key: Buffer;
  readonly algorithm: string;
  /** Undefined when it cannot be signed. */
  readonly sign: (data: Buffer) => Promise<Buffer | undefined>;
  readonly fail: (error: unknown) => void;
}

type SignCallback = (error?: Error | null, signature?: Buffer) => void;

/** ssh2 signs with a key file at once; only an agent may take its time. */
function agentOfOne({ key, algorithm, sign, fail }: AgentOfOne): BaseAgent {
  const agent = Object.create(ssh2.BaseAgent.prototype) as BaseAgent;
  return Object.assign(agent, {
    getIdentities(callback: (error: Error | null, keys?: ParsedKey[]) => void) {
      const parsed = ssh2.utils.parseKey(key);
      if (parsed instanceof Error) return callback(parsed);
      // What it is named here is what is asked of the server: an RSA key would be offered with SHA-1 to servers that do not say what they know.
      callback(null, [Object.assign(parsed as ParsedKey, { type: algorithm })]);
    },
    sign(...[, data, , callback]: [ParsedKey, Buffer, object, SignCallback]) {
      sign(data)
        .then((signature) => (signature ? callback(null, signature) : callback(new Error('not signed'))))
        // The connection may be gone by now.
        .catch(fail);
    },
  });
}
