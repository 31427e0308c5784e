import { exitCodeOf } from '../../domain/error-traits.ts';
import { AppError } from '../../domain/errors.ts';
import { foldNames, listNames } from '../../domain/fold-names.ts';
import { count } from '../../domain/text.ts';
import type { Choice } from '../../operations/many/choose.ts';
import { type Done, type EachRequest, eachTarget } from '../../operations/many/each-target.ts';
import { isGood, labelOf } from '../../operations/many/target-result.ts';
import type { Args, CallContext } from '../command.ts';
import {
  type CHOOSE_OPTIONS,
  type Control,
  type ControlArgs,
  choose,
  controlOf,
  type Meant,
} from '../line/fleet-options.ts';
import { summaryOf } from '../views/many.ts';

/** Asks the VMs for the targets, notes which they are, and reads the options about how to work through them. */
export async function chooseEach(
  call: CallContext,
  args: Args<typeof CHOOSE_OPTIONS> & ControlArgs,
  { from }: Meant & { readonly kind: 'many' },
): Promise<{ readonly choice: Choice; readonly control: Control }> {
  const control = controlOf(args, call.app.clock);
  const choice = await choose(call, { from, refresh: args.refresh, ask: true, control });
  for (const note of choice.notes) call.note(note);
  return { choice, control };
}

/** Asks for confirmation. Notes have said already what is meant. Rejects without a yes. */
export async function confirmMany(
  { app, interrupts, note }: CallContext,
  { choice, verb, what }: { readonly choice: Choice; readonly verb: string; readonly what: string },
): Promise<void> {
  const sessions = count(choice.chosen.length, 'session');
  if (!app.canAsk())
    throw new AppError(
      'usage',
      `Confirmation needed to ${verb.toLowerCase()} ${sessions}, but this is not a terminal`,
      {
        hint: 'use --yes',
      },
    );
  // List all of them, however many there are.
  for (const name of foldNames(choice.chosen.map(labelOf))) note(`  ${name}`);
  if (await app.confirm(`${verb} ${sessions}? ${what}`, interrupts.signal)) return;
  throw new AppError('interrupted', 'Nothing was done');
}

/** What is done to each target; undefined where there was nothing to do. */
export type Act<T> = EachRequest<T | undefined>['act'];

export interface EachLine<T> {
  readonly choice: Choice;
  readonly control: Control;
  readonly doing: string;
  readonly act: Act<T>;
}

export interface EachResult<T> {
  readonly values: readonly T[];
  readonly exitCode: number;
  readonly notes: readonly string[];
  readonly failures: readonly string[];
  readonly hints: readonly string[];
}

/** Does one short thing to many targets. Gives the values of those where it worked, and says what became of the others. */
export async function forEach<T>(
  call: CallContext,
  { choice, control, doing, act }: EachLine<T>,
): Promise<EachResult<T>> {
  const { app, interrupts, caller } = call;
  const { limits, until, exit } = control;
  const startedAt = app.clock.now();
  const request = { selected: choice, limits, until, doing, act };
  const all = await eachTarget(await call.access(), request, caller);
  const isAbsent = ({ result }: Done<T | undefined>) => result.outcome.kind === 'absent';
  const absent = all.filter(isAbsent);
  const results = all.filter((one) => !isAbsent(one)).map(({ result }) => result);
  if (results.length === 0)
    throw new AppError('session-not-found', `Nothing was done: none of ${count(all.length, 'VM')} has such a session`, {
      hint: 'azlin list shows the sessions',
    });
  const left = absent.map(({ result }) => result.hostname);
  const { text, failures, hints } = summaryOf(results, app.clock.now() - startedAt, () => '');
  // A target that was skipped because of another one is not a failure; one that was skipped because time was up is.
  const codes = results.map(({ outcome }) =>
    'cause' in outcome && (outcome.kind !== 'skipped' || outcome.cause.code === 'timed-out')
      ? exitCodeOf(outcome.cause.code)
      : 0,
  );
  const isWell = results.every(isGood) || (exit === 'any' && results.some(isGood));
  const worst = exit === 'all' ? 1 : Math.max(1, ...codes);
  const exitCode = interrupts.signal.aborted
    ? (interrupts.exitCode() ?? exitCodeOf((interrupts.signal.reason as AppError).code))
    : isWell
      ? 0
      : worst;
  return {
    values: all.flatMap(({ value }) => (value === undefined ? [] : [value])),
    exitCode,
    notes: [...(left.length > 0 ? [`left out, no such session: ${listNames(left)}`] : []), text],
    failures,
    hints,
  };
}
