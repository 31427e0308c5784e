import { isUtf8 } from 'node:buffer';
import { exitCodeOf } from '../domain/error-traits.ts';
import { AppError, toAppError } from '../domain/errors.ts';
import { shorten } from '../domain/text.ts';
import type { App, IoStreams } from './app.ts';
import type { LoadedCommand } from './command.ts';
import { CONTENTS } from './commands/index.ts';
import { builtIn, formatIn, styleOn, wordAfter } from './line/built-in.ts';
import { GLOBAL_OPTIONS } from './line/options.ts';
import { parseLine } from './line/parse-line.ts';
import { type SplitArgv, splitArgv } from './line/split-argv.ts';
import { type Line, makeCall, type Run, type SettledSoFar } from './make-call.ts';
import { errorJson, errorText, hintInScope } from './output/report-error.ts';
import type { ColorChoice } from './output/style.ts';
import { render } from './views/print.ts';

/** Runs one command line and returns the exit code. Never rejects. */
export async function runProgram(run: Run): Promise<number> {
  const { argv, app, io } = run;
  let split: SplitArgv = { own: argv, remote: [], verb: undefined, command: undefined, misplaced: undefined };
  const known: SettledSoFar = {};
  try {
    split = await splitArgv(argv, CONTENTS, GLOBAL_OPTIONS);
    checkEncoding(argv, app);
    const text = await builtIn(run, split);
    if (text !== undefined) {
      await write(io, text);
      return 0;
    }
    const { command, own, remote } = split;
    if (!command) throw new AppError('usage', 'Missing command', { hint: 'azlin --help' });
    const { exitCode, failure } = await callCommand(run, command, { ...parseLine(own, command), remote, known });
    return failure ? await reportError(run, failure, { ...split, ...known }) : exitCode;
  } catch (thrown) {
    known.progress?.show(undefined);
    return await reportError(run, toAppError(thrown), { ...split, ...known });
  } finally {
    await app.close((line) => known.warn?.(line));
  }
}

/** Refuses arguments that are not UTF-8. Node replaces such bytes, so something else would run than what was typed. */
function checkEncoding(argv: readonly string[], app: App): void {
  if (!argv.some((word) => word.includes('\ufffd'))) return;
  const bad = app.givenArguments()?.find((bytes) => !isUtf8(bytes));
  if (!bad) return;
  const shown = bad
    .toString('latin1')
    .replace(/[^ -~]/g, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`);
  throw new AppError('usage', `An argument is not valid UTF-8: ${shorten(shown, 200)}`, {
    hint: 'a script on standard input or --env-file can hold any bytes',
  });
}

async function callCommand(
  run: Run,
  command: LoadedCommand,
  line: Line,
): Promise<{ readonly exitCode: number; readonly failure: AppError | undefined }> {
  const { call, progress, format } = await makeCall(run, command, line);
  const { data, exitCode = 0, notes = [], failures = [], hints = [], failure } = await command.run(call);
  progress.show(undefined);
  const { io, styles } = call;
  const width = io.stdout.isTTY ? io.stdout.columns : undefined;
  const context = { style: styles.stdout, width, now: call.app.clock.now() };
  if (data !== undefined && command.view) await write(io, await render({ view: command.view, data, format, context }));
  for (const one of notes) call.note(one);
  for (const one of failures) call.failed(one);
  for (const one of hints) call.hint(one);
  return { exitCode, failure };
}

/** Reports an error. It may come from parsing the options or even before that, so the options that matter here are read from the words. */
async function reportError(
  { app, io }: Run,
  error: AppError,
  { own, remote, command, format, scope = [] }: SplitArgv & SettledSoFar,
): Promise<number> {
  const asJson = /json$/.test(format ?? formatIn(own) ?? app.environment['AZLIN_FORMAT'] ?? '');
  const style = styleOn(io.stderr, wordAfter(own, 'color') as ColorChoice | undefined, app);
  const verbose = own.some((word) => word === '--verbose' || /^-[a-z]*v/.test(word));
  const hint = error.hint && hintInScope(error.hint, { verbs: await scoped(scope), words: scope });
  io.stderr.write(asJson ? errorJson(error, hint) : errorText(error, hint, { style, verbose }));
  const { failsWith255 = false } = command ?? {};
  const asSsh = failsWith255 === 'with-command' ? remote.length > 0 : failsWith255;
  return asSsh && error.code !== 'interrupted' ? 255 : exitCodeOf(error.code);
}

/** The commands that take scope options; none if there is no scope to add. */
async function scoped(scope: readonly string[]): Promise<readonly string[]> {
  if (scope.length === 0) return [];
  const definitions = await Promise.all(CONTENTS.entries.map(async ({ name, load }) => ({ name, ...(await load()) })));
  return definitions.filter(({ options }) => 'all-subscriptions' in options).map(({ name }) => name);
}

function write({ stdout }: IoStreams, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // Through azlin's daemon, a long text is on its way when its own write is done; an empty write is done when all before it are.
    stdout.write(text, () => {});
    stdout.write('', (error) => {
      // The reader is gone, as with `| head`: that is not an error.
      if (!error || (error as NodeJS.ErrnoException).code === 'EPIPE') return resolve();
      reject(new AppError('usage', `Cannot write to standard output: ${error.message}`, { cause: error }));
    });
  });
}
