import type { Algorithms } from 'ssh2';

/*
 * Modern algorithms only, for both directions, strongest and fastest first. What is not here is refused: SHA-1, CBC modes,
 * ssh-rsa signatures, short groups.
 */

const HOST_KEY_TYPES = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const;
export type HostKeyType = (typeof HOST_KEY_TYPES)[number];

export const ALGORITHMS = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group14-sha256',
  ],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  compress: ['none'],
} satisfies Algorithms;

/** The types already known for a host come first: a server with many keys must not look changed. */
export function hostKeyOrder(known: readonly string[]): HostKeyType[] {
  const types = known.flatMap((type) => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type]));
  const first = HOST_KEY_TYPES.filter((type) => types.includes(type));
  return [...first, ...HOST_KEY_TYPES.filter((type) => !first.includes(type))];
}
