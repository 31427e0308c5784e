import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Clock, pause } from '../domain/clock.ts';
import type { DemoFleet } from './demo-fleet.ts';
import type { Tools } from './tools.ts';
import { STEPS, type TourStep } from './tour-steps.ts';
import { noTerminalReason } from './virtual-machine.ts';

const run = promisify(execFile);

const STEP_LIMIT = 30_000;

export interface Tour {
  readonly fleet: DemoFleet;
  readonly tools: Tools;
  readonly clock: Clock;
  readonly print: (text: string) => void;
}

/** Prints each command and its output, and returns whether every one did what it should. */
export async function takeTour(tour: Tour, signal: AbortSignal): Promise<boolean> {
  const { fleet, print } = tour;
  const failed: { readonly line: string; readonly output: string }[] = [];
  for (const step of STEPS) {
    const line = await lineOf(step, tour, signal);
    print(`\n# ${step.says}\n$ ${line.replaceAll('\n', '\n> ')}\n`);
    const { code, output } = await shell(line, fleet.environment, signal);
    print(output);
    const expected = step.exitCode ?? 0;
    if (code !== 0) print(`(exit code ${code})\n`);
    if (code !== expected || !step.expects.test(output)) failed.push({ line, output: `${output}(exit code ${code})` });
  }
  print('\n# A real terminal: attach, type, detach with Ctrl-B d\n$ azlin connect myvm:dev\n');
  const skipped = await noTerminalReason();
  if (skipped) print(`(not checked: ${skipped})\n`);
  else {
    const screen = await attachOnTerminal(tour, signal);
    print(screen);
    if (!RIGHT_ON_TERMINAL.test(screen)) failed.push({ line: 'azlin connect myvm:dev', output: screen });
  }
  // Once more at the end: of a long log, that is what is read first.
  for (const { line, output } of failed) print(`\nFAILED: ${line}\n${output.trimEnd()}\n`);
  if (failed.length > 0) return false;
  const all = STEPS.length + 1;
  print(skipped ? `\n${all - 1} of ${all} steps passed; 1 could not be checked.\n` : `\nAll ${all} steps passed.\n`);
  return true;
}

async function lineOf({ line, better }: TourStep, { fleet }: Tour, signal: AbortSignal): Promise<string> {
  if (!better) return line;
  const { code } = await shell(`command -v ${better.program} >/dev/null`, fleet.environment, signal);
  return code === 0 ? better.line : line;
}

const RIGHT_ON_TERMINAL = /hello from a terminal\n.*myvm:dev: detached.*exit code 0/s;

async function shell(
  line: string,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ code: number; output: string }> {
  // The shell does not get azlin's standard input, as in a pipeline.
  const child = run('/bin/sh', ['-c', `exec 2>&1 </dev/null\n${line}`], { env, signal, timeout: STEP_LIMIT });
  try {
    return { code: 0, output: (await child).stdout };
  } catch (error) {
    const { code, stdout = '' } = error as { code?: number | string; stdout?: string };
    signal.throwIfAborted();
    return { code: typeof code === 'number' ? code : 1, output: stdout };
  }
}

/** Uses tmux as the terminal: sends what a person would type, and reads what a person would see. */
async function attachOnTerminal({ fleet, tools, clock }: Tour, signal: AbortSignal): Promise<string> {
  const env = { ...fleet.environment, TMUX_TMPDIR: fleet.directory, TERM: 'xterm-256color' };
  const tmux = async (...args: string[]) =>
    (await run(tools.tmux, ['-u', '-L', 'tour', ...args], { env, signal, timeout: STEP_LIMIT })).stdout;
  const screenWith = async (expected: RegExp) => {
    const until = clock.now() + STEP_LIMIT;
    for (;;) {
      const screen = await tmux('capture-pane', '-p', '-t', '=tour:');
      if (expected.test(screen) || clock.now() > until) return screen;
      await pause(clock, 50, signal);
    }
  };
  try {
    await tmux(
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      '-s',
      'tour',
      '-x',
      '72',
      '-y',
      '8',
      'azlin connect myvm:dev; echo "exit code $?"; exec sleep 60',
    );
    await screenWith(/\[dev\]/);
    await tmux('send-keys', '-t', '=tour:', "clear; echo 'hello from' a terminal", 'Enter');
    const attached = await screenWith(/^hello from a terminal$/m);
    await tmux('send-keys', '-t', '=tour:', 'C-b', 'd');
    const detached = await screenWith(/exit code \d/);
    return `${attached.trimEnd()}\n\n${detached.trimEnd()}\n`;
  } finally {
    await run(tools.tmux, ['-L', 'tour', 'kill-server'], { env }).catch(() => {});
  }
}
