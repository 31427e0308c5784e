import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import { isOnToken, typeOfKey, unusableType } from '../host-keys/public-key.ts';
import { wireString } from '../host-keys/ssh-wire.ts';
import type { IdentityFile, SshOptions } from '../ssh-config/ssh-options.ts';
import { type Agent, type AgentKey, describeAgentKey } from './agent.ts';
import { isCertificateType } from './certificate.ts';
import { certifiedIdentities } from './certified.ts';
import type { Identity, SigningKey } from './identity.ts';
import { type KeyFile, type LoadParseKey, type PrivateKey, readKeyFile } from './key-file.ts';

export interface Offers {
  /** In the order in which to offer them, which is that of OpenSSH. */
  readonly identities: readonly Identity[];
  /** What cannot be tried, and why; grows when something cannot be unlocked. */
  readonly notes: readonly string[];
}

export interface IdentitySettings {
  readonly loadParse: LoadParseKey;
  readonly agentAt: (socket: string) => Agent;
  /** Tells whether a certificate is still good. */
  readonly clock: Clock;
}

type IdentityOptions = Pick<SshOptions, 'identityFiles' | 'certificateFiles' | 'identitiesOnly' | 'agent'>;

export interface Identities {
  /** Rejects with `config` when a file that the user named to azlin cannot be used. */
  offersFor(options: IdentityOptions, caller: Caller): Promise<Offers>;
}

const PASSPHRASE_TRIES = 3;

/**
 * The user's identities. Certificates come first; then, as with ssh, keys of the agent that have a file, the other keys of the agent, unless `IdentitiesOnly`
 * is set, and the files. Key files and agents are read once. Passphrases are asked for once, and only when the server accepts the key.
 */
export function identities(settings: IdentitySettings): Identities {
  const files = new Map<string, Promise<KeyFile>>();
  const agents = new Map<string, Promise<readonly AgentKey[]>>();
  const unlocked = new Map<string, Promise<PrivateKey | string>>();
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
    async offersFor({ identityFiles, certificateFiles, identitiesOnly, agent }, caller) {
      const notes: string[] = [];
      const read = async (place: IdentityFile) => {
        const file = await once(files, place.path, () => readKeyFile(place.path, settings.loadParse));
        return usable(place, file, notes);
      };
      const named = await Promise.all(identityFiles.map(read));
      // They are renewed while a process runs, and small.
      const beside = await Promise.all(
        certificateFiles.map(async (place) => usable(place, await readKeyFile(place.path, settings.loadParse), notes)),
      );
      const found = named.filter((one) => one !== undefined).filter((one) => one.kind !== 'certificate');
      const certificates = [...named, ...beside].filter((one) => one?.kind === 'certificate');
      for (const other of beside)
        if (other && other.kind !== 'certificate') notes.push(`${other.path}: it is not a certificate`);
      const held = agent === undefined ? [] : await keysOf(agent, notes, caller);
      const isSame = (key: Buffer) => (one: FoundKey) => one.publicKey?.equals(key) === true;
      const signers = held.flatMap((key): readonly Offered[] => {
        const file = found.find(isSame(key.key));
        if ((!file && identitiesOnly) || isCertificateType(key.type)) return [];
        const problem = unusableType(key.type);
        if (problem) notes.push(`${describeAgentKey(key)}: ${problem}`);
        if (problem || agent === undefined) return [];
        return [{ hasFile: file !== undefined, identity: agentIdentity(settings.agentAt(agent), key, file) }];
      });
      const left = found.filter(({ publicKey }) => !held.some(({ key }) => publicKey?.equals(key)));
      const fromFiles = left.flatMap((file): readonly Identity[] => {
        if (file.kind === 'public') notes.push(`${file.path}: ${withoutSigner(file.publicKey)}`);
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
      const plain = [...inOrder(signers), ...fromFiles];
      const certified = certifiedIdentities({
        files: certificates,
        held: held.filter(({ type }) => isCertificateType(type)),
        offersHeld: !identitiesOnly,
        signedBy: (key) => agentIdentity(settings.agentAt(agent ?? ''), key, undefined),
        ...{ plain, notes, now: settings.clock.now() },
      });
      return { identities: [...certified, ...plain], notes };
    },
  };
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
type FoundKey = Exclude<FoundFile, { kind: 'certificate' }>;

/** Why a public key is of no use alone, and what to do. */
function withoutSigner(publicKey: Buffer): string {
  if (!isOnToken(typeOfKey(publicKey))) return 'it is a public key, and no agent holds the private key';
  return 'its private key is on a hardware token, which only an agent can use; load it into one: ssh-add';
}

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

function agentIdentity(agent: Agent, agentKey: AgentKey, file: FoundKey | undefined): Identity {
  const { key } = agentKey;
  const signing: SigningKey = {
    publicKey: key,
    sign: (data, algorithm) => agent.sign({ key, data, algorithm }),
  };
  const held = describeAgentKey(agentKey);
  const name = file ? `${file.path} (${held})` : held;
  return { name, isNamed: file?.isNamed ?? false, publicKey: key, unlock: async () => signing };
}

function fileIdentity(file: FoundKey, unlock: () => Promise<PrivateKey | string>, notes: string[]): Identity {
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
  return {
    publicKey: key.publicKey,
    sign: async (data, algorithm) =>
      Buffer.concat([wireString(algorithm), wireString(key.sign(data, hash(algorithm)))]),
  };
}

/** The key, or the reason why it cannot be unlocked. */
async function unlockFile(
  file: FoundKey,
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
