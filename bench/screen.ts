import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

export interface Screen {
  readonly child: ChildProcessWithoutNullStreams;
  /** Resolves when `text` has been shown since the last call. */
  shows(text: string): Promise<void>;
  type(text: string): void;
}

/** A program in a pseudo-terminal of 80 columns and 24 rows. */
export function openScreen(argv: readonly string[], environment: Readonly<Record<string, string>>): Screen {
  const line = ['stty', 'cols', '80', 'rows', '24', '&&', 'exec', ...argv.map((word) => `'${word}'`)].join(' ');
  const env = { ...environment, TERM: 'xterm-256color', TMUX: '' };
  const child = spawn('script', ['-qefc', line, '/dev/null'], { env, stdio: 'pipe' });
  let seen = '';
  let wanted: { readonly text: string; readonly resolve: () => void } | undefined;
  child.stdout.on('data', (chunk: Buffer) => {
    // Keep enough to find a text that arrives in pieces.
    seen = (seen + chunk.toString('latin1')).slice(-100_000);
    if (!wanted || !seen.includes(wanted.text)) return;
    wanted.resolve();
    wanted = undefined;
  });
  return {
    child,
    shows(text) {
      seen = text.length > 1 ? seen : '';
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`no "${text}" in: ${JSON.stringify(seen.slice(-500))}`)),
          60_000,
        );
        wanted = {
          text,
          resolve() {
            clearTimeout(timer);
            seen = '';
            resolve();
          },
        };
        if (seen.includes(text)) {
          wanted.resolve();
          wanted = undefined;
        }
      });
    },
    type: (text) => void child.stdin.write(text),
  };
}
