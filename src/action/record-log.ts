import { lastLineOf, type ReportedResult, reportedReason } from './results.ts';
import type { WorkflowLog } from './workflow-commands.ts';

interface Record extends ReportedResult {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly encoding?: 'utf8' | 'base64';
  readonly truncated?: boolean;
}

export interface RecordLog {
  /** Takes output of `--format ndjson`, in pieces of any length. */
  add(text: string): void;
  /** Takes azlin's stderr, which is logged at the end: it must not appear in the middle of a group. */
  note(chunk: Buffer): void;
  /** The last line of a target's stderr. */
  lastWords(target: string): string;
  end(): void;
}

/** Takes the records of `--format ndjson`: each target becomes a group of the log, and its output goes to a file in the wanted format. */
export function recordLog(
  log: WorkflowLog,
  format: 'text' | 'json' | 'ndjson',
  keep: (data: string) => void,
): RecordLog {
  const records: Record[] = [];
  const pieces: string[] = [];
  const notes: Buffer[] = [];
  const words = new Map<string, string>();
  const show = (record: Record) => {
    const { target, outcome, exitCode, durationMs, encoding = 'utf8', stdout = '', stderr = '', truncated } = record;
    const end = outcome === 'exited' ? `exit ${exitCode}` : reportedReason(record);
    log.group(`${target}: ${end} (${(durationMs / 1_000).toFixed(1)} s)`);
    const section = log.verbatim();
    for (const text of [stdout, stderr]) section.write(Buffer.from(text, encoding));
    section.end();
    log.endGroup();
    words.set(target, lastLineOf(Buffer.from(stderr, encoding).toString()));
    if (truncated) log.notice(`${target}: only the first 8 MiB of output was kept`);
    if (format === 'ndjson') keep(`${JSON.stringify(record)}\n`);
    if (format === 'text')
      keep(
        linesOf(Buffer.from(stdout, encoding).toString())
          .map((line) => `${target} | ${line}\n`)
          .join(''),
      );
    if (format === 'json') records.push(record);
  };
  const take = (line: string) => {
    try {
      show(JSON.parse(line) as Record);
    } catch {
      // Not a record of azlin. It goes to the log, so that it is not lost.
      log.text(line);
    }
  };
  return {
    add(text) {
      const end = text.lastIndexOf('\n');
      if (end < 0) return void pieces.push(text);
      const whole = [...pieces.splice(0), text.slice(0, end)].join('');
      pieces.push(text.slice(end + 1));
      for (const line of whole.split('\n')) take(line);
    },
    note: (chunk) => void notes.push(chunk),
    lastWords: (target) => words.get(target) ?? '',
    end() {
      log.text(Buffer.concat(notes));
      if (format === 'json') keep(`${JSON.stringify(records, null, 2)}\n`);
    },
  };
}

function linesOf(text: string): readonly string[] {
  const lines = text.split('\n');
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}
