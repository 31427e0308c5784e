/** What has changed on a VM, or in the registry where there is none. */
export interface SeenChange {
  readonly hostname?: string;
  readonly session?: string;
  /** The id of a job that has ended. */
  readonly job?: string;
}
