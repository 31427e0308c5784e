/** What this machine has that settings may name. */
export interface Detected {
  /** Those that az knows, the one that is set first. */
  readonly subscriptions: readonly KnownSubscription[];
  /** Private key files at the usual places, shortened to `~`. */
  readonly keys: readonly string[];
  readonly hasAgent: boolean;
}

export interface KnownSubscription {
  readonly id: string;
  readonly name: string | undefined;
  readonly tenant: string | undefined;
}
