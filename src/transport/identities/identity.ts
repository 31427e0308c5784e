/** One way to prove who we are. */
export interface Identity {
  /** What messages call it. */
  readonly name: string;
  /** Whether the user or the SSH settings named its file. */
  readonly isNamed: boolean;
  /** The key or certificate to offer; undefined if it is known only after `unlock`. */
  readonly publicKey: Buffer | undefined;
  /** Asks for the passphrase if there is one. Undefined if the key cannot be unlocked; the notes say why. */
  unlock(): Promise<SigningKey | undefined>;
}

export interface SigningKey {
  readonly publicKey: Buffer;
  /** A whole signature: its algorithm and what that makes. `algorithm`: `rsa-sha2-512` and the like, never that of a certificate. Rejects with an Error. */
  sign(data: Buffer, algorithm: string): Promise<Buffer>;
}
