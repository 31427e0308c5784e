import { hasTrait } from '../../domain/error-traits.ts';
import { AppError } from '../../domain/errors.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { Chosen, Selected, Unasked } from '../../targets/select.ts';
import { identifierOf } from '../../targets/target.ts';
import type { Limits, Verdict } from './fan-out.ts';

/** `skipped`: it was never begun. `absent`: a pattern found the VM, but the VM has no such session. */
export type TargetOutcome =
  | Outcome
  | { readonly kind: 'skipped'; readonly cause: AppError }
  | { readonly kind: 'absent'; readonly cause: AppError };

/** What became of a command on one of many targets. */
export interface TargetResult {
  /** What it is called: `myvm:dev`, or `v42 on myvm:dev` where a job was named. */
  readonly target: string;
  /** `myvm:dev`. */
  readonly identifier: string;
  readonly hostname: string;
  /** Null for a VM that could not be asked which sessions it has. */
  readonly session: string | null;
  readonly outcome: TargetOutcome;
  readonly durationMs: number;
  /** How many times it was begun. */
  readonly attempts: number;
  readonly jobId: string | null;
  /** Whether the job already existed, so that nothing was started. */
  readonly isFound: boolean;
}

export const NOT_BEGUN = { durationMs: 0, attempts: 0, jobId: null, isFound: false } as const;

/** What a target is called: `myvm:dev`, with the user where one was named. */
export function labelOf({ target, name }: Chosen): string {
  return name ?? identifierOf(target);
}

export function resultOf(
  chosen: Chosen,
  outcome: TargetOutcome,
  facts: Pick<TargetResult, 'durationMs' | 'attempts' | 'jobId' | 'isFound'>,
): TargetResult {
  const { target } = chosen;
  const { hostname, session } = target;
  const names = { target: labelOf(chosen), identifier: identifierOf(target) };
  return { ...names, hostname, session: session || null, outcome, ...facts };
}

export function unaskedResult({ hostname, reason }: Unasked): TargetResult {
  const outcome = { kind: 'not-started', cause: reason } as const;
  return { target: hostname, identifier: hostname, hostname, session: null, outcome, ...NOT_BEGUN };
}

/** With --fail-fast, a VM that could not be asked counts as a failure. */
export function unaskedStop({ unasked: [first] }: Selected, { failFast }: Limits): AppError | undefined {
  if (!first || !failFast) return undefined;
  return new AppError('interrupted', `skipped: ${first.hostname} could not be asked, and --fail-fast was given`);
}

export function isGood({ outcome }: TargetResult): boolean {
  return outcome.kind === 'exited' && outcome.code === 0;
}

export function verdictOf(result: TargetResult): Verdict {
  const { outcome } = result;
  if (outcome.kind === 'absent') return 'absent';
  if (outcome.kind === 'not-started') return hasTrait(outcome.cause.code, 'begin-again') ? 'again' : 'failed';
  return isGood(result) ? 'done' : 'failed';
}
