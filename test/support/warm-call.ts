export interface WarmCall {
  readonly cli: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** In base64, like what comes back. */
  readonly input: string;
}

export interface WarmAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The exit code of a server that nobody has asked anything for a while. */
export const IDLE_CODE = 75;
