/** What has changed on a VM, or in the registry where there is none. */
export interface SeenChange {
  readonly hostname?: string;
  readonly session?: string;
  /** What the session was called before. */
  readonly before?: string;
  /** Whether sessions came, went, or have other names. */
  readonly isListed?: boolean;
  /** The id of a job that has ended. */
  readonly job?: string;
}
