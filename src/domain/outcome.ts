import type { AppError } from './errors.ts';

/** What became of a command. `not-started` is safe to run again; after `lost` nobody knows. */
export type Outcome =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signaled'; readonly signal: string }
  | { readonly kind: 'timed-out' | 'cancelled' }
  | { readonly kind: 'lost'; readonly cause: AppError }
  | { readonly kind: 'not-started'; readonly cause: AppError };

// Linux numbers; the VMs this is for run Linux.
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  XCPU: 24,
  XFSZ: 25,
  SYS: 31,
};

/** The exit status of `exec`: the command's own, 128 + n for signal n, 124 for a timeout, 143 for a job that was cancelled, 255 for any failure of ours. */
export function exitStatusOf(outcome: Outcome): number {
  switch (outcome.kind) {
    case 'exited':
      return outcome.code;
    case 'signaled':
      return 128 + (SIGNAL_NUMBERS[outcome.signal.replace(/^SIG/, '').replace(/@.*/, '')] ?? 127);
    case 'timed-out':
      return 124;
    case 'cancelled':
      return 143;
    case 'lost':
    case 'not-started':
      return outcome.cause.code === 'interrupted' ? 130 : 255;
  }
}
