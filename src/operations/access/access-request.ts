import type { Config } from '../../settings/config.ts';

/** What a face gives to get to the fleet: the settings, and what is wished for every VM. */
export interface AccessRequest {
  readonly config: Config;
  readonly user: string | undefined;
  readonly port: number | undefined;
  /** `--forward-agent`; undefined where it was not given. */
  readonly forwardAgent: boolean | undefined;
}
