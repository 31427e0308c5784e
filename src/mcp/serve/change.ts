/** What has changed on a VM, or in the registry where there is none. */
export interface SeenChange {
  readonly hostname?: string;
  readonly session?: string;
}
