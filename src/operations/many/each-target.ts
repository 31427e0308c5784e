import { setMaxListeners } from 'node:events';
import type { Caller } from '../../domain/caller.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import type { Selected } from '../../targets/select.ts';
import type { Target } from '../../targets/target.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { fanOut, type Limits } from './fan-out.ts';
import { accessForOne, callerForOne } from './fan-out-access.ts';
import {
  labelOf,
  NOT_BEGUN,
  resultOf,
  type TargetResult,
  unaskedResult,
  unaskedStop,
  verdictOf,
} from './target-result.ts';

export interface EachRequest<T> {
  readonly selected: Selected;
  readonly limits: Limits;
  /** By the clock: when everything must be over. */
  readonly until: number | undefined;
  /** What is being done, for the progress line: `Typing`. */
  readonly doing: string;
  /** Rejects with an AppError. */
  readonly act: (access: FleetAccess, target: Target, caller: Caller) => Promise<T>;
}

/** The result of a target, and the value if it went well. */
export interface Done<T> {
  readonly result: TargetResult;
  readonly value: T | undefined;
}

/** Does one short thing to every target. Rejects only for a bug: an interrupt leaves the rest undone, and their results say so. */
export async function eachTarget<T>(
  access: FleetAccess,
  { selected, limits, until, doing, act }: EachRequest<T>,
  caller: Caller,
): Promise<readonly Done<T>[]> {
  const { clock } = access;
  const { progress, signal } = caller;
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const onAbort = () => stop.abort(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const expired = () => stop.abort(new AppError('timed-out', 'the deadline for all targets (--deadline) has passed'));
  const cancel = until === undefined ? () => {} : clock.schedule(Math.max(0, until - clock.now()), expired);
  const all = selected.chosen.length;
  let ended = 0;
  const tell = () => progress(`${doing}: ${ended} of ${all} done`);
  tell();
  try {
    const done = await fanOut<Selected['chosen'][number], Done<T>>({
      items: selected.chosen,
      limits,
      clock,
      signal: stop.signal,
      stop: unaskedStop(selected, limits),
      async run(chosen, slot, attempts) {
        const since = clock.now();
        const facts = () => ({ ...NOT_BEGUN, durationMs: clock.now() - since, attempts });
        try {
          const own = accessForOne(access, { slot, isWaiting: () => true });
          const value = await act(own, chosen.target, callerForOne(caller, stop.signal));
          return { result: resultOf(chosen, { kind: 'exited', code: 0 }, facts()), value };
        } catch (error) {
          const cause = toAppError(error);
          const isAbsent = chosen.mayLack && cause.code === 'session-not-found';
          const failed = cause.mayHaveRun
            ? ({ kind: 'lost', cause } as const)
            : ({ kind: 'not-started', cause } as const);
          const outcome = isAbsent ? ({ kind: 'absent', cause } as const) : failed;
          return { result: resultOf(chosen, outcome, facts()), value: undefined };
        }
      },
      verdict: ({ result }) => verdictOf(result),
      skip: (chosen, cause) => ({ result: resultOf(chosen, { kind: 'skipped', cause }, NOT_BEGUN), value: undefined }),
      async settled() {
        ended++;
        tell();
      },
      nameOf: labelOf,
    });
    return [...done, ...selected.unasked.map((one) => ({ result: unaskedResult(one), value: undefined }))];
  } finally {
    cancel();
    signal.removeEventListener('abort', onAbort);
    progress(undefined);
  }
}
