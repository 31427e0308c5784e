import { formatAge, isoTime } from '../../domain/duration.ts';
import { printable } from '../../domain/text.ts';
import { typeOfKey } from '../host-keys/public-key.ts';
import { wireReader, wireString } from '../host-keys/ssh-wire.ts';

/** A certificate for a user, in OpenSSH's format (PROTOCOL.certkeys). Times are in milliseconds since 1970. */
export interface UserCertificate {
  /** As it is offered, in SSH wire format. */
  readonly blob: Buffer;
  /** The plain key that it is for, in SSH wire format. */
  readonly publicKey: Buffer;
  /** What its authority calls it. */
  readonly keyId: string;
  /** The users as whom it may sign in; empty if it says nothing about that. */
  readonly principals: readonly string[];
  readonly validFrom: number;
  /** `Infinity` if it does not expire. */
  readonly validUntil: number;
}

/** How many fields of the plain key are in a certificate of each type, behind the nonce. */
const KEY_FIELDS: Readonly<Record<string, number>> = {
  'ssh-rsa': 2,
  'ssh-ed25519': 1,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
  'sk-ssh-ed25519@openssh.com': 2,
  'sk-ecdsa-sha2-nistp256@openssh.com': 3,
};

const SUFFIX = /-cert-v01@openssh\.com$/;
const FOR_USERS = 1;
/** The clocks of the authority and of this machine may differ by as much. */
const TOLERANCE = 60_000;

export const isCertificateType = (type: string): boolean => SUFFIX.test(type);

/** The type of the plain key, or the plain algorithm, for that of a certificate: `ssh-ed25519` for `ssh-ed25519-cert-v01@openssh.com`. Others stay as they are. */
export function plainType(type: string): string {
  return type.replace(SUFFIX, type.startsWith('sk-') ? '@openssh.com' : '');
}

/** Reads a certificate. Throws an Error if it is damaged, or not for users. */
export function readCertificate(blob: Buffer): UserCertificate {
  const type = plainType(typeOfKey(blob));
  const fields = KEY_FIELDS[type];
  if (fields === undefined) throw new Error(`certificates of type ${typeOfKey(blob) || 'unknown'} cannot be used`);
  const reader = wireReader(blob);
  // Its type, and the nonce.
  for (let skipped = 0; skipped < 2; skipped++) reader.string();
  const key = Array.from({ length: fields }, () => wireString(reader.string()));
  const serial = 8;
  reader.skip(serial);
  if (reader.uint32() !== FOR_USERS) throw new Error('it is for a host, not for a user');
  const keyId = printable(reader.string().toString('utf8'));
  const principals: string[] = [];
  const names = wireReader(reader.string());
  while (names.left() > 0) principals.push(printable(names.string().toString('utf8')));
  const [validFrom, validUntil] = [reader.uint64(), reader.uint64()];
  return {
    ...{ blob, keyId, principals, validFrom: Number(validFrom) * 1_000 },
    publicKey: Buffer.concat([wireString(type), ...key]),
    validUntil: validUntil === FOR_EVER ? Number.POSITIVE_INFINITY : Number(validUntil) * 1_000,
  };
}

const FOR_EVER = 0xffff_ffff_ffff_ffffn;

/** Why it would be refused at this time; undefined if it is good. */
export function untimely({ validFrom, validUntil }: UserCertificate, now: number): string | undefined {
  if (now >= validUntil) return `it expired ${formatAge(now - validUntil)} ago; have it renewed`;
  if (now + TOLERANCE < validFrom)
    return `it is not valid before ${isoTime(validFrom / 1_000) ?? 'a time without end'}`;
  return undefined;
}

/** `"ci-42" for alice, good for 7 h`. */
export function describeCertificate({ keyId, principals, validUntil }: UserCertificate, now: number): string {
  const named = principals.slice(0, NAMED).join(', ');
  const more = principals.length > NAMED ? ` and ${principals.length - NAMED} more` : '';
  const who = principals.length === 0 ? '' : ` for ${named}${more}`;
  const end = validUntil === Number.POSITIVE_INFINITY ? 'without expiry' : `good for ${formatAge(validUntil - now)}`;
  return `"${keyId}"${who}, ${end}`;
}

const NAMED = 3;
