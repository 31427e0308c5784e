import { AppError } from '../../domain/errors.ts';
import { listNames } from '../../domain/fold-names.ts';
import { count } from '../../domain/text.ts';
import type { Choice } from '../../operations/many/choose.ts';
import { execMany, type ManyRequest, type ManyRun } from '../../operations/many/exec-many.ts';
import type { TargetResult } from '../../operations/many/target-result.ts';
import { describeChoice } from '../../operations/vms/choose-vms.ts';
import type { CallContext, Result } from '../command.ts';
import type { SaveResults } from '../exec/result-file.ts';
import type { Control, Meant } from '../line/fleet-options.ts';
import type { ExecData } from '../views/exec.ts';
import { exitCodeOfAll, progressText, recordOf, type Summary, stillRunningText, summaryOf } from '../views/many.ts';
import { manyInterrupts } from './many-interrupts.ts';
import { givesRecords, manyOutput } from './many-output.ts';

/** Starts a command on one of many targets. */
export type StartOnTarget = ManyRequest['start'];

export interface ManyLine {
  readonly meant: Meant & { readonly kind: 'many' };
  readonly choice: Choice;
  readonly control: Control;
  readonly start: StartOnTarget;
  readonly save: SaveResults;
  readonly group: boolean;
  readonly outputDir: string | undefined;
  /** Whether jobs are only watched, so that Ctrl-C is not meant for them. */
  readonly isWatched?: boolean;
}

const TICK = 1_000;

/** Runs a command on many targets: output as asked for, a summary, one exit status. */
export async function runMany(call: CallContext, line: ManyLine): Promise<Result<ExecData>> {
  const { app } = call;
  const access = await call.access();
  const startedAt = app.clock.now();
  const output = await manyOutput(call, line, (error) => run.abandon('HUP', error));
  const { limits, until, exit } = line.control;
  const request = { selected: line.choice, limits, until, start: line.start, sink: output.sink };
  const run = execMany(access, request, call.caller);
  const interrupts = manyInterrupts(call, run, line.isWatched === true);
  const stopTelling = tellProgress(call, run);
  let all: readonly TargetResult[];
  let results: readonly TargetResult[];
  try {
    all = await run.results;
    stopTelling();
    results = all.filter(({ outcome }) => outcome.kind !== 'absent');
    await output.finish(results);
  } finally {
    stopTelling();
    interrupts.release();
  }
  if (results.length === 0) throw nothingThere(line, all);
  const durationMs = app.clock.now() - startedAt;
  const exitCode = interrupts.exitCode() ?? exitCodeOfAll(results, exit);
  const absent = all.flatMap(({ outcome, hostname }) => (outcome.kind === 'absent' ? [hostname] : []));
  if (absent.length > 0) call.note(`left out, no such session: ${listNames(absent)}; --create creates it`);
  if (!interrupts.isReaderGone()) summarise(call, line, summaryOf(results, durationMs, output.lastWords));
  const stillRunning = interrupts.stillRunning();
  if (stillRunning) call.failed(stillRunningText(stillRunning));
  await line.save({ exitCode, durationMs, results: results.map(recordOf) });
  const failure = output.failure() ?? interrupts.failure();
  if (failure) throw failure;
  const isShown = call.emit !== undefined || !givesRecords(call, line.group);
  return { exitCode, ...(isShown ? {} : { data: { kind: 'results', records: results.map(output.recordOf) } }) };
}

function summarise(call: CallContext, { meant }: ManyLine, { text, failures, hints }: Summary): void {
  if (!meant.isPlain) call.note(text);
  for (const failure of failures) call.failed(failure);
  for (const hint of hints) call.hint(hint);
}

function tellProgress({ app: { clock }, caller }: CallContext, run: ManyRun): () => void {
  const { progress: show } = caller;
  let cancel = () => {};
  const tell = () => {
    cancel = clock.schedule(TICK, tell);
    const { running, ...counts } = run.state();
    const now = clock.now();
    const timed = running.map(({ target, since }) => ({ target, seconds: Math.floor((now - since) / 1_000) }));
    show(progressText(counts, timed));
  };
  tell();
  return () => {
    cancel();
    show(undefined);
  };
}

function nothingThere({ meant, choice }: ManyLine, all: readonly TargetResult[]): AppError {
  const what = typeof meant.from === 'string' ? `"${meant.from}"` : describeChoice(meant.from);
  const cause = all.map(({ outcome }) => outcome).find((outcome) => 'cause' in outcome);
  const sessions = new Set(choice.chosen.map(({ target }) => target.session));
  const message = `Nothing matches ${what}: none of ${count(all.length, 'VM')} has a session "${[...sessions].join('", "')}"`;
  return new AppError('session-not-found', message, {
    hint: '--create creates it; azlin list shows the sessions',
    cause: cause && 'cause' in cause ? cause.cause : undefined,
  });
}
