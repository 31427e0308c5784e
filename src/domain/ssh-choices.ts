/*
 * What azlin accepts, strongest and fastest first; docs/security.md says why. Each list is offered down to its weakest accepted algorithm, which is a
 * setting. What is not listed is refused whatever is set: ssh-rsa signatures (SHA-1), DSA, RC4, 3DES, MD5, short groups. ChaCha20-Poly1305 is
 * left out because of the Terrapin attack on servers without strict key exchange; AES-GCM is faster where it matters.
 */

export const KEX = [
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'diffie-hellman-group16-sha512',
  'diffie-hellman-group14-sha256',
  'diffie-hellman-group-exchange-sha256',
  'diffie-hellman-group14-sha1',
] as const;

export const CIPHERS = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
  'aes256-cbc',
  'aes128-cbc',
] as const;

export const MACS = [
  'hmac-sha2-256-etm@openssh.com',
  'hmac-sha2-512-etm@openssh.com',
  'hmac-sha2-256',
  'hmac-sha2-512',
  'hmac-sha1-etm@openssh.com',
  'hmac-sha1',
] as const;

/** The last algorithm of each list that is accepted. */
export interface Weakest {
  readonly kex: (typeof KEX)[number];
  readonly cipher: (typeof CIPHERS)[number];
  readonly mac: (typeof MACS)[number];
  /** The fewest bits of an RSA host key. */
  readonly rsa: number;
}

export const WEAKEST: Weakest = {
  kex: 'diffie-hellman-group14-sha256',
  cipher: 'aes256-ctr',
  mac: 'hmac-sha2-512',
  rsa: 2_048,
};

/**
 * What is sent to a server that is known before the answer comes that ssh usually waits for. Each takes about one round trip away:
 *   hello    the key exchange begins with what the server said last time, before it has said anything
 *   service  the first sign-in does not wait until the server has agreed to one
 *   sign     the key that was accepted last time is signed at once, not offered first
 *   exec     a command follows the opening of its channel at once
 *   early    the channel is opened right behind the signature, before the server has let the user in
 */
export const SHORTCUTS = ['hello', 'service', 'sign', 'exec', 'early'] as const;
export type Shortcut = (typeof SHORTCUTS)[number];

/** When to sign in with Entra ID: where the user's keys are refused, on every VM, never. */
export type EntraChoice = 'auto' | 'always' | 'never';

/** Whose certificates Entra ID issues for signing in to VMs. */
export interface EntraAccount {
  /** The tenant by its id or domain; null for the one that is active. */
  readonly tenant: string | null;
  /** The subscription that `az` must have set, by its id; null for the one that it has. */
  readonly subscription: string | null;
  /** Who is signed in, as Azure calls them: `alice@contoso.com`, or the id of an application. */
  readonly as: string;
}

/** How one VM is signed in to with Entra ID. */
export interface EntraSignIn extends EntraAccount {
  /** `named`: it is not asked, because the settings name a user; errors say so. */
  readonly wish: Exclude<EntraChoice, 'never'> | 'named';
  /** The resource id of the VM; null for an address. */
  readonly vmId: string | null;
}
