export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a short command to its end, somewhere. Rejects with an AppError when it could not be run or did not end in time. */
export type RunArgv = (argv: readonly string[], signal: AbortSignal) => Promise<RunResult>;
