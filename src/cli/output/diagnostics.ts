import type { Print } from '../../operations/many/output-sinks.ts';
import type { IoStreams } from '../app.ts';
import type { ProgressLine } from './progress.ts';
import { printableLines } from './report-error.ts';
import type { Style } from './style.ts';

export interface Diagnostics {
  readonly io: IoStreams;
  readonly args: Readonly<Record<string, unknown>>;
  /** The style of stderr. */
  readonly style: Style;
  readonly progress: ProgressLine;
}

/** Writes to the screen while a command runs. The same line is not written twice. */
export function diagnostics({ io, args, style, progress }: Diagnostics) {
  const said = new Set<string>();
  let held: string[] | undefined;
  // These lines may quote servers and VMs, some of which are not trusted yet: none may move the cursor.
  const say = (line: string, paint = (text: string) => text) => {
    if (said.has(line)) return;
    said.add(line);
    const text = `${paint(printableLines(line))}\n`;
    if (held) return void held.push(text);
    progress.over(() => io.stderr.write(text));
  };
  const print: Print = (to, data) => {
    let isTaken = true;
    progress.over(() => {
      isTaken = io[to].write(data);
    });
    return isTaken ? undefined : drained(to);
  };
  // Several callers may wait for the same stream.
  const draining: Partial<Record<'stdout' | 'stderr', Promise<void>>> = {};
  const drained = (to: 'stdout' | 'stderr') => {
    draining[to] ??= nextDrain(io[to]).finally(() => delete draining[to]);
    return draining[to];
  };
  return {
    holdOutput() {
      const lines: string[] = [];
      held = lines;
      progress.hold(true);
      return () => {
        held = undefined;
        progress.hold(false);
        io.stderr.write(lines.join(''));
      };
    },
    print,
    failed: (line: string) => say(line, (text) => `${style.red('failed:')} ${text}`),
    hint: (line: string) => args['quiet'] || say(line, (text) => `${style.cyan('hint:')} ${text}`),
    warn: (line: string) => args['quiet'] || say(line, (text) => `${style.yellow('warning:')} ${text}`),
    note: (line: string) => args['quiet'] || say(line),
    trace: (line: string) => args['verbose'] && say(line, style.dim),
  };
}

/** Settles when the stream has room again, or its reader is gone. */
function nextDrain(stream: IoStreams['stdout']): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      for (const event of ['drain', 'error', 'close']) stream.off(event, settle);
      resolve();
    };
    for (const event of ['drain', 'error', 'close']) stream.once(event, settle);
  });
}
