import { generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { type Caller, withSignal } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { type SharedWork, sharedWork } from '../../domain/deadline.ts';
import { AppError } from '../../domain/errors.ts';
import type { EntraAccount, EntraSignIn } from '../../domain/ssh-choices.ts';
import { wireString } from '../host-keys/ssh-wire.ts';
import { describeCertificate, readCertificate, type UserCertificate, untimely } from './certificate.ts';
import type { Offers } from './identities.ts';

/** Signs in to VMs with certificates that Entra ID issues. All methods reject with an AppError. */
export interface EntraCertificates {
  /** A certificate of the account, in SSH wire format. */
  certificate(entra: EntraSignIn, caller: Caller): Promise<Buffer>;
  /** A whole signature with the key of the certificate. */
  sign(request: CertifiedRequest, caller: Caller): Promise<Buffer>;
  /** Why the VM may have refused the certificate. */
  refusal(entra: EntraSignIn, label: string, caller: Caller): Promise<LoginRefusal>;
}

export interface CertifiedRequest {
  readonly certificate: Buffer;
  readonly data: Buffer;
  readonly algorithm: string;
}

export interface LoginRefusal {
  readonly problem: string;
  readonly cure: string;
}

/** A key to be certified. */
export interface NewKey {
  /** Its public half as a JSON Web Key. */
  readonly jwk: { readonly kty: 'RSA'; readonly n: string; readonly e: string };
  /** The same, as in authorized_keys. */
  readonly line: string;
}

export interface EntraSettings extends Pick<EntraCertificates, 'refusal'> {
  readonly clock: Clock;
  /** Has Entra ID certify a key, and resolves to the certificate in SSH wire format. Rejects with an AppError. */
  readonly issue: (key: NewKey, account: EntraAccount, caller: Caller) => Promise<Buffer>;
}

interface Certified {
  readonly certificate: UserCertificate;
  readonly privateKey: KeyObject;
}

interface Asked {
  /** When it was begun, or has failed. */
  at: number;
  readonly work: SharedWork<Certified>;
  certified?: Certified;
  error?: unknown;
}

/** Milliseconds that a certificate must still be good for; for which nobody asks again after a failure. */
const [MARGIN, PAUSE] = [120_000, 10_000];
/** Entra ID takes RSA keys only. */
const BITS = 2_048;
const newRsaKey = promisify(generateKeyPair);

/** Certificates for keys that never leave the memory of this process: one for each account, which is renewed before it expires. */
export function entraCertificates({ clock, issue, refusal }: EntraSettings): EntraCertificates {
  const asked = new Map<string, Asked>();
  const signers = new Map<string, KeyObject>();

  const certify = async (account: EntraAccount, caller: Caller): Promise<Certified> => {
    const { publicKey, privateKey } = await newRsaKey('rsa', { modulusLength: BITS });
    const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
    const plain = Buffer.concat([wireString('ssh-rsa'), mpint(e), mpint(n)]);
    const key = { jwk: { kty: 'RSA', n, e }, line: `ssh-rsa ${plain.toString('base64')} azlin` } as const;
    const certificate = readIssued(await issue(key, account, caller), plain);
    const problem = untimely(certificate, clock.now());
    if (problem !== undefined) throw unusable(problem);
    signers.set(certificate.blob.toString('base64'), privateKey);
    return { certificate, privateKey };
  };
  const isUsable = ({ at, work, certified, error }: Asked) => {
    if (certified) return certified.certificate.validUntil - clock.now() > MARGIN;
    return error === undefined ? !work.isGivenUp() : clock.now() - at < PAUSE;
  };
  const begin = (account: EntraAccount, caller: Caller): Asked => {
    const work = sharedWork((signal) => certify(account, withSignal(caller, signal)));
    return { at: clock.now(), work };
  };

  return {
    refusal,
    async certificate({ tenant, subscription, as }, caller) {
      const key = JSON.stringify([tenant, as]);
      const known = asked.get(key);
      const one = known && isUsable(known) ? known : begin({ tenant, subscription, as }, caller);
      asked.set(key, one);
      try {
        one.certified = await one.work.join(caller.signal);
        return one.certified.certificate.blob;
      } catch (error) {
        caller.signal.throwIfAborted();
        [one.at, one.error] = [clock.now(), error];
        throw error;
      }
    },
    async sign({ certificate, data, algorithm }) {
      const key = signers.get(certificate.toString('base64'));
      if (!key) throw new AppError('not-signed-in', 'azlin no longer has the key of this SSH certificate');
      const hash = algorithm === 'rsa-sha2-256' ? 'sha256' : 'sha512';
      return Buffer.concat([wireString(algorithm), wireString(sign(hash, data, key))]);
    },
  };
}

/** A number in SSH wire format, which begins with a zero where it would look negative. */
function mpint(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, 'base64url');
  return wireString((bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.from([0]), bytes]));
}

function readIssued(blob: Buffer, publicKey: Buffer): UserCertificate {
  let certificate: UserCertificate;
  try {
    certificate = readCertificate(blob);
  } catch (error) {
    throw unusable(error instanceof Error ? error.message : 'it is damaged');
  }
  if (!certificate.publicKey.equals(publicKey)) throw unusable('it is for another key');
  if (!certificate.principals[0]) throw unusable('it names no user');
  return certificate;
}

function unusable(problem: string): AppError {
  return new AppError('azure-failed', `The SSH certificate from Entra ID cannot be used: ${problem}`, {
    hint: /expired|not valid before/.test(problem) ? 'check the clock of this machine' : 'try again',
  });
}

/** The user whom a certificate of Entra ID is for, as VMs call them. */
export function userOf(certificate: Buffer): string {
  return (readCertificate(certificate).principals[0] ?? '').toLowerCase();
}

/** The certificate as the only thing to offer. */
export function entraOffers(certificate: Buffer, { sign }: Pick<EntraCertificates, 'sign'>, asking: Asking): Offers {
  const { clock, caller } = asking;
  const name = `the Entra ID certificate (${describeCertificate(readCertificate(certificate), clock.now())})`;
  const signing = {
    publicKey: certificate,
    sign: (data: Buffer, algorithm: string) => sign({ certificate, data, algorithm }, caller),
  };
  return { identities: [{ name, isNamed: true, publicKey: certificate, unlock: async () => signing }], notes: [] };
}

interface Asking {
  readonly clock: Clock;
  readonly caller: Caller;
}
