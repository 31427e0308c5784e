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
  offer(): Offers<Key>;
  /** What could not be tried, and why. */
  readonly skipped: () => readonly string[];
}

const DEFAULT_FILES = ['id_ed25519', 'id_ecdsa', 'id_rsa'];
const PASSPHRASE_TRIES = 3;

/**
 * The user's identities, as OpenSSH orders them: named key files, the agent, else the default files. An encrypted file waits
 * until the agent has been tried: it may hold the same key, and nobody types a passphrase for nothing.
 */
export function identities<Key>(settings: IdentitySettings<Key>): Identities<Key> {
  const files = new Map<string, Promise<KeyFile<Key>>>();
  const unlocked = new Map<string, Promise<Key | undefined>>();
  const skipped = new Set<string>();
  const skip = (why: string) => skipped.add(why);
  const once = <T>(known: Map<string, Promise<T>>, path: string, make: () => Promise<T>) => {
    const value = known.get(path) ?? make();
    known.set(path, value);
    return value;
  };
  const read = (path: string, named: boolean) => once(files, path, () => readKey({ path, named, settings, skip }));

  async function* keysOf(paths: readonly string[], named: boolean, wanted: KeyFile<Key>['kind']): Offers<Key> {
    for (const path of paths) {
      const file = await read(path, named);
      if (file.kind !== wanted) continue;
      const unlock = () => unlockKey({ path, named, settings, skip });
      const key = file.kind === 'key' ? file.key : await once(unlocked, path, unlock);
      if (key !== undefined) yield { kind: 'key', name: path, key };
    }
  }

  return {
    skipped: () => [...skipped],
    async *offer() {
      const named = settings.files;
      yield* keysOf(named, true, 'key');
      if (settings.agentSocket) yield { kind: 'agent', name: 'the SSH agent', socket: settings.agentSocket };
      yield* keysOf(named, true, 'encrypted');
      if (named.length > 0) return;
      const paths = DEFAULT_FILES.map((file) => join(settings.home, '.ssh', file));
      yield* keysOf(paths, false, 'key');
      yield* keysOf(paths, false, 'encrypted');
    },
  };
}

type Offers<Key> = AsyncGenerator<Identity<Key>, void, void>;

type KeyFile<Key> =
  | { readonly kind: 'key'; readonly key: Key }
  | { readonly kind: 'encrypted' }
  | { readonly kind: 'none' };

interface Load<Key> {
  readonly path: string;
  readonly named: boolean;
  readonly settings: IdentitySettings<Key>;
  readonly skip: (why: string) => void;
}

async function readKey<Key>({ path, named, settings, skip }: Load<Key>): Promise<KeyFile<Key>> {
  let data: Buffer;
  try {
    data = await readFile(path);
  } catch (error) {
    if (!named) return { kind: 'none' };
    throw new AppError('config', `Cannot read the identity file ${path}`, {
      cause: error,
      hint: 'name a private key with --identity, AZLIN_IDENTITY or ssh.identity',
    });
  }
  const key = settings.parse(data);
  if (key === 'encrypted') return { kind: 'encrypted' };
  if (!(key instanceof Error)) return { kind: 'key', key };
  if (named) throw new AppError('config', `Cannot use the identity file ${path}: ${key.message}`, { cause: key });
  skip(`${path}: ${key.message}`);
  return { kind: 'none' };
}

async function unlockKey<Key>({ path, settings, skip }: Load<Key>): Promise<Key | undefined> {
  if (!settings.askPassphrase) {
    skip(`${path} is encrypted and there is no terminal to ask for its passphrase; add it to an agent with ssh-add`);
    return undefined;
  }
  const data = await readFile(path);
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
