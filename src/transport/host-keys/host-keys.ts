import { AppError } from '../../domain/errors.ts';
import { shellWord } from '../../domain/text.ts';
import type { Endpoint } from '../endpoint.ts';
import { fingerprint, nameOfType } from './public-key.ts';

/** The host as far as its keys are concerned. */
export type HostOfKeys = Pick<
  Endpoint,
  'label' | 'firstSight' | 'hostKeyAlias' | 'knownAs' | 'ssh' | 'user' | 'address' | 'port'
>;

/** A known key of a host, and the line that it comes from. */
export interface KnownKey {
  /** `ssh-ed25519`. */
  readonly type: string;
  /** `SHA256:…`. */
  readonly fingerprint: string;
  readonly path: string;
  readonly line: number;
  readonly revoked: boolean;
}

/** The host has offered another key than the known one. */
export function changedKey(host: HostOfKeys, known: KnownKey, offered: Buffer): AppError {
  const { label, hostKeyAlias, knownAs } = host;
  // An address is known together with its port, a VM by its name.
  const name = hostKeyAlias === knownAs ? knownAs : label;
  return new AppError(
    'host-key-changed',
    `The host key of "${label}" has changed: this may be another machine
  known:   ${known.fingerprint} (${nameOfType(known.type)}), ${known.path}:${known.line}
  offered: ${fingerprint(offered)}`,
    { hint: `azlin host-key forget ${shellWord(name)} if you know that the VM was rebuilt, or its address reused` },
  );
}

const WAYS: Readonly<Record<'strict' | 'ask' | 'refused' | 'azure', string>> = {
  strict: 'compare it with the VM\'s own, then connect once with ssh.host_keys = "accept-new"',
  ask: 'connect once from a terminal, where azlin can ask, or set ssh.host_keys = "accept-new"',
  azure:
    'ssh.host_keys is "azure", and Azure knows the keys of its VMs only; compare it with the host\'s own, then add it to ~/.ssh/known_hosts',
  refused: "compare it with the VM's own: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
};

/** The key of a new host is not accepted: because of a setting, because nobody can be asked, or because the answer was no. */
export function unknownKey({ label }: HostOfKeys, key: Buffer, why: keyof typeof WAYS): AppError {
  return new AppError('host-key-unknown', `The host key of "${label}" is not known: ${fingerprint(key)}`, {
    hint: WAYS[why],
  });
}

/** A known key is not among those that Azure reports. */
export function unreportedKey({ label }: HostOfKeys, known: KnownKey, reported: readonly Buffer[]): AppError {
  const name = shellWord(label);
  return new AppError(
    'host-key-changed',
    `A known host key of "${label}" is not its own, as Azure reports
  known:    ${known.fingerprint} (${nameOfType(known.type)}), ${known.path}:${known.line}
  reported: ${reported.map(fingerprint).join(', ')}`,
    { hint: `if it was rebuilt: azlin host-key forget ${name}; azlin host-key verify ${name}` },
  );
}

/** A key that was marked as never to be accepted again. */
export function revokedKey({ label }: HostOfKeys, key: Buffer, where: string): AppError {
  return new AppError('host-key-revoked', `The host key of "${label}" is revoked: ${fingerprint(key)}, ${where}`, {
    hint: 'anybody may hold it; give the VM a new host key',
  });
}

/** An RSA key that is too short to prove anything. */
export function weakKey({ label }: HostOfKeys, bits: number, weakest: number): AppError {
  return new AppError('host-key-unknown', `The host key of "${label}" is too weak: RSA with ${bits} bits`, {
    hint: `azlin accepts ${weakest} bits or more (ssh.weakest_rsa); on the VM, ssh-keygen -A makes the keys that are missing`,
  });
}
