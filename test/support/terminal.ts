import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { until } from './until.ts';

const run = promisify(execFile);

/** A real terminal: tmux shows what a person would see and types what a person would type. */
export interface RealTerminal {
  /** What the screen shows, without colours. */
  screen(): Promise<string>;
  /** Waits until the screen matches, and returns it. */
  shows(expected: RegExp): Promise<string>;
  /** Types text as it is. */
  type(text: string): Promise<void>;
  /** Presses keys by tmux's names: `Enter`, `C-c`, `F5`. */
  press(...keys: readonly string[]): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
  /** What a program left switched on: alternate screen, hidden cursor, mouse, application keys. All off: `0 1 0 0`. */
  leftOn(): Promise<string>;
  /** How often the bell has rung since the last call. */
  bells(): Promise<number>;
  /** Runs a command in the terminal's own tmux, for what nobody can type. */
  tmux(...args: readonly string[]): Promise<string>;
  /** The title of its window. */
  title(): Promise<string>;
  close(): Promise<void>;
}

/** Opens a terminal with a clean bash in it. */
export async function openTerminal(
  environment: Readonly<Record<string, string>>,
  columns = 80,
  rows = 24,
): Promise<RealTerminal> {
  const directory = mkdtempSync('/tmp/azlin-term-');
  const env = { ...environment, TMUX_TMPDIR: directory, TERM: 'xterm-256color' };
  writeFileSync(`${directory}/rc`, "PS1='local$ '\n");
  const tmux = async (...args: string[]) => (await run('tmux', ['-u', '-f', '/dev/null', ...args], { env })).stdout;
  await tmux(
    'new-session',
    '-d',
    '-s',
    'term',
    '-x',
    String(columns),
    '-y',
    String(rows),
    `exec bash --noprofile --rcfile ${directory}/rc`,
  );
  const bells = `${directory}/bells`;
  await tmux('set-hook', '-g', 'alert-bell', `run-shell "printf x >>${bells}"`);
  await tmux('set-option', '-g', 'bell-action', 'any');
  const screen = () => tmux('capture-pane', '-p', '-t', '=term:');
  const terminal: RealTerminal = {
    screen,
    tmux,
    async shows(expected) {
      let last = '';
      try {
        return await until(`the screen to show ${expected}`, async () => {
          last = await screen();
          return expected.test(last) ? last : undefined;
        });
      } catch (error) {
        throw new Error(`${(error as Error).message}; it shows:\n${last}`);
      }
    },
    type: async (text) => void (await tmux('send-keys', '-t', '=term:', '-l', '--', text)),
    press: async (...keys) => void (await tmux('send-keys', '-t', '=term:', ...keys)),
    resize: async (width, height) =>
      void (await tmux('resize-window', '-t', '=term:', '-x', String(width), '-y', String(height))),
    leftOn: async () =>
      (
        await tmux(
          'display-message',
          '-p',
          '-t',
          '=term:',
          '#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{keypad_cursor_flag}',
        )
      ).trim(),
    title: async () => (await tmux('display-message', '-p', '-t', '=term:', '#{pane_title}')).trim(),
    async bells() {
      const rung = existsSync(bells) ? readFileSync(bells, 'utf8').length : 0;
      writeFileSync(bells, '');
      return rung;
    },
    async close() {
      await run('tmux', ['kill-server'], { env }).catch(() => {});
      rmSync(directory, { recursive: true, force: true });
    },
  };
  await terminal.shows(/local\$/);
  return terminal;
}
