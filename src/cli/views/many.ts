import { formatDuration } from '../../domain/duration.ts';
import { foldNames, listNames } from '../../domain/fold-names.ts';
import { exitStatusOf, timedOutText } from '../../domain/outcome.ts';
import { count, printable, shorten } from '../../domain/text.ts';
import type { Gathered } from '../../operations/many/output-sinks.ts';
import { isGood, type TargetResult } from '../../operations/many/target-result.ts';
import type { ExitPolicy } from '../line/fleet-options.ts';

/** What `--format` and `--result` say of one target. Fields are only ever added. */
export function recordOf(result: TargetResult): object {
  const { identifier, hostname, session, outcome, durationMs, attempts, jobId, isFound } = result;
  const signal = outcome.kind === 'signaled' ? outcome.signal : null;
  const exitCode = outcome.kind === 'skipped' ? null : statusOf(result);
  const reason = isGood(result) ? null : reasonOfOutcome(result);
  const error = 'cause' in outcome ? { code: outcome.cause.code, message: outcome.cause.message } : null;
  const place = { target: identifier, hostname, session };
  return {
    ...place,
    outcome: outcome.kind,
    exitCode,
    signal,
    durationMs,
    attempts,
    jobId,
    found: isFound,
    reason,
    error,
  };
}

/** The output as text if it is text, else in Base64. */
export function outputFields({ stdout, stderr, isCut }: Gathered): object {
  const isText = isTextual(stdout, isCut) && isTextual(stderr, isCut);
  const encoding = isText ? 'utf8' : 'base64';
  return { stdout: stdout.toString(encoding), stderr: stderr.toString(encoding), encoding, truncated: isCut };
}

/** Output that was cut may end in the middle of a character. */
function isTextual(bytes: Buffer, isCut: boolean): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: isCut });
    return true;
  } catch {
    return false;
  }
}

/** The exit status of one target; 0 for one that was skipped because of another. */
export function statusOf({ outcome }: TargetResult): number {
  if (outcome.kind === 'skipped') return outcome.cause.code === 'timed-out' ? 124 : 0;
  return outcome.kind === 'absent' ? 0 : exitStatusOf(outcome);
}

/** The exit status of all together. */
export function exitCodeOfAll(results: readonly TargetResult[], policy: ExitPolicy): number {
  const isAll = results.every(isGood);
  if (isAll || (policy === 'any' && results.some(isGood))) return 0;
  const worst = Math.max(...results.map(statusOf));
  return policy === 'all' || worst === 0 ? 1 : worst;
}

/** Why the target failed, on one line. */
export function reasonOfOutcome({ outcome }: TargetResult, lastWords = ''): string {
  const said = lastWords === '' ? '' : `: ${shorten(printable(lastWords), 200)}`;
  switch (outcome.kind) {
    case 'exited':
      return `exit ${outcome.code}${said}`;
    case 'signaled':
      return `ended by SIG${outcome.signal.replace(/^SIG/, '')}${said}`;
    case 'timed-out':
      return `${timedOutText(outcome)}${said}`;
    case 'cancelled':
      return `cancelled${said}`;
    default:
      return outcome.cause.message.replace(/\s*\n\s*/g, '; ');
  }
}

export interface Summary {
  /** One line about all targets together. */
  readonly text: string;
  /** A line for each reason: first of targets that failed, then of those that were skipped. */
  readonly failures: readonly string[];
  readonly hints: readonly string[];
}

const MOST_HINTS = 3;

/** What became of all targets. `wordsOf`: the last line that a target wrote to stderr. */
export function summaryOf(
  results: readonly TargetResult[],
  durationMs: number,
  wordsOf: (target: string) => string,
): Summary {
  const failed = results.filter((one) => !isGood(one) && one.outcome.kind !== 'skipped');
  const skipped = results.filter(({ outcome }) => outcome.kind === 'skipped');
  const good = results.length - failed.length - skipped.length;
  const counts = [
    ...(good > 0 ? [`${good} of ${results.length} done`] : []),
    ...(failed.length > 0 ? [`${failed.length} failed`] : []),
    ...(skipped.length > 0 ? [`${skipped.length} skipped`] : []),
  ];
  const slowest = [...results].sort((a, b) => b.durationMs - a.durationMs)[0];
  const slow = slowest && results.length > 1 && slowest.durationMs >= 1_000 ? slowest : undefined;
  const end = slow ? `; longest: ${slow.target}, ${formatDuration(slow.durationMs)}` : '';
  const found = results.filter(({ isFound }) => isFound).length;
  const jobs = found > 0 ? `; ${count(found, 'job')} already existed` : '';
  const causes = failed.flatMap(({ outcome }) => ('cause' in outcome ? [outcome.cause] : []));
  return {
    text: `${counts.join(', ')} in ${formatDuration(durationMs)}${end}${jobs}`,
    failures: [...failureLines(failed, wordsOf), ...failureLines(skipped, wordsOf)],
    hints: [...new Set(causes.flatMap(({ hint }) => hint ?? []))].slice(0, MOST_HINTS),
  };
}

/** Targets with the same reason share a line. */
function failureLines(failed: readonly TargetResult[], wordsOf: (target: string) => string): readonly string[] {
  const byReason = new Map<string, string[]>();
  for (const result of failed) {
    const reason = reasonOfOutcome(result, wordsOf(result.target));
    const tries = result.attempts > 1 ? ` (${result.attempts} attempts)` : '';
    byReason.set(`${reason}${tries}`, [...(byReason.get(`${reason}${tries}`) ?? []), result.target]);
  }
  return [...byReason].map(([reason, targets]) => {
    const names = foldNames(targets).join(',');
    return `${names}${targets.length > 1 ? ` (${targets.length})` : ''}: ${reason}`;
  });
}

/** What is under way, for the progress line. */
export function progressText(
  state: { readonly all: number; readonly done: number; readonly failed: number },
  running: readonly { readonly target: string; readonly seconds: number }[],
): string {
  const { all, done, failed } = state;
  const [longest] = running;
  const parts = [`${done} of ${all} done`, ...(failed > 0 ? [`${failed} failed`] : []), `${running.length} running`];
  return `${parts.join(', ')}${longest ? `; longest: ${longest.target}, ${longest.seconds} s` : ''}`;
}

/** The targets that were still running when somebody interrupted. */
export function stillRunningText(targets: readonly string[]): string {
  return targets.length === 0
    ? 'Interrupted while nothing was running'
    : `Interrupted while ${targets.length === 1 ? 'this was' : 'these were'} running: ${listNames(targets, 20)}`;
}
