/** What `azlin exec --result` says of one target. */
export interface ReportedResult {
  readonly target: string;
  readonly hostname?: string;
  readonly outcome: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly durationMs: number;
  readonly jobId: string | null;
  readonly found: boolean;
  readonly reason?: string | null;
  readonly error?: { readonly message: string } | null;
  /** The last line of its stderr. */
  readonly lastWords?: string;
}

interface ManyResults {
  readonly results: readonly ReportedResult[];
  readonly error?: { readonly message: string };
}

/** The results in a result file, of one command or many; if nothing could start, one for `target` that says why. Throws if it is not JSON. */
export function targetsIn(text: string, target: string): readonly ReportedResult[] {
  const result = JSON.parse(text) as ReportedResult | ManyResults;
  if (!('results' in result)) return [result];
  const { results, error } = result;
  return results.length > 0 ? results : [unfinished(target, 'not-started', error?.message ?? 'no targets')];
}

/** The result for a target that azlin has not reported. */
export function unfinished(target: string, outcome: 'not-started' | 'lost', reason: string): ReportedResult {
  return { target, outcome, exitCode: 255, signal: null, durationMs: 0, jobId: null, found: false, reason };
}

/** The VM of a target: its hostname if that is known, else taken from the text of the target. */
export function hostOf({ target, hostname }: Pick<ReportedResult, 'target' | 'hostname'>): string {
  return hostname ?? target.replace(/^[^@[\]]*@/, '').replace(/:[^:\]]*$/, '');
}

/** The outcome of all targets together: that of the worst one. */
export function outcomeOf(results: readonly ReportedResult[]): string {
  const bad = results.filter((one) => !hasSucceeded(one));
  const [first] = bad.length > 0 ? bad.sort((a, b) => (b.exitCode ?? 0) - (a.exitCode ?? 0)) : results;
  return first?.outcome ?? 'not-started';
}

export function hasSucceeded({ outcome, exitCode }: ReportedResult): boolean {
  return outcome === 'exited' && exitCode === 0;
}

/** The last line that is not blank. */
export function lastLineOf(text: string): string {
  return text.trimEnd().split('\n').at(-1)?.trim() ?? '';
}

/** azlin's message about a mistake on its command line, with the names of inputs instead of options. */
export function mistakeIn(said: string): string | undefined {
  const [, message] = /^error: (.*)$/m.exec(said) ?? [];
  return message?.replace(/--(timeout|shell|user|subscription|resource-group|job)\b/g, 'the input "$1"');
}

/** Why the target failed, on one line. */
export function reportedReason({ outcome, exitCode, signal, reason, error, lastWords }: ReportedResult): string {
  if (outcome === 'exited') return lastWords ? `exit ${exitCode}: ${lastWords}` : `exit ${exitCode}`;
  if (reason) return reason;
  if (error) return error.message.replace(/\s*\n\s*/g, '; ');
  return signal === null ? outcome : `ended by SIG${signal.replace(/^SIG/, '')}`;
}

/** A table for the summary of the step. Names and reasons come from VMs, so nothing in them may act as Markdown. */
export function summaryTable(results: readonly ReportedResult[]): string {
  const rows = results.map((one) => [
    `${hasSucceeded(one) ? ':white_check_mark:' : ':x:'} ${cell(one.target)}`,
    cell(one.outcome),
    one.exitCode === null ? '' : `${one.exitCode}`,
    `${(one.durationMs / 1_000).toFixed(1)} s`,
    cell(one.jobId ?? ''),
    // Without the last line of stderr: the runner would not recognize a secret in it behind Markdown's backslashes.
    hasSucceeded(one) ? '' : cell(reportedReason({ ...one, lastWords: '' })),
  ]);
  const lines = [
    ['Target', 'Outcome', 'Exit', 'Time', 'Job', 'Reason'],
    ['---', '---', '---', '---', '---', '---'],
    ...rows,
  ];
  return `### azlin\n\n${lines.map((line) => `| ${line.join(' | ')} |`).join('\n')}\n\n`;
}

function cell(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ').slice(0, 300);
  // Backslashes make Markdown literal; character references do the same for what is left of HTML, links and emoji.
  return plain
    .replace(/[\\`*_{}[\]()#+!|~-]/g, '\\$&')
    .replace(/[&<>:@]|www\./gi, (one) => `&#${one.charCodeAt(0)};${one.slice(1)}`);
}
