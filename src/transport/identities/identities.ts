import { access } from 'node:fs/promises';
import type { Caller } from '../../domain/caller.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import { printable } from '../../domain/text.ts';
import { sha256Of, typeOfKey, unusableType } from '../host-keys/public-key.ts';
import type { IdentityFile, SshOptions } from '../ssh-config/ssh-options.ts';
import type { Agent, AgentKey } from './agent.ts';
import { type KeyFile, type LoadParseKey, type PrivateKey, readKeyFile } from './key-file.ts';

/** One way to prove who we are. */
export interface Identity {
  /** What messages call it. */
  readonly name: string;
  /** Whether the user or the SSH settings named its file. */
  readonly isNamed: boolean;
  /** The key to offer; undefined if it is known only after `unlock`. */
  readonly publicKey: Buffer | undefined;
  /** Asks for the passphrase if there is one. Undefined if the key cannot be unlocked; the notes say why. */
  unlock(): Promise<SigningKey | undefined>;
}

export interface SigningKey {
  readonly publicKey: Buffer;
  /** The signature without its type. `algorithm`: `rsa-sha2-512` and the like. Rejects with an Error. */
  sign(data: Buffer, algorithm: string): Promise<Buffer>;
}

export interface Offers {
  /** In the order in which to offer them, which is that of OpenSSH. */
  readonly identities: readonly Identity[];
  /** What cannot be tried, and why; grows when something cannot be unlocked. */
  readonly notes: readonly string[];
}

export interface IdentitySettings {
  readonly loadParse: LoadParseKey;
  readonly agentAt: (socket: string) => Agent;
}

export interface Identities {
  /** Rejects with `config` when a file that the user named to azlin cannot be used. */
  offersFor(options: Pick<SshOptions, 'identityFiles' | 'identitiesOnly' | 'agent'>, caller: Caller): Promise<Offers>;
}

const PASSPHRASE_TRIES = 3;

/**
 * The user's identities. As with ssh, keys of the agent that have a file come first. Then come the other keys of the agent, unless `IdentitiesOnly` is set,
 * then the files. Files and agents are read once. Passphrases are asked for once, and only when the server accepts the key.
 */
