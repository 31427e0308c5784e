import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { messageOf } from '../../domain/errors.ts';
import { isOnToken, typeOfKey, unusableType } from '../host-keys/public-key.ts';
import { wireReader, wireString } from '../host-keys/ssh-wire.ts';
import { isCertificateType, readCertificate, type UserCertificate } from './certificate.ts';

/** A private key that is ready to sign. */
export interface PrivateKey {
  /** In SSH wire format. */
  readonly publicKey: Buffer;
  /** What a signature has behind its algorithm. `hash` matters only for RSA. Throws an Error if it cannot sign. */
  sign(data: Buffer, hash: 'sha256' | 'sha512'): Buffer;
}

/** Parses a private key. Returns `'encrypted'` if it needs a passphrase or the given one is wrong. Throws an Error if it is not a key. */
export type ParseKey = (text: string, passphrase?: string) => PrivateKey | 'encrypted';

/** Loads the parser when it is first needed. */
export type LoadParseKey = () => Promise<ParseKey>;

/** What is found at a path that should hold a private key. */
export type KeyFile =
  | { readonly kind: 'private'; readonly publicKey: Buffer; readonly text: string }
  /** `publicKey`: if it is known without the passphrase. */
  | { readonly kind: 'encrypted'; readonly publicKey: Buffer | undefined; readonly text: string }
  /** Only the public half; an agent may hold the private half, or ask a hardware token for its signature. */
  | { readonly kind: 'public'; readonly publicKey: Buffer }
  | { readonly kind: 'certificate'; readonly certificate: UserCertificate }
  | { readonly kind: 'unusable'; readonly problem: string }
  | { readonly kind: 'missing'; readonly cause: unknown };

/** Reads a key file as ssh would. If the public half is encrypted in the file, it is taken from `PATH.pub`. */
export async function readKeyFile(path: string, load: LoadParseKey): Promise<KeyFile> {
  let text: string;
  try {
    text = await readFile(path, 'latin1');
  } catch (cause) {
    // ssh also accepts the public half alone, since an agent may hold the private half.
    const publicKey = await publicKeyBeside(path);
    return publicKey ? { kind: 'public', publicKey } : { kind: 'missing', cause };
  }
  const open = /PRIVATE KEY/.test(text) ? await openTo(path) : undefined;
  if (open) return { kind: 'unusable', problem: open };
  try {
    return await keyIn(text, path, load);
  } catch (error) {
    return { kind: 'unusable', problem: messageOf(error) };
  }
}

/** Why ssh would not use a private key: other users can read it. Undefined if they cannot. */
async function openTo(path: string): Promise<string | undefined> {
  const { mode, uid } = await stat(path);
  if (process.platform === 'win32' || (mode & 0o077) === 0 || uid !== process.getuid?.()) return undefined;
  return `other users may read it (its mode is ${(mode & 0o777).toString(8)}); use chmod 600`;
}

async function keyIn(text: string, path: string, load: LoadParseKey): Promise<KeyFile> {
  if (text.startsWith('PuTTY-User-Key-File'))
    throw new Error("it is in PuTTY's format; convert it with puttygen FILE -O private-openssh-new -o NEW");
  const publicKey = publicKeyIn(text);
  if (publicKey) {
    const type = typeOfKey(publicKey);
    if (isCertificateType(type)) return { kind: 'certificate', certificate: readCertificate(publicKey) };
    const problem = unusableType(type);
    if (problem) throw new Error(problem);
    return { kind: 'public', publicKey };
  }
  const header = openSshHeader(text);
  if (header) {
    const type = typeOfKey(header.publicKey);
    const problem = unusableType(type);
    if (problem) throw new Error(problem);
    if (isOnToken(type)) return { kind: 'public', publicKey: header.publicKey };
    return { kind: header.encrypted ? 'encrypted' : 'private', publicKey: header.publicKey, text };
  }
  const key = (await load())(text);
  if (key === 'encrypted') return { kind: 'encrypted', publicKey: await publicKeyBeside(path), text };
  const problem = unusableType(typeOfKey(key.publicKey));
  if (problem) throw new Error(problem);
  return { kind: 'private', publicKey: key.publicKey, text };
}

async function publicKeyBeside(path: string): Promise<Buffer | undefined> {
  const text = await readFile(`${path}.pub`, 'latin1').catch(() => '');
  const key = publicKeyIn(text);
  return key && unusableType(typeOfKey(key)) === undefined ? key : undefined;
}

/** The key in a line as in authorized_keys. */
function publicKeyIn(text: string): Buffer | undefined {
  const [, encoded = ''] = /^\s*(?:ssh-|ecdsa-|sk-)[\w@.-]+[ \t]+([A-Za-z0-9+/=]+)/.exec(text) ?? [];
  const key = Buffer.from(encoded, 'base64');
  return typeOfKey(key) === '' ? undefined : key;
}

const MAGIC = 'openssh-key-v1\0';

/** What a key in OpenSSH's own format shows without a passphrase. Throws an Error if it is damaged. */
function openSshHeader(text: string): { readonly publicKey: Buffer; readonly encrypted: boolean } | undefined {
  const [, body] = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END/.exec(text) ?? [];
  if (body === undefined) return undefined;
  const bytes = Buffer.from(body, 'base64');
  if (bytes.subarray(0, MAGIC.length).toString('latin1') !== MAGIC) throw new Error('it is damaged');
  const reader = wireReader(bytes.subarray(MAGIC.length));
  const cipher = reader.string().toString('latin1');
  // Skip the name and the parameters of the function that derives the encryption key from the passphrase.
  reader.string();
  reader.string();
  if (reader.uint32() !== 1) throw new Error('it holds more than one key');
  return { publicKey: Buffer.from(reader.string()), encrypted: cipher !== 'none' };
}

/** A key in PKCS #8, as openssl writes it; undefined for any other format. `'encrypted'` as for ParseKey. */
export function parsePkcs8(text: string, passphrase: string | undefined, parse: ParseKey) {
  if (!/-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/.test(text)) return undefined;
  if (/BEGIN ENCRYPTED/.test(text) && passphrase === undefined) return 'encrypted';
  let key: KeyObject;
  try {
    key = createPrivateKey(passphrase === undefined ? text : { key: text, passphrase });
  } catch (error) {
    if (passphrase === undefined) throw error;
    return 'encrypted';
  }
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return parse(key.export({ type: 'pkcs1', format: 'pem' }).toString());
    case 'ec':
      return parse(key.export({ type: 'sec1', format: 'pem' }).toString());
    case 'ed25519':
      return ed25519Key(key);
    default:
      throw new Error(`keys of type ${key.asymmetricKeyType} cannot be used`);
  }
}

function ed25519Key(key: KeyObject): PrivateKey {
  const point = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
  return {
    publicKey: Buffer.concat([wireString('ssh-ed25519'), wireString(point)]),
    sign: (data) => sign(null, data, key),
  };
}
