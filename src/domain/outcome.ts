import { formatDuration } from './duration.ts';
import { type AppError, inDoubt, toAppError } from './errors.ts';

/** What became of a command. `not-started` is safe to run again; after `lost`, it is unknown what the command did. */
export type Outcome =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signaled'; readonly signal: string }
  /** `after`: its limit in milliseconds; undefined for a job that somebody else started. */
  | { readonly kind: 'timed-out'; readonly after?: number | undefined }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'lost'; readonly cause: AppError }
  | { readonly kind: 'not-started'; readonly cause: AppError };

/** What became of a command that gave an error instead of starting. */
export function outcomeOfError(thrown: unknown): Outcome {
  const cause = toAppError(thrown);
  if (!cause.mayHaveRun) return { kind: 'not-started', cause };
  return { kind: 'lost', cause: inDoubt(cause, '; the command may have run') };
}

/** `timed out after 5 s`. */
export function timedOutText({ after }: Outcome & { readonly kind: 'timed-out' }): string {
  return after === undefined ? 'timed out' : `timed out after ${formatDuration(after)}`;
}

// The numbers of Linux, which the VMs run.
const SIGNALS =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH POLL PWR SYS'.split(
    ' ',
  );
const OTHER_NAMES: Readonly<Record<string, number>> = { IOT: 6, CLD: 17, IO: 29 };
const [RTMIN, RTMAX] = [34, 64];

/** The number of a signal by its name, as shells and SSH servers give it: `TERM`, `SIGTERM`, `RTMIN+3`, `RTMAX-1`, `37`. */
function signalNumber(text: string): number | undefined {
  const name = text.replace(/^SIG/, '').replace(/@.*/, '');
  const [, number, base, offset = '0'] = /^(\d+)$|^(RTMIN|RTMAX)([+-]\d+)?$/.exec(name) ?? [];
  if (number !== undefined) return Number(number);
  if (base !== undefined) return (base === 'RTMIN' ? RTMIN : RTMAX) + Number(offset);
  const at = SIGNALS.indexOf(name);
  return at < 0 ? OTHER_NAMES[name] : at + 1;
}

/** The exit status of `exec`: the command's own, 128 + n for signal n, 124 for a timeout, 143 for a cancelled job, 255 for a failure of azlin. */
export function exitStatusOf(outcome: Outcome): number {
  switch (outcome.kind) {
    case 'exited':
      return outcome.code;
    case 'signaled':
      return 128 + (signalNumber(outcome.signal) ?? 127);
    case 'timed-out':
      return 124;
    case 'cancelled':
      return 143;
    case 'lost':
    case 'not-started':
      return outcome.cause.code === 'interrupted' ? 130 : 255;
  }
}