export function identities(settings: IdentitySettings): Identities {
  const files = new Map<string, Promise<KeyFile>>();
  const agents = new Map<string, Promise<readonly AgentKey[]>>();
  const unlocked = new Map<string, Promise<PrivateKey | string>>();
  const certificates = new Map<string, Promise<boolean>>();
  const once = <T>(known: Map<string, Promise<T>>, name: string, make: () => Promise<T>) => {
    const value = known.get(name) ?? make();
    known.set(name, value);
    return value;
  };

  const keysOf = async (socket: string, notes: string[], { warn }: Caller) => {
    try {
      return await once(agents, socket, () => settings.agentAt(socket).keys());
    } catch (error) {
      const problem = `the SSH agent: ${messageOf(error)}`;
      // A missing agent is no problem, but one that delays everything is worth a warning.
      if (/no answer/.test(problem)) warn(`${problem}; its keys are not used`);
      notes.push(problem);
      return [];
    }
  };

  return {
    async offersFor({ identityFiles, identitiesOnly, agent }, caller) {
      const notes: string[] = [];
      const read = identityFiles.map(async (place) => {
        const file = await once(files, place.path, () => readKeyFile(place.path, settings.loadParse));
        return usable(place, file, notes);
      });
      const found = (await Promise.all(read)).filter((one) => one !== undefined);
      for (const { path } of found)
        if (await once(certificates, path, () => exists(`${path}-cert.pub`)))
          notes.push(`${path}-cert.pub: ${unusableType('ssh-ed25519-cert-v01@openssh.com')}`);
      const held = agent === undefined ? [] : await keysOf(agent, notes, caller);
      const isSame = (key: Buffer) => (one: FoundFile) => one.publicKey?.equals(key) === true;
      const signers = held.flatMap((key): readonly Offered[] => {
        const file = found.find(isSame(key.key));
        if (!file && identitiesOnly) return [];
        const problem = unusableType(key.type);
        if (problem) notes.push(`${describeAgentKey(key)}: ${problem}`);
        if (problem || agent === undefined) return [];
        return [{ hasFile: file !== undefined, identity: agentIdentity(settings.agentAt(agent), key, file) }];
      });
      const left = found.filter(({ publicKey }) => !held.some(({ key }) => publicKey?.equals(key)));
      const fromFiles = left.flatMap((file): readonly Identity[] => {
        if (file.kind === 'public') notes.push(`${file.path}: it is a public key, and no agent holds the private key`);
        if (file.kind === 'public') return [];
        const unlock = async () => {
          const asked = once(unlocked, file.path, () => unlockFile(file, settings, caller));
          // Whoever was asked has interrupted it; somebody else may want to answer.
          asked.catch(() => unlocked.delete(file.path));
          const key = await asked;
          // This caller cannot be asked, but another one may know the passphrase.
          if (typeof key === 'string' && !caller.questions) unlocked.delete(file.path);
          return key;
        };
        return [fileIdentity(file, unlock, notes)];
      });
      return { identities: [...inOrder(signers), ...fromFiles], notes };
    },
  };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

interface Offered {
  /** Whether it also has a file. */
  readonly hasFile: boolean;
  readonly identity: Identity;
}

function inOrder(offered: readonly Offered[]): readonly Identity[] {
  const first = offered.filter(({ hasFile }) => hasFile);
  return [...first, ...offered.filter(({ hasFile }) => !hasFile)].map(({ identity }) => identity);
}

type FoundFile = Exclude<KeyFile, { kind: 'unusable' | 'missing' }> & {
  readonly path: string;
  readonly isNamed: boolean;
};

/** The file, if it can be used. Throws `config` if it cannot and the user named it to azlin. */
function usable({ path, source }: IdentityFile, file: KeyFile, notes: string[]): FoundFile | undefined {
  if (file.kind !== 'unusable' && file.kind !== 'missing') return { ...file, path, isNamed: source !== 'usual' };
  if (file.kind === 'missing') {
    if (source !== 'azlin') return undefined;
    throw new AppError('config', `Cannot read the identity file ${path}`, {
      cause: file.cause,
      hint: 'name a private key with --identity, AZLIN_IDENTITY or ssh.identity',
    });
  }
  if (source === 'azlin') throw new AppError('config', `Cannot use the identity file ${path}: ${file.problem}`);
  notes.push(`${path}: ${file.problem}`);
  return undefined;
}

/** `the SSH agent's "alice@laptop"`. */
function describeAgentKey({ comment, key }: AgentKey): string {
  return `the SSH agent's ${comment ? `"${printable(comment)}"` : sha256Of(key)}`;
}

function agentIdentity(agent: Agent, agentKey: AgentKey, file: FoundFile | undefined): Identity {
  const { key } = agentKey;
  const signing: SigningKey = {
    publicKey: key,
    sign: (data, algorithm) => agent.sign({ key, data, algorithm }),
  };
  const held = describeAgentKey(agentKey);
  const name = file ? `${file.path} (${held})` : held;
  return { name, isNamed: file?.isNamed ?? false, publicKey: key, unlock: async () => signing };
}

function fileIdentity(file: FoundFile, unlock: () => Promise<PrivateKey | string>, notes: string[]): Identity {
  const { path, publicKey, isNamed } = file;
  return {
    name: path,
    isNamed,
    publicKey,
    async unlock() {
      const key = await unlock();
      if (typeof key !== 'string') return signingKey(key);
      notes.push(`${path}: ${key}`);
      return undefined;
    },
  };
}

function signingKey(key: PrivateKey): SigningKey {
  const hash = (algorithm: string) => (algorithm === 'rsa-sha2-256' ? 'sha256' : 'sha512');
  return { publicKey: key.publicKey, sign: async (data, algorithm) => key.sign(data, hash(algorithm)) };
}

/** The key, or the reason why it cannot be unlocked. */
async function unlockFile(
  file: FoundFile,
  { loadParse }: IdentitySettings,
  { questions }: Caller,
): Promise<PrivateKey | string> {
  if (file.kind === 'public') return 'it is a public key';
  const parse = await loadParse();
  if (file.kind === 'private') {
    const key = parse(file.text);
    return key === 'encrypted' ? 'it is damaged' : key;
  }
  if (!questions)
    return 'it is encrypted, and there is no terminal to ask for its passphrase; add it to an agent: ssh-add';
  let problem = 'the passphrase is wrong';
  for (let attempt = 0; attempt < PASSPHRASE_TRIES; attempt++) {
    const passphrase = await questions.passphrase(`Passphrase for ${file.path}`);
    if (passphrase === '') return 'no passphrase was given';
    try {
      const key = parse(file.text, passphrase);
      if (key !== 'encrypted') return usableKey(key);
    } catch (error) {
      problem = messageOf(error);
    }
  }
  return problem;
}

function usableKey(key: PrivateKey): PrivateKey | string {
  return unusableType(typeOfKey(key.publicKey)) ?? key;
}
