import { messageOf } from '../../domain/errors.ts';
import { type AgentKey, describeAgentKey } from './agent.ts';
import { describeCertificate, readCertificate, type UserCertificate, untimely } from './certificate.ts';
import type { Identity } from './identity.ts';

export interface CertificateFile {
  readonly path: string;
  readonly isNamed: boolean;
  readonly certificate: UserCertificate;
}

export interface Certifying {
  readonly files: readonly CertificateFile[];
  /** The certificates that the agent holds, and whether to offer those that have no file. */
  readonly held: readonly AgentKey[];
  readonly offersHeld: boolean;
  /** Signs with what the agent holds. */
  readonly signedBy: (key: AgentKey) => Identity;
  /** The identities without certificates, whose keys certificates can be for. */
  readonly plain: readonly Identity[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Grows with what cannot be offered, and why. */
  readonly notes: string[];
}

interface Candidate {
  readonly certificate: UserCertificate;
  readonly name: string;
  readonly signer: Identity | undefined;
  readonly isNamed: boolean;
}

/** An identity for each certificate that is good now and whose private key is at hand. */
export function certifiedIdentities(given: Certifying): readonly Identity[] {
  const { files, held, offersHeld, signedBy, plain, now, notes } = given;
  const offered: Identity[] = [];
  const add = ({ certificate, name, signer, isNamed }: Candidate) => {
    if (offered.some(({ publicKey }) => publicKey?.equals(certificate.blob))) return;
    const problem = untimely(certificate, now) ?? (signer ? undefined : 'no identity file and no agent has its key');
    if (problem || !signer) return void notes.push(`${name}: ${problem}`);
    offered.push({
      name: `${name} (${describeCertificate(certificate, now)})`,
      isNamed,
      publicKey: certificate.blob,
      async unlock() {
        const key = await signer.unlock();
        return key && { publicKey: certificate.blob, sign: key.sign };
      },
    });
  };
  for (const { path, isNamed, certificate } of files) {
    const same = held.find(({ key }) => key.equals(certificate.blob));
    const signer = plain.find(({ publicKey }) => publicKey?.equals(certificate.publicKey));
    add({ certificate, name: path, signer: signer ?? (same && signedBy(same)), isNamed });
  }
  for (const key of offersHeld ? held : []) {
    const name = describeAgentKey(key);
    try {
      add({ certificate: readCertificate(key.key), name, signer: signedBy(key), isNamed: false });
    } catch (error) {
      notes.push(`${name}: ${messageOf(error)}`);
    }
  }
  return offered;
}
