import { createWriteStream, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type StepWorld, startAzlin } from './azlin-process.ts';
import { commandLine } from './command-line.ts';
import { recordLog } from './record-log.ts';
import { lastLineOf, mistakeIn, type ReportedResult, targetsIn, unfinished } from './results.ts';
import type { StepRun } from './step-state.ts';
import { environmentFileEntry } from './workflow-commands.ts';

export interface Turn {
  /** The id of the job. */
  readonly id: string;
  readonly target: string;
  readonly isFirst: boolean;
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of its stderr. */
  readonly said: string;
}

interface Logged extends Ended {
  /** The last line of a target's stderr. */
  wordsOf(target: string): string;
}

/** How many characters of the end of stderr are kept. */
const KEPT = 4_000;

/** Runs azlin once, with its output in the log and in the file of the step. */
export async function execute(
  world: StepWorld,
  step: StepRun,
  { id, target, isFirst }: Turn,
): Promise<readonly ReportedResult[]> {
  const { inputs, directory, isMany } = step;
  const [resultFile, envFile] = [join(directory, 'result.json'), join(directory, 'variables')];
  rmSync(resultFile, { force: true });
  const variables = inputs.variables.map(({ name, value }) => environmentFileEntry(name, value)).join('');
  writeFileSync(envFile, variables, { mode: 0o600 });
  const argv = commandLine({ inputs, id, directory, target, isMany }, { resultFile, envFile });
  try {
    const { code, signal, said, wordsOf } = await runLogged(world, step, { argv, target, isFirst });
    const text = existsSync(resultFile) ? readFileSync(resultFile, 'utf8') : undefined;
    if (text) return targetsIn(text, target).map((one) => ({ ...one, lastWords: wordsOf(one.target) }));
    // azlin empties the file before anything can run, so an empty file means that something may have run.
    if (signal !== null || text === '')
      return [unfinished(target, 'lost', `azlin stopped unexpectedly (${signal ?? `exit code ${code}`})`)];
    return [unfinished(target, 'not-started', mistakeIn(said) ?? 'azlin could not start; see the log')];
  } finally {
    rmSync(envFile, { force: true });
  }
}

interface Line {
  readonly argv: readonly string[];
  readonly target: string;
  readonly isFirst: boolean;
}

async function runLogged(
  world: StepWorld,
  { inputs, stdoutFile, isMany }: StepRun,
  { argv, target, isFirst }: Line,
): Promise<Logged> {
  const { log, cancelled } = world;
  const file = createWriteStream(stdoutFile, { flags: isFirst ? 'w' : 'a' });
  const failed = new Promise<never>((_, reject) => {
    file.once('error', reject);
  });
  const child = startAzlin(world, argv);
  // Only once: a second SIGTERM would end azlin before it has ended the jobs.
  const onCancel = () => child.kill('SIGTERM');
  cancelled.addEventListener('abort', onCancel, { once: true });
  if (cancelled.aborted) onCancel();
  child.stdin?.on('error', () => {});
  child.stdin?.end(inputs.run);
  let said = '';
  let isCut = false;
  child.stderr?.on('data', (chunk: Buffer) => {
    const all = `${said}${chunk}`;
    isCut ||= all.length > KEPT;
    said = all.slice(-KEPT);
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, said }));
  });
  const { end, wordsOf } = isMany ? gathered() : streamed();
  try {
    return { ...(await Promise.race([ended, failed])), wordsOf };
  } finally {
    cancelled.removeEventListener('abort', onCancel);
    // azlin still runs if its output could not be written, and nobody would wait for it.
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    end();
    await new Promise((resolve) => file.end(resolve));
  }

  function gathered() {
    const records = recordLog(log, inputs.format, (data) => file.write(data));
    child.stdout?.setEncoding('utf8').on('data', (text: string) => records.add(text));
    child.stderr?.on('data', (chunk: Buffer) => records.note(chunk));
    return { end: () => records.end(), wordsOf: records.lastWords };
  }

  function streamed() {
    log.group(`azlin exec ${target}`);
    const section = log.verbatim();
    child.stdout?.on('data', (chunk: Buffer) => {
      file.write(chunk);
      section.write(chunk);
    });
    child.stderr?.on('data', (chunk: Buffer) => section.write(chunk));
    const end = () => {
      section.end();
      log.endGroup();
    };
    // Part of a line may be part of a secret, which the runner would not mask.
    const isWhole = () => !isCut || said.trimEnd().includes('\n');
    return { end, wordsOf: () => (isWhole() ? lastLineOf(said) : '') };
  }
}
