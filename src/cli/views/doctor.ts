import { printable } from '../../domain/text.ts';
import type { Check } from '../../operations/doctor/findings.ts';
import type { View } from '../command.ts';

const WORDS: Readonly<Record<Check['status'], string>> = { ok: 'ok', warning: 'warn', failed: 'FAIL', skipped: '-' };
const WIDTH = 16;

/** `azlin doctor`: a line for each check, and under it what to do. */
export const doctorView: View<readonly Check[]> = {
  text(checks, { style, width }) {
    const paint: Record<Check['status'], (text: string) => string> = {
      ok: style.green,
      warning: style.yellow,
      failed: style.red,
      skipped: style.dim,
    };
    const indent = WIDTH + 6;
    const under = `\n${' '.repeat(indent)}`;
    const room = width === undefined ? Number.POSITIVE_INFINITY : Math.max(20, width - indent - 1);
    const blocks = checks.map(({ check, status, found, advice }) => {
      const shade = status === 'skipped' ? style.dim : (text: string) => text;
      const lines = found.split('\n').flatMap((line) => wrapped(printable(line.trim()), room));
      const todo = advice === null ? [] : wrapped(printable(advice), room - 3);
      const start = `${paint[status](WORDS[status].padEnd(5))} ${check.padEnd(WIDTH)}`;
      const advised = todo.map((line, index) => `${index === 0 ? style.cyan('->') : '  '} ${line}`);
      return `${start}${[...lines.map(shade), ...advised].join(under)}\n`;
    });
    return blocks.join('');
  },
  records: (checks) => checks,
  fields: ['check', 'status', 'found', 'advice', 'code'],
};

/** Lines of whole words, none longer than `room` unless one word is. */
function wrapped(text: string, room: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > room) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
