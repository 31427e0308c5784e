/** What was found on this machine that settings may name. */
export interface Detected {
  /** The subscriptions that az knows, the active one first. */
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
