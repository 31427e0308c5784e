import type { Config } from '../../settings/config.ts';

/** What a face passes in to get access to the fleet: the settings, and login options for every VM. */
export interface AccessRequest {
  readonly config: Config;
  readonly user: string | undefined;
  readonly port: number | undefined;
  /** `--forward-agent`; undefined if it was not given. */
  readonly forwardAgent: boolean | undefined;
  /** Whether this process makes its connections itself, although the settings allow others. */
  readonly isAlone?: boolean;
}
