/** A script for a VM: POSIX sh, in UTF-8 except for bytes that the user gives. Its answer comes in a frame (transport/frame.ts). */
export interface RemoteScript {
  readonly text: Buffer;
  /** Whether it only looks, so that it does no harm to run it twice. */
  readonly mayRepeat?: boolean;
}

export interface ScriptResult {
  readonly code: number;
  /** What follows the frame. */
  readonly stdout: string;
}

/** Runs a short script to its end, somewhere. Rejects with an AppError when it could not be run or did not end in time. */
export type RunScript = (script: RemoteScript, signal: AbortSignal) => Promise<ScriptResult>;
