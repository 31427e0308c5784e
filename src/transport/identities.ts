import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, messageOf } from '../domain/errors.ts';

/** One way to prove who we are, in the order in which it is tried. */
export type Identity<Key> =
  | { readonly kind: 'agent'; readonly name: string; readonly socket: string }
  | { readonly kind: 'key'; readonly name: string; readonly key: Key };

export interface IdentitySettings<Key> {
  /** Key files the user named; the default files then do not count, as with `ssh -i`. */
  readonly files: readonly string[];
  readonly agentSocket: string | undefined;
  readonly home: string;
  /** Reads a private key: `'encrypted'` when it wants a passphrase, an Error when it is no usable key. */
  readonly parse: (data: Buffer, passphrase?: string) => Key | 'encrypted' | Error;
  /** Asks on the terminal; undefined when there is none. */
  readonly askPassphrase: ((question: string) => Promise<string>) | undefined;
}

export interface Identities<Key> {
  /** The identities in order, each read when it is its turn. Throws `config` for a named file that is unusable. */
  offer(): AsyncGenerator<Identity<Key>, void, void>;
  /** What could not be tried, and why. */
  readonly skipped: () => readonly string[];
}

const DEFAULT_FILES = ['id_ed25519', 'id_ecdsa', 'id_rsa'];
const PASSPHRASE_TRIES = 3;

/** The user's identities, as OpenSSH orders them: named key files, the agent, else the default files. */
export function identities<Key>(settings: IdentitySettings<Key>): Identities<Key> {
  const loaded = new Map<string, Promise<Key | undefined>>();
  const skipped = new Set<string>();
  const load = (path: string, named: boolean) => {
    const earlier = loaded.get(path);
    if (earlier) return earlier;
    const key = loadKey({ path, named, settings, skip: (why) => skipped.add(why) });
    loaded.set(path, key);
    return key;
  };
  return {
    skipped: () => [...skipped],
    async *offer() {
      const named = settings.files.map((file) => file.replace(/^~(?=\/)/, settings.home));
      for (const path of named) {
        const key = await load(path, true);
        if (key !== undefined) yield { kind: 'key', name: path, key };
      }
      if (settings.agentSocket) yield { kind: 'agent', name: 'the SSH agent', socket: settings.agentSocket };
      if (named.length > 0) return;
      for (const file of DEFAULT_FILES) {
        const path = join(settings.home, '.ssh', file);
        const key = await load(path, false);
        if (key !== undefined) yield { kind: 'key', name: path, key };
      }
    },
  };
}

interface Load<Key> {
  readonly path: string;
  readonly named: boolean;
  readonly settings: IdentitySettings<Key>;
  readonly skip: (why: string) => void;
}

async function loadKey<Key>({ path, named, settings, skip }: Load<Key>): Promise<Key | undefined> {
  let data: Buffer;
  try {
    data = await readFile(path);
  } catch (error) {
    if (!named) return undefined;
    throw new AppError('config', `Cannot read the identity file ${path}`, {
      cause: error,
      hint: 'name a private key with --identity, AZLIN_IDENTITY or ssh.identity',
    });
  }
  const key = settings.parse(data);
  if (key === 'encrypted') return unlockKey({ path, named, settings, skip }, data);
  if (!(key instanceof Error)) return key;
  if (named) throw new AppError('config', `Cannot use the identity file ${path}: ${key.message}`, { cause: key });
  skip(`${path}: ${key.message}`);
  return undefined;
}

async function unlockKey<Key>({ path, settings, skip }: Load<Key>, data: Buffer): Promise<Key | undefined> {
  if (!settings.askPassphrase) {
    skip(`${path} is encrypted and there is no terminal to ask for its passphrase; add it to an agent with ssh-add`);
    return undefined;
  }
  let problem = 'the passphrase is wrong';
  for (let attempt = 0; attempt < PASSPHRASE_TRIES; attempt++) {
    const passphrase = await settings.askPassphrase(`Passphrase for ${path}`);
    if (passphrase === '') break;
    const key = settings.parse(data, passphrase);
    if (key !== 'encrypted' && !(key instanceof Error)) return key;
    problem = key === 'encrypted' ? problem : messageOf(key);
  }
  skip(`${path}: ${problem}`);
  return undefined;
}
