import { createHash } from 'node:crypto';
import { wireReader } from './ssh-wire.ts';

/** The type of a public key in SSH wire format: `ssh-ed25519`. Empty if it is not a key. */
export function typeOfKey(key: Buffer): string {
  try {
    const type = wireReader(key).string().toString('latin1');
    return /^[\w@.-]{1,64}$/.test(type) ? type : '';
  } catch {
    return '';
  }
}

const NAMES: Readonly<Record<string, string>> = {
  'ssh-ed25519': 'ED25519',
  'ssh-rsa': 'RSA',
  'ecdsa-sha2-nistp256': 'ECDSA',
  'ecdsa-sha2-nistp384': 'ECDSA',
  'ecdsa-sha2-nistp521': 'ECDSA',
  'sk-ssh-ed25519@openssh.com': 'ED25519-SK',
  'sk-ecdsa-sha2-nistp256@openssh.com': 'ECDSA-SK',
};

/** The SHA256 fingerprint and the type, as OpenSSH prints them: `SHA256:… (ED25519)`. */
export function fingerprint(key: Buffer): string {
  return `${sha256Of(key)} (${nameOfType(typeOfKey(key))})`;
}

/** `ED25519` for `ssh-ed25519`, as OpenSSH calls it. */
export function nameOfType(type: string): string {
  return NAMES[type] ?? type;
}

/** `SHA256:…`, as OpenSSH prints it. */
export function sha256Of(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The size of an RSA key in bits; undefined for other types. */
export function rsaBits(key: Buffer): number | undefined {
  if (typeOfKey(key) !== 'ssh-rsa') return undefined;
  try {
    const reader = wireReader(key);
    reader.string();
    reader.string();
    const modulus = reader.string();
    const first = modulus.findIndex((byte) => byte !== 0);
    return first < 0 ? 0 : (modulus.length - first) * 8 - Math.clz32(modulus[first] ?? 0) + 24;
  } catch {
    return 0;
  }
}

/** Whether the private key is on a hardware token, which only an agent can ask to sign. */
export const isOnToken = (type: string): boolean => type.startsWith('sk-');

/** Why azlin cannot log in with a key of this type, and what to do instead; undefined for those that it can use. */
export function unusableType(type: string): string | undefined {
  if (type === 'ssh-dss') return 'DSA keys are too weak; make one with ssh-keygen -t ed25519';
  if (type in NAMES) return undefined;
  return `keys of type ${type || 'unknown'} cannot be used; make one with ssh-keygen -t ed25519`;
}
